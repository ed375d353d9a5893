"""Every command in README.md, WORKSPACE.md and docs/ is valid.

The programs' parsers and checks read all commands here. `EXECUTED` names the test that runs each
program; the last tests run the commands that no other test covers.
"""

import contextlib
import importlib
import re
import shutil
import subprocess

import pytest
from absl import flags

from dactyl_jax import config as config_lib
from dactyl_jax import physics
from experiments import command_line
from experiments.command_line import running
from experiments.evaluation import end_of_run
from experiments.runs import policies
from experiments.runs.workdir import WorkDirectory
from experiments.training import processes
from experiments.vision import directory
from hardware.base import cli as hardware_cli
from tests.docs.commands import ROOT, Command, code_spans, commands, mentioned_flags
from tests.experiments.conftest import TINY

# Prefixes of code blocks without commands.
NO_COMMANDS = (
    "{",
    "<launch>",
    "#!/bin/sh",
    "import ",
    "config -> ",
    "hours = ",
    "name  ",
    "def ",
    "PhysicsTerm(",
    "StepTerm(",
)

# The test that runs each program; the robot programs run on a simulated hand.
EXECUTED = {
    "experiments.ablations": "experiments/test_study.py",
    "experiments.benchmark": "experiments/test_programs.py",
    "experiments.benchmark_gymnasium": "experiments/test_benchmark.py",
    "experiments.benchmark_views": "experiments/test_vision_programs.py",
    "experiments.calibrate_cameras": "experiments/test_vision_programs.py",
    "experiments.compare": "experiments/test_compare.py",
    "experiments.describe": "experiments/test_describe.py",
    "experiments.evaluate": "experiments/test_programs.py",
    "experiments.evaluate_vision": "experiments/test_vision_programs.py",
    "experiments.grasps": "experiments/test_grasps.py",
    "experiments.memory": "experiments/test_study.py",
    "experiments.play": "viewer/visiting.py",
    "experiments.profile": "experiments/test_benchmark.py",
    "experiments.publish": "experiments/test_publish.py",
    "experiments.publish_vision": "experiments/test_vision_programs.py",
    "experiments.record": "experiments/test_programs.py",
    "experiments.render_dataset": "experiments/test_vision_programs.py",
    "experiments.replay_nan": "experiments/test_replay_nan.py",
    "experiments.report": "experiments/test_study.py",
    "experiments.scale": "experiments/test_study.py",
    "experiments.sensitivity": "experiments/test_sensitivity.py",
    "experiments.train": "experiments/test_train.py",
    "experiments.train_vision": "experiments/test_vision_programs.py",
    "experiments.variants": "experiments/test_study.py",
    "experiments.vision_sheet": "experiments/test_vision_programs.py",
    "hardware.calibrate": "hardware/calibration/test_calibrate.py",
    "hardware.export": "hardware/test_export.py",
    "hardware.replay": "hardware/test_programs.py",
    "hardware.run_trials": "hardware/test_programs.py",
    "hardware.simulated_hand": "hardware/robots/test_ros.py",
    "hardware.verify": "hardware/test_bundle.py",
}
# Other commands, and what runs them.
_FAULTS = "tests/hardware/faults"
OTHERS = {
    "python3 -m venv .venv": ".ci/run",
    ".venv/bin/pip install -e .[dev]": ".ci/run",
    "pip install -e .[dev]": ".ci/run",
    "source .venv/bin/activate": ".ci/run",
    ".venv/bin/python -m pytest -n 2 -m not slow": ".ci/run",
    "python -m experiments.examples.own_reward": "tests/experiments/examples/test_examples.py",
    "python -m experiments.notebooks.execute": "tests/experiments/test_notebook.py",
    "python -m sphinx -W -c docs . build/site": "tests/docs/test_site.py",
    "python -m tests.hardware.faults.mutations --bundles=500": f"{_FAULTS}/test_bundles.py",
    "python -m tests.hardware.faults.sessions --sessions=5000": f"{_FAULTS}/test_sessions.py",
    "python -m tests.hardware.make_bundle FOLDER": "tests/hardware/test_export.py",
    "python -m tests.viewer.visiting docs/figures/viewer.png": "tests/viewer/test_browser.py",
    "rosmaster --core": "tests/hardware/robots/test_ros.py",
}
# Placeholder flags, an example's flags, and flags of external programs.
FOREIGN = ("config.field", "config.terms.contact_time.enabled", "system", "check")
# Commands that no other test runs in this form, with arguments that reduce their size.
REDUCED = {
    "experiments.record --pretrained --pretrained_name=unrandomised --seconds=10 --width=480 "
    "--fps=25 --out=docs/figures/policy.webp": (
        *("--seconds=0.4", "--width=64", "--config.env.bank_size=16"),
    ),
    "experiments.evaluate --pretrained --pose=vision --renderer=gl --trials=20": (
        *("--renderer=warp", "--trials=2", "--goal_timeout_s=0.8", "--config.env.bank_size=4"),
    ),
    "experiments.train --workdir=runs/prism --config.env.object=prism --config.seed=1": (),
}
DIVERGENCE = physics.Divergence({}, None, 10, "native", config_lib.default().to_dict())


