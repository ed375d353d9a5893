"""Work directories: only the same run resumes in one, and its metrics match its state."""

import json

import pytest

import dactyl_jax.config
from dactyl_jax.errors import UserError
from dactyl_jax.hand import patch
from experiments.runs.workdir import WorkDirectory


@pytest.fixture
def claimed(tmp_path):
    workdir = WorkDirectory(tmp_path / "run")
    workdir.claim(dactyl_jax.config.default(), {})
    return workdir


def test_the_configuration_survives_with_its_types(claimed):
    config = claimed.load_config()
    assert config == dactyl_jax.config.default()
    assert config.network.dense == (1024,)
    assert isinstance(config.network.dense, tuple)
    config.terms.mass.enabled = True
    claimed.claim(config, {})
    assert claimed.load_config().terms.mass.enabled is True


@pytest.mark.parametrize(
    ("field", "value"), [("engine", "native"), ("env.object", "prism"), ("num_envs", 64)]
)
def test_another_configuration_is_refused_by_naming_the_field(claimed, field, value):
    other = dactyl_jax.config.default()
    other.update_from_flattened_dict({field: value})
    before = claimed.config_file.read_bytes()
    with pytest.raises(UserError, match=field):
        claimed.check(other)
    assert claimed.config_file.read_bytes() == before


def test_when_to_stop_may_differ(claimed):
    other = dactyl_jax.config.default()
    other.run.max_minutes = 99.0
    assert claimed.check(other)


def test_other_folders_and_files_are_left_alone(tmp_path):
    config = dactyl_jax.config.default()
    assert not WorkDirectory(tmp_path / "new").check(config)
    assert not WorkDirectory(tmp_path).check(config)
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(UserError, match=r"no config\.json"):
        WorkDirectory(tmp_path).check(config)
    with pytest.raises(UserError, match="is a file"):
        WorkDirectory(tmp_path / "thesis.tex").check(config)


def patched(file, damping):
    """A configuration with a model patch in `file`."""
    joints = {"rh_FFJ3": {"damping": damping}}
    file.write_text(
        json.dumps({"format": patch.FORMAT, "version": patch.VERSION, "joints": joints})
    )
    config = dactyl_jax.config.default()
    config.env.model_patch = str(file)
    return config


def test_a_run_keeps_the_hand_that_it_began_with(tmp_path):
    file, workdir = tmp_path / "hand.json", WorkDirectory(tmp_path / "run")
    config = patched(file, 0.06)
    workdir.claim(config, {})
    assert workdir.check(config)
    assert workdir.check(patched(tmp_path / "same.json", 0.06))  # by content, not by name
    with pytest.raises(UserError, match=r"has env\.model_patch="):
        workdir.check(patched(file, 0.12))
    file.unlink()
    moved = WorkDirectory(workdir.path.rename(tmp_path / "moved"))
    assert patch.load(moved.load_config().env.model_patch).joints["rh_FFJ3"] == {"damping": 0.06}
    assert moved.check(moved.load_config())
    # A process that was killed while it took the directory leaves it to the next one.
    moved.config_file.unlink()
    moved.origin_file.unlink()
    assert not moved.check(patched(file, 0.06))


def test_a_directory_from_before_a_field_is_read(claimed):
    fields = json.loads(claimed.config_file.read_text())
    del fields["env"]["model_patch"]
    del fields["terms"]["gravity"]
    del fields["terms"]["mass"]["low"]
    claimed.config_file.write_text(json.dumps(fields))
    expected = dactyl_jax.config.default()
    expected.terms.gravity.enabled = False  # the run predates this field
    assert claimed.load_config() == expected
    assert claimed.check(expected)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"seed": 1}'])
def test_a_damaged_configuration_is_named(claimed, text):
    claimed.config_file.write_text(text)
    with pytest.raises(ValueError, match=r"config\.json"):
        claimed.load_config()


def test_only_one_process_trains_in_a_directory(claimed):
    with claimed.lock(), pytest.raises(UserError, match="another process"), claimed.lock():
        pass
    with claimed.lock():
        pass


def test_rows_that_no_checkpoint_holds_are_dropped(claimed):
    for iteration in (1, 2, 3):
        claimed.append_metrics({"iteration": iteration, "loss": float("nan")})
    with claimed.metrics_file.open("a") as stream:
        stream.write('{"iteration": 4, "lo')
    assert [row["iteration"] for row in claimed.read_metrics()] == [1, 2, 3]
    assert claimed.read_metrics()[0]["loss"] is None
    assert [row["iteration"] for row in claimed.keep_metrics(2)] == [1, 2]
    claimed.append_metrics({"iteration": 3, "loss": 1.0})
    assert claimed.read_metrics()[-1] == {"iteration": 3, "loss": 1.0}


def test_a_damaged_row_costs_no_other(claimed):
    for iteration in (1, 2, 3):
        claimed.append_metrics({"iteration": iteration})
    first, _, last = claimed.metrics_file.read_bytes().splitlines(keepends=True)
    claimed.metrics_file.write_bytes(first + b'{"iter\xff\0\0\n17\n' + last)
    assert [row["iteration"] for row in claimed.keep_metrics(3)] == [1, 3]
    claimed.origin_file.write_text("{")
    with pytest.raises(UserError, match=r"origin\.json' is damaged"):
        claimed.read_origin()
