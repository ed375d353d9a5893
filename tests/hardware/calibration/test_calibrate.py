"""The fit recovers parameters planted in a simulated hand."""

import numpy as np
import pytest

pytest.importorskip("mujoco")
pytest.importorskip("mcap")

from hardware import calibrate
from hardware.bundle import model_patch
from hardware.bundle.kinematics import fingertips
from hardware.bundle.model_patch import Patch
from hardware.calibration import identification
from hardware.calibration.identification import Recording
from hardware.simulation.backlash import Backlash

BUNDLE = "--bundle=tests/hardware/bundle"

# Off the shipped model's by factors of 0.6 to 1.6, and of 0.1 to 0.6 for play.
PLANTED = Patch(
    joints={
        "rh_FFJ4": {"damping": 0.08, "frictionloss": 0.016, "low": -0.3, "high": 0.3},
        "rh_FFJ3": {"damping": 0.03, "frictionloss": 0.006, "low": -0.2, "high": 1.45},
        "rh_FFJ2": {"damping": 0.075, "frictionloss": 0.015, "low": 0.05, "high": 1.5},
        "rh_FFJ1": {"damping": 0.04, "frictionloss": 0.007, "low": 0.0, "high": 1.4},
    },
    actuators={
        "rh_A_FFJ4": {"gain": 1.3, "backlash_down": 20.0, "backlash_up": 40.0},
        "rh_A_FFJ3": {"gain": 0.8, "backlash_down": 10.0, "backlash_up": 30.0},
        "rh_A_FFJ0": {"gain": 0.65, "backlash_down": 35.0, "backlash_up": 8.0},
    },
)
OFFSETS = {"rh_FFJ4": 0.01, "rh_FFJ3": -0.04, "rh_FFJ2": 0.02, "rh_FFJ1": -0.03, "rh_WRJ1": 0.02}


@pytest.mark.slow
def test_planted_numbers_are_found_within_a_tenth(contents, tmp_path, capsys):
    joints = {name: dict(row) for name, row in PLANTED.joints.items()}
    for name, offset in OFFSETS.items():
        joints.setdefault(name, {})["offset"] = offset
    planted, log, out = tmp_path / "planted.json", tmp_path / "log.mcap", tmp_path / "found.json"
    planted.write_text(model_patch.pack(Patch(joints, PLANTED.actuators), {}))
    flags = ["--robot=simulated", f"--model_patch={planted}", "--digits=FF"]
    assert calibrate.main([BUNDLE, f"--log={log}", f"--out={out}", *flags]) == 0
    print(capsys.readouterr().out)
    found = model_patch.load(str(out))
    for group in ("joints", "actuators"):
        for name, numbers in getattr(PLANTED, group).items():
            for field, value in numbers.items():
                ours = getattr(found, group)[name][field]
                tolerance = {"abs": 0.01} if field in ("low", "high") else {"rel": 0.1}
                assert ours == pytest.approx(value, **tolerance), (name, field)
    for name in contents.joints:
        offset = found.joints.get(name, {}).get("offset", 0.0)
        assert offset == pytest.approx(OFFSETS.get(name, 0.0), abs=0.001), name
    assert {name[:5] for name in found.joints} == {"rh_WR", "rh_FF"}  # and no digit at rest


def test_offsets_follow_from_noisy_fingertips_some_unseen(contents):
    rng = np.random.default_rng(0)
    true = rng.uniform(-0.05, 0.05, 24)
    low, high = np.array([[j["low"], j["high"]] for j in contents.contract["joints"]]).T
    angles = rng.uniform(low, high, (400, 24))
    tips = fingertips(contents.chain, angles) + rng.normal(0, 0.0002, (400, 5, 3))
    tips[rng.uniform(size=(400, 5)) < 0.2] = np.nan
    found = identification.fit_offsets(Recording([], angles + true, tips), contents)
    np.testing.assert_allclose(found, true, atol=0.006)
    unseen = Recording([], angles, np.full_like(tips, np.nan))
    np.testing.assert_array_equal(identification.fit_offsets(unseen, contents), np.zeros(24))


def test_play_is_that_of_the_training():
    pytest.importorskip("dactyl_jax.config")
    import jax.numpy as jnp

    from dactyl_jax.randomization import actuation

    rng = np.random.default_rng(0)
    rates = rng.uniform(3, 60, (20, 2))
    ours = Backlash(rates, 0.08)
    memory = actuation.Play(jnp.zeros(20), *map(jnp.asarray, rates.T))
    for _ in range(50):
        angles = rng.uniform(-0.3, 0.3, 20)
        targets = angles + rng.normal(0, 0.2, 20)
        scene = actuation.ActuationScene(*[None] * 7)._replace(
            angles=jnp.asarray(angles), control_dt=0.08
        )
        command = actuation.Command(None, jnp.asarray(targets), None, None)
        memory, passed = actuation.apply_backlash(None, None, 1.0, memory, command, scene)
        np.testing.assert_allclose(ours.pass_on(targets, angles), passed.targets, atol=2e-6)
    still = Backlash(np.zeros((20, 2)), 0.08)
    np.testing.assert_array_equal(still.pass_on(targets, angles), targets)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--log=a.mcap"], "--robot records a log, --out fits one"),
        (["--log=a.mcap", "--out=a.txt"], "'a.txt' must end in .json"),
        (["--log=a.mcap", "--out=a.json"], "No such file or directory: a.mcap"),
        (["--log=a.mcap", "--robot=simulated", "--digits=FF,XX"], "unknown 'XX'"),
        (["--log=a.mcap", "--robot=ros", "--model_patch=p"], "goes with --robot=simulated"),
        (["--log=a.mcap", "--robot=simulated", "--model_patch=no.json"], "No such file"),
    ],
)
def test_mistakes_are_answered_in_one_line(
    arguments, message, capsys, folder, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert calibrate.main([f"--bundle={folder}", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1
