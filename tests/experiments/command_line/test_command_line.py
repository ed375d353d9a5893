"""User errors print one line that names the error, and exit with status 2."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from absl import flags
from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from dactyl_jax import devices
from dactyl_jax.errors import UserError
from dactyl_jax.vision import config as vision_config
from experiments import command_line, evaluate


def define_flags(values):
    flags.DEFINE_string("workdir", None, "a folder", flag_values=values)
    flags.DEFINE_float("max_minutes", None, "minutes", lower_bound=0.0, flag_values=values)
    command_line.define_engine_flag(values)


QUICK = str(command_line.CONFIGS / "quick.py")


def quick(values):
    return command_line.load_config_file(values.config or QUICK)


def run(arguments, main=lambda values, config: None, define_flags=define_flags):
    return command_line.run(
        main, summary="", define_flags=define_flags, base_config=quick, argv=arguments
    )


def parse(*arguments):
    return command_line.parse(arguments, define_flags, quick)[1]


@pytest.mark.parametrize(
    ("argument", "named"),
    [
        ("--foo=1", "'foo'"),
        ("--workdri=x", "did you mean: workdir"),
        ("loose", "'loose'"),
        ("--workdir", "workdir"),
        ("--engine=fast", "native"),
        ("--max_minutes=-1", "non-negative"),
        ("--max_minutes=nan", "finite"),
        ("--max_minutes=soon", "max_minutes=soon"),
        ("--config=nowhere.py", "nowhere.py"),
        ("--flagfile=nowhere", "nowhere"),
        ("--config.ppo.horzon=3", "ppo.horizon"),
        ("--config.horizon=3", "ppo.horizon"),
        ("--config.nothing=3", "nothing"),
        ("--config.ppo=3", "group"),
        ("--config.seed=1.5", "whole number"),
        ("--config.seed=-1", "seed"),
        ("--config.seed=99999999999999999999", "seed"),
        ("--config.seed", "no value"),
        ("--config.ppo.learning_rate=fast", "a number"),
        ("--config.ppo.learning_rate=nan", "learning_rate"),
        ("--config.network.memory=maybe", "true or false"),
        ("--noconfig.network.memory=true", "--config.network.memory=VALUE"),
        ("--config.terms.mass.enabled=None", "true or false"),
        ("--config.terms.mass.enabled=maybe", "true or false"),
        ("--config.network.dense=wide", "network.dense"),
        ("--config.network.dense=(64,", "a tuple"),
        ("--config.env.object=cube", "block"),
        ("--config.num_envs=0", "num_envs"),
        ("--config.ppo.minibatches=7", "minibatches"),
        ("--config.ppo.chunk=5", "chunk"),
    ],
)
def test_a_wrong_argument_is_named_in_one_line(argument, named, capsys):
    assert run([argument]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert named.lower() in output.err.lower()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("def get_config(:", "line 1"),
        ("import nothing_of_this_name", "ModuleNotFoundError"),
        ("x = 1", "get_config"),
        ("def get_config():\n    return 1 / 0", "line 2"),
        ("def get_config():\n    return {}", "ConfigDict"),
        ("from ml_collections import ConfigDict\nget_config = ConfigDict", "missing"),
        (
            "from dactyl_jax.config import default\ndef get_config():\n"
            "    c = default()\n    c.num_envs = 'many'\n    return c",
            "line 4",
        ),
        (
            "from dactyl_jax.config import default\ndef get_config():\n"
            "    c = default()\n    c.extra = 1\n    return c",
            "extra",
        ),
    ],
)
def test_a_wrong_configuration_file_is_named_in_one_line(text, named, tmp_path, capsys):
    file = tmp_path / "wrong.py"
    file.write_text(text)
    assert run([f"--config={file}"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "wrong.py" in error
    assert named in error


def test_fields_are_set_with_and_without_a_file():
    assert parse().num_envs == command_line.load_config_file(QUICK).num_envs
    assert parse("--config.num_envs=64").num_envs == 64
    assert parse("--config.num_envs", "64").num_envs == 64
    assert parse(f"--config={command_line.CONFIGS / 'dactyl.py'}").num_envs == 8192
    config = parse(
        f"--config={command_line.CONFIGS / 'dactyl.py'}", "--config.network.dense=(64,32)"
    )
    assert config.network.dense == (64, 32)
    assert config.network.lstm == 512


def test_switches_can_be_turned_off_and_unset_ones_set():
    assert parse("--noconfig.network.memory").network.memory is False
    assert parse("--config.network.memory=false").network.memory is False
    assert parse().terms.mass.enabled is None
    assert parse("--config.terms.mass.enabled=true").terms.mass.enabled is True


SCHEMAS = {"task": config_lib, "vision": vision_config}


def over_saved(schema, *arguments):
    """Parses a command line over a configuration restored from JSON."""
    saved = ConfigDict(json.loads(json.dumps(schema.default().to_dict())))
    unchecked = SimpleNamespace(default=schema.default, validate=lambda config: None)
    return command_line.parse(arguments, define_flags, lambda values: saved, unchecked)[1]


@pytest.mark.parametrize(
    ("schema", "field", "default"),
    [(name, *leaf) for name in SCHEMAS for leaf in config_lib.leaves(SCHEMAS[name].default())],
)
def test_every_field_of_a_saved_configuration_can_be_overridden(schema, field, default):
    written, value = {
        type(None): ("true", True),
        bool: (str(not default), not default),
        int: ("7", 7),
        float: ("7", 7.0),
        str: ("other", "other"),
        tuple: ("(5, 6)", (5, 6)),
    }[type(default)]
    config = dict(config_lib.leaves(over_saved(SCHEMAS[schema], f"--config.{field}={written}")))
    assert type(config[field]) is type(value)
    assert config == dict(config_lib.leaves(SCHEMAS[schema].default())) | {field: value}


@pytest.mark.parametrize(
    ("schema", "switch"),
    [
        (config_lib, "terms.backlash.enabled"),
        (config_lib, "network.memory"),
        (vision_config, "terms.lights.enabled"),
    ],
)
@pytest.mark.parametrize(
    ("spelling", "value"),
    [
        (("--config.{}",), True),
        (("--config.{}", "--config.seed=1"), True),
        (("--config.{}=True",), True),
        (("--config.{}=1",), True),
        (("--noconfig.{}",), False),
        (("--config.{}=false",), False),
        (("--config.{}", "false"), False),
        (("--config.{}=False",), False),
        (("--config.{}", "--noconfig.{}"), False),
    ],
)
def test_every_spelling_of_a_switch_is_understood(schema, switch, spelling, value):
    config = over_saved(schema, *(argument.format(switch) for argument in spelling))
    assert dict(config_lib.leaves(config))[switch] is value


@pytest.mark.parametrize(
    ("schema", "argument", "may_be"),
    [
        (config_lib, "--config.terms.backlash.enabled=maybe", "true or false"),
        (config_lib, "--config.network.lstm=1.5", "a whole number"),
        (config_lib, "--config.env.goal_timeout_s=long", "a number"),
        (vision_config, "--config.terms.lights.enabled=2", "true or false"),
        (vision_config, "--config.network.dense=(1,", "a tuple such as (256,)"),
    ],
)
def test_a_wrong_value_over_a_saved_one_is_told_with_what_it_may_be(schema, argument, may_be):
    with pytest.raises(UserError) as error:
        over_saved(schema, argument)
    assert argument.partition("=")[0] in str(error.value)
    assert str(error.value).endswith(f"it must be {may_be}")


def test_an_evaluation_turns_a_term_of_its_policy_off():
    _, config = command_line.parse(
        ["--pretrained", "--config.terms.backlash.enabled=false"],
        evaluate.define_flags,
        evaluate.base_config,
    )
    assert config.terms.backlash.enabled is False
    assert config.terms.mass.enabled is None
    assert config.env.goal_timeout_s == 80.0


def test_short_flags_win_over_fields():
    config = parse("--max_minutes=3", "--engine=native", "--config.run.max_minutes=5")
    assert config.run.max_minutes == 3.0
    assert config.engine == "native"


def test_help_lists_flags_and_fields_without_reading_anything(capsys):
    assert run(["--help", "--config=nowhere.py"]) == 0
    text = capsys.readouterr().out
    assert "--max_minutes" in text
    assert "--config.ppo.horizon=" in text


def test_users_errors_are_messages_and_all_others_keep_their_traceback(capsys):
    def raise_ours(values, config):
        raise UserError("config.a is 1;\n it must be 2")

    def run_out_of_memory(values, config):
        raise MemoryError

    def miss_a_file(values, config):
        Path("nowhere/file").read_text()

    assert run([], raise_ours) == 2
    assert capsys.readouterr().err.endswith("config.a is 1; it must be 2\n")
    assert run([], run_out_of_memory) == 2
    assert "num_envs" in capsys.readouterr().err
    assert run([], miss_a_file) == 2
    assert "nowhere/file" in capsys.readouterr().err

    def divide(values, config):
        raise ZeroDivisionError

    def multiply(values, config):  # as in a user-defined term
        np.zeros(3) @ np.zeros(4)

    for mistake, error in ((divide, ZeroDivisionError), (multiply, ValueError)):
        with pytest.raises(error):
            run([], mistake)


def test_paths_begin_at_home_and_are_not_empty(capsys):
    seen = {}

    def look(values, config):
        seen.update(policies=values.policies, workdir=values.workdir)

    def define(values):
        define_flags(values)
        flags.DEFINE_string("policies", None, "of several", flag_values=values)

    assert run(["--workdir=~/runs/a", "--policies=a=~/x,b=~/y"], look, define) == 0
    home = str(Path.home())
    assert seen == {"policies": f"a={home}/x,b={home}/y", "workdir": f"{home}/runs/a"}
    assert run(["--workdir="], look, define) == 2
    assert "--workdir is empty" in capsys.readouterr().err


def test_a_shells_switches_of_jax_change_nothing():
    kinds = []

    def look(values, config):
        key = jax.random.key(0)
        numbers = jnp.asarray(np.ones(2)).dtype, jax.config.jax_default_matmul_precision
        kinds.append((*numbers, key.dtype, jax.random.bits(key)))

    switches = {"jax_enable_x64": True, "jax_default_prng_impl": "rbg"}
    switches |= {"jax_random_seed_offset": 1, "jax_default_matmul_precision": "bfloat16"}
    key = jax.random.key(0)
    expected = jnp.float32, None, key.dtype, jax.random.bits(key)
    try:
        for name, value in switches.items():
            jax.config.update(name, value)
        assert run([], look) == 0
    finally:
        devices.pin_defaults()
    assert kinds == [expected]


@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize(
    ("program", "argument"),
    [("experiments.describe", "--pretrained"), ("hardware.verify", "tests/hardware/bundle")],
)
def test_a_reader_that_leaves_ends_a_program_quietly(program, argument, buffered):
    read, write = os.pipe()
    os.close(read)
    try:
        result = subprocess.run(
            [sys.executable, "-m", program, argument],
            env=os.environ | {"PYTHONUNBUFFERED": buffered},
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(write)
    assert (result.returncode, result.stderr) == (141, "")


@pytest.mark.parametrize(
    "program", ["train", "evaluate", "record", "benchmark", "publish", "compare", "memory"]
)
def test_programs_refuse_an_unknown_flag(program):
    result = subprocess.run(
        [sys.executable, "-m", f"experiments.{program}", "--no_such_flag"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith(f"{program}: ")
    assert "no_such_flag" in result.stderr
