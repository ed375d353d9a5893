import json

import numpy as np
import pytest

pytest.importorskip("mujoco")
pytest.importorskip("dactyl_jax.config")

import mujoco

from dactyl_jax import hand
from dactyl_jax.hand.patch import backlash_rates
from dactyl_jax.randomization import actuation
from hardware import simulated_hand
from hardware.base.errors import UserError
from hardware.base.frames import POLICY_FRAME
from hardware.bundle import kinematics, model_patch
from hardware.bundle.model_patch import Patch
from hardware.policy import actions, observation
from hardware.robots.robot import Listeners
from hardware.sight.mount import AT_FOREARM
from hardware.simulation import models
from hardware.simulation.assistant import Assistant
from hardware.simulation.hand import Errors, SimulatedHand
from hardware.simulation.in_process import InProcess
from hardware.trials import goals
from hardware.trials.bench import Bench
from hardware.trials.goals import RandomGoals
from hardware.trials.session import Session
from tests.hardware.fake_hand import Chooses


def _messages(robot, seconds):
    joints, poses = [], []
    robot.listen(Listeners(joints.append, poses.append, *[lambda message: None] * 3))
    robot.wait_until(robot.now() + seconds)
    return joints, poses


def test_the_bundles_kinematics_are_those_of_its_hand(contents):
    """Compares fingertips from the table with MuJoCo's from hand.xml, in random postures."""
    model = mujoco.MjModel.from_xml_string(contents.hand)
    data, layout = mujoco.MjData(model), hand.layout(model)
    rng = np.random.default_rng(0)
    forearm = data.body("rh_forearm")
    for _ in range(10):
        angles = rng.uniform(*model.jnt_range[[model.joint(n).id for n in contents.joints]].T)
        data.qpos[layout.joint_qpos] = angles
        mujoco.mj_kinematics(model, data)
        sites = np.array([data.site(name).xpos for name in hand.FINGERTIPS])
        expected = (sites - forearm.xpos) @ forearm.xmat.reshape(3, 3)
        ours = kinematics.fingertips(contents.chain, angles)
        np.testing.assert_allclose(ours, expected, atol=1e-6)


def test_the_contract_agrees_with_the_hand(contents):
    model = mujoco.MjModel.from_xml_string(contents.hand)
    layout = hand.layout(model)
    assert contents.joints == list(hand.JOINTS) and contents.actuators == list(hand.ACTUATORS)
    np.testing.assert_array_equal(contents.coupling, layout.coupling)
    np.testing.assert_allclose(contents.limits, layout.ctrl_range, atol=1e-12)
    ranges = [[joint["low"], joint["high"]] for joint in contents.contract["joints"]]
    np.testing.assert_allclose(ranges, [model.joint(name).range for name in hand.JOINTS])
    named = [part["name"] for part in contents.contract["observation"]["parts"]]
    assert named == list(observation.NAMES)
    rates = np.exp(actuation.log_rates(model))
    np.testing.assert_allclose(contents.backlash, rates)


def test_readings_come_at_the_makers_rate_and_are_true(contents):
    simulated = SimulatedHand(contents)
    joints, poses = _messages(InProcess(simulated), 0.4)
    stamps = np.array([message.stamp for message in joints])
    np.testing.assert_allclose(np.diff(stamps), 1 / 125)
    assert len(joints) == len(poses) == 50
    truth = simulated.object_pose()
    np.testing.assert_array_equal(poses[-1].position, truth[0])
    np.testing.assert_array_equal(poses[-1].orientation, truth[1])
    assert poses[-1].frame == POLICY_FRAME


def test_readings_have_the_errors_that_are_asked_for(contents):
    asked = Errors(
        delay_s=0.048,
        joint_noise=0.02,
        position_noise=0.005,
        orientation_noise=0.1,
        fingertip_noise=0.002,
        dropout=0.25,
    )
    clean = SimulatedHand(contents)
    joints, poses = _messages(InProcess(clean), 6.4)
    simulated = SimulatedHand(contents, errors=asked)
    robot = InProcess(simulated, asked.delay_s)
    noisy_joints, noisy_poses = _messages(robot, 6.4)
    assert simulated.time - noisy_joints[-1].stamp == pytest.approx(0.048)
    assert len(noisy_poses) / len(noisy_joints) == pytest.approx(0.75, abs=0.05)
    late = [
        message for message in noisy_joints if message.stamp > 3.2
    ]  # the hand is at rest by then
    off = np.array([m.position - joints[-1].position for m in late])
    assert off.std() == pytest.approx(0.02, rel=0.1)
    late_poses = [pose for pose in noisy_poses if pose.stamp > 3.2]
    off = np.array([pose.position - poses[-1].position for pose in late_poses])
    assert off.std() == pytest.approx(0.005, rel=0.1)
    angles = [goals.distance(pose.orientation, poses[-1].orientation) for pose in late_poses]
    assert np.sqrt(np.mean(np.square(angles))) == pytest.approx(0.1, rel=0.15)