@pytest.fixture(scope="module")
def told() -> list[Command]:
    """Returns all commands."""
    return list(commands(NO_COMMANDS))


@pytest.fixture
def only_parsed(monkeypatch):
    """Makes programs stop after parsing; pretends that every work directory exists."""

    def parse(main, *, summary, define_flags, base_config, argv, schema=config_lib):
        monkeypatch.setattr(WorkDirectory, "load_config", lambda self: schema.default())
        command_line.parse(argv, define_flags, base_config, schema)
        return 0

    load_config = policies.load_config
    monkeypatch.setattr(running, "run", parse)
    monkeypatch.setattr(processes, "join", lambda distributed: None)
    monkeypatch.setattr(
        policies,
        "load_config",
        lambda run: load_config(run if run.startswith("pretrained") else "pretrained"),
    )
    monkeypatch.setattr(directory, "work_directory", WorkDirectory)
    monkeypatch.setattr(physics, "read_divergence", lambda file: DIVERGENCE)
    monkeypatch.setattr(
        hardware_cli, "run", lambda main, parser, argv: bool(parser.parse_args(argv)) - 1
    )
    monkeypatch.chdir(ROOT)


def test_programs_take_every_command(told, only_parsed):
    refused = []
    for command in told:
        if command.program is None:
            continue
        try:
            importlib.import_module(command.program).main(command.arguments)
        except (ValueError, flags.Error) as error:
            refused.append(f"{command.file}: {' '.join(command.words)}: {error}")
    assert not refused, "\n".join(refused)
    assert len(told) > 50


def test_flags_that_are_mentioned_exist(capsys):
    known = {name: _flags(name, capsys) for name in EXECUTED}
    anywhere = set.union(*known.values())
    unknown = [
        f"{file}: {program or ''} --{flag}"
        for file, program, flag in mentioned_flags()
        if flag.removeprefix("no") not in known.get(program, anywhere) and flag not in FOREIGN
    ]
    assert not unknown, "\n".join(unknown)


def _flags(name: str, capsys) -> set[str]:
    """Returns the flags that a program's `--help` lists."""
    with contextlib.suppress(SystemExit):
        importlib.import_module(name).main(["--help"])
    return {"config", "help", *re.findall(r"--(?:\[no\])?([\w.]+)", capsys.readouterr().out)}


def test_files_that_are_mentioned_exist():
    ours = re.compile(r"(?<![\w./~-])(?:dactyl_jax|experiments|hardware|tests|docs)/[\w./-]*\w")
    mentioned = {(file, path) for file, span in code_spans() for path in ours.findall(span)}
    assert len(mentioned) > 20
    missing = [f"{file}: {path}" for file, path in mentioned if not (ROOT / path).exists()]
    assert not missing, "\n".join(missing)


def test_every_program_is_executed_by_a_test(told):
    programs = {command.program for command in told if command.program}
    assert programs == set(EXECUTED)
    for name, file in EXECUTED.items():
        text = (ROOT / "tests" / file).read_text(encoding="utf-8")
        module = name.partition(".")[2]
        runs_it = rf'\b{module}\.(main\(|STUDY\b)|"{name}"|\b(start|finished)\("{module}"'
        assert re.search(runs_it, text), f"{file} does not run {name}"


def test_every_other_command_is_known(told):
    others = {" ".join(command.words) for command in told if command.program is None}
    signing = {command for command in others if command.startswith("ssh-keygen ")}
    assert others - signing == set(OTHERS)
    assert all((ROOT / file).is_file() for file in OTHERS.values())
    assert len(signing) == 2  # executed below


@pytest.mark.slow
@pytest.mark.parametrize("line", REDUCED)
def test_a_command_at_reduced_size(line, told, tmp_path, monkeypatch):
    assert ("python", "-m", *line.split()) in {command.words for command in told}
    name, *arguments = line.split()
    if name == "experiments.train":
        monkeypatch.setattr(end_of_run, "write", lambda workdir, config: None)
        arguments = [*TINY, *arguments, "--max_iterations=1"]
    monkeypatch.chdir(tmp_path)
    assert importlib.import_module(name).main([*arguments, *REDUCED[line]]) == 0


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="there is no ssh-keygen")
def test_a_bundle_is_signed_and_the_signature_verified(told, tmp_path):
    (tmp_path / "bundle").mkdir()
    sums = tmp_path / "bundle" / "SHA256SUMS"
    sums.write_text("0123  policy.onnx\n")
    key = tmp_path / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    public = key.with_suffix(".pub").read_text()
    (tmp_path / "allowed_signers").write_text(f"you@lab {public}")
    sign, verify = (
        " ".join(command.words).replace("~/.ssh/id_ed25519", str(key))
        for command in told
        if command.words[0] == "ssh-keygen"
    )

    def shell(line: str) -> int:
        return subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True).returncode

    assert shell(sign) == 0
    assert shell(verify) == 0
    sums.write_text("0124  policy.onnx\n")
    assert shell(verify) != 0