def test_fingertips_are_seen_where_they_are(contents):
    clean, noisy = SimulatedHand(contents), SimulatedHand(contents, errors=Errors(dropout=0.25))
    noisy_tips = []
    for simulated in (clean, noisy):
        for _ in range(40):
            simulated.tick()
            noisy_tips.append(simulated.fingertips().positions)
    joints = clean.joint_state().position
    expected = kinematics.fingertips(contents.chain, joints)
    np.testing.assert_allclose(clean.fingertips().positions, expected, atol=1e-6)
    assert np.isfinite(noisy_tips[:40]).all()
    assert np.isnan(noisy_tips[40:]).mean() == pytest.approx(0.25, abs=0.1)
    errors = Errors(fingertip_noise=0.002)
    rough = SimulatedHand(contents, errors=errors)
    off = [rough.fingertips().positions - rough.fingertips().positions for _ in range(100)]
    assert np.std(off) == pytest.approx(0.002 * np.sqrt(2), rel=0.1)


def test_sensors_with_offsets_are_obeyed(contents):
    """The sensors' readings reach the targets, so the true angles deviate by the offsets."""
    patch = Patch(joints={"rh_FFJ3": {"offset": 0.1}})
    plain, off = SimulatedHand(contents), SimulatedHand(contents, patch=patch)
    for simulated in (plain, off):
        simulated.take_object_away()
        simulated.command(contents.start_targets)
        for _ in range(250):
            simulated.tick()
    row = contents.joints.index("rh_FFJ3")
    read = [simulated.joint_state().position[row] for simulated in (plain, off)]
    assert read[1] == pytest.approx(read[0], abs=0.005)
    assert off.angles()[row] == pytest.approx(read[1] - 0.1)


def test_a_patch_makes_the_hand_that_training_makes_of_it(tmp_path):
    """Training and the simulated hand read the same patch; one of them also reads an XML."""
    patch = Patch(
        joints={"rh_FFJ3": {"damping": 0.08, "low": -0.2}, "rh_THJ1": {"frictionloss": 0.02}},
        actuators={"rh_A_FFJ0": {"gain": 0.7, "backlash_down": 20.0, "backlash_up": 9.0}},
    )
    path = tmp_path / "hand.json"
    path.write_text(model_patch.pack(patch, {"log": "a.mcap"}))
    assert model_patch.load(str(path)) == patch
    ours = hand.load_model()
    models.apply_patch(patch, ours)
    theirs = hand.load_model(patch=str(path))
    for name in ("dof_damping", "dof_frictionloss", "jnt_range", "actuator_ctrlrange"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-12)
    for name in ("actuator_gainprm", "actuator_biasprm"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    assert (
        ours.joint("rh_FFJ3").damping[0] == 0.08 and ours.joint("rh_THJ1").frictionloss[0] == 0.02
    )
    np.testing.assert_array_equal(patch.backlash(list(hand.ACTUATORS)), backlash_rates(theirs))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "it must be 'dactyl_jax model patch', version 1"),
        ({"joints": {"rh_FFJ3": {"stiffness": 1.0}}}, "rh_FFJ3.stiffness is unknown; use"),
        ({"joints": {"rh_FFJ3": {"damping": -1.0}}}, "rh_FFJ3.damping cannot be -1.0"),
        ({"actuators": {"rh_A_FFJ0": {"gain": 0.0}}}, "rh_A_FFJ0.gain cannot be 0.0"),
        ({"joints": {"rh_FFJ3": {"low": "0"}}}, "is not a model patch"),
        ({"joints": {"rh_FFJ3": {"low": float("nan")}}}, "rh_FFJ3.low cannot be nan"),
        ({"joints": {"rh_FFJ3": {"low": 1.0, "high": 0.5}}}, "rh_FFJ3.low is not below its high"),
        ({"joints": ["rh_FFJ3"]}, "is not a model patch"),
        ({"joints": {"rh_FFJ9": {"damping": 1.0}}}, "the hand has no 'rh_FFJ9'"),
    ],
)
def test_a_wrong_patch_is_refused_in_words(contents, change, message, tmp_path):
    path = tmp_path / "hand.json"
    content = {"format": model_patch.FORMAT, "version": model_patch.VERSION, **change}
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=message):
        SimulatedHand(contents, patch=model_patch.load(str(path)))


def test_the_surrogate_world_is_another_hand(contents):
    other = SimulatedHand(contents, "surrogate")
    assert other.model.opt.timestep == 0.002 and other.model.opt.cone != 0
    joints, _ = _messages(InProcess(other), 0.08)
    np.testing.assert_allclose(np.diff([message.stamp for message in joints]), 1 / 125)


def test_the_programs_mistakes_are_answered_in_one_line(folder, capsys):
    flags = [f"--bundle={folder}", "--world=surrogate", "--model_patch=hand.json"]
    assert simulated_hand.main(flags) == 2
    error = capsys.readouterr().err
    assert "--model_patch goes with --world=training" in error and len(error.splitlines()) == 1


def test_trials_on_a_bench_with_somebody_who_puts_the_object_back(contents):
    """The random policy drops the object; the next trial begins when it lies in the palm again."""
    contents.contract["task"]["max_goals"] = 1
    simulated = SimulatedHand(contents)
    robot = InProcess(simulated, assistant=Assistant(simulated, contents))
    said = []
    session = Session(contents, robot, AT_FOREARM, None, say=said.append)
    rng = np.random.default_rng(0)
    lab = Bench(
        RandomGoals("uniform", 0.5, seed=5),
        Chooses(lambda logits: actions.sample(logits * 0, rng.uniform(size=20))),
    )
    ends = [session.run(lab, trial, timeout_s=30.0).end for trial in range(3)]
    assert set(ends) <= {"drop", "cap", "time-out", "stuck"} and "drop" in ends[:2]
    assert not [line for line in said if "holding" in line or "limited" in line]
