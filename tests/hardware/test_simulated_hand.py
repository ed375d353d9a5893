import numpy as np
import pytest

pytest.importorskip("mujoco")
pytest.importorskip("dactyl_jax.config")

import mujoco

from dactyl_jax import hand
from dactyl_jax.hand import patch
from hardware import actions, goals, kinematics, observation, simulated_hand
from hardware.messages import Pose
from hardware.program import UserError
from hardware.robot import Listeners
from hardware.session import Bench, Session
from hardware.simulated_hand import Assistant, Errors, InProcess, SimulatedHand
from hardware.tracker import AT_FOREARM, POLICY_FRAME


@pytest.fixture
def config(contents):
    return simulated_hand.trial_config(contents, "training", seed=0, timeout_s=8.0)


def _messages(robot, seconds):
    joints, poses = [], []
    robot.listen(Listeners(joints.append, poses.append, *[lambda message: None] * 3))
    robot.wait_until(robot.now() + seconds)
    return joints, poses


def test_the_bundles_kinematics_are_those_of_its_hand(contents):
    """Fingertips by the table, and by MuJoCo from hand.xml, in random postures."""
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


def test_readings_come_at_the_makers_rate_and_are_true(config):
    simulated = SimulatedHand(config)
    joints, poses = _messages(InProcess(simulated), 0.4)
    stamps = np.array([message.stamp for message in joints])
    np.testing.assert_allclose(np.diff(stamps), 1 / 125)
    assert len(joints) == len(poses) == 50
    truth = simulated.object_pose()
    np.testing.assert_array_equal(poses[-1].position, truth[0])
    np.testing.assert_array_equal(poses[-1].orientation, truth[1])
    assert poses[-1].frame == POLICY_FRAME


def test_readings_have_the_errors_that_are_asked_for(config):
    asked = Errors(
        delay_s=0.048,
        joint_noise=0.02,
        position_noise=0.005,
        orientation_noise=0.1,
        fingertip_noise=0.002,
        dropout=0.25,
    )
    clean = SimulatedHand(config)
    joints, poses = _messages(InProcess(clean), 6.4)
    simulated = SimulatedHand(config, errors=asked)
    robot = InProcess(simulated, asked.delay_s)
    noisy_joints, noisy_poses = _messages(robot, 6.4)
    assert simulated.time - noisy_joints[-1].stamp == pytest.approx(0.048)
    assert len(noisy_poses) / len(noisy_joints) == pytest.approx(0.75, abs=0.05)
    late = [message for message in noisy_joints if message.stamp > 3.2]  # at rest by then
    off = np.array([m.position - joints[-1].position for m in late])
    assert off.std() == pytest.approx(0.02, rel=0.1)
    late_poses = [pose for pose in noisy_poses if pose.stamp > 3.2]
    off = np.array([pose.position - poses[-1].position for pose in late_poses])
    assert off.std() == pytest.approx(0.005, rel=0.1)
    angles = [goals.distance(pose.orientation, poses[-1].orientation) for pose in late_poses]
    assert np.sqrt(np.mean(np.square(angles))) == pytest.approx(0.1, rel=0.15)


def test_fingertips_are_seen_where_they_are(contents, config):
    clean, noisy = SimulatedHand(config), SimulatedHand(config, errors=Errors(dropout=0.25))
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
    rough = SimulatedHand(config, errors=errors)
    off = [rough.fingertips().positions - rough.fingertips().positions for _ in range(100)]
    assert np.std(off) == pytest.approx(0.002 * np.sqrt(2), rel=0.1)


@pytest.mark.slow
def test_a_trial_begins_with_nothing_of_the_last_ones(contents, config):
    """A tracker that sees nothing of it yet may have seen the object just now, elsewhere."""
    simulated = SimulatedHand(config, errors=Errors(dropout=1.0))
    robot, said = InProcess(simulated), []
    session = Session(contents, robot, AT_FOREARM, None, say=said.append)
    lab = simulated_hand.TrainingTrials(
        config,
        simulated,
        robot,
        seed=0,
        trials=1,
        goal_distance=0.9,
        choose=lambda trial: actions.most_probable,
    )
    place, orientation = simulated.object_pose()
    session.tracker.on_pose(Pose(robot.now(), POLICY_FRAME, place, orientation), robot.now())
    assert lab.set_up(session, 0) is None
    assert session.guard.fault == "object pose: never seen"


def test_sensors_with_offsets_are_obeyed(config, tmp_path):
    """The hand goes to where its sensors read what it was told, off by their offsets."""
    path = tmp_path / "hand.json"
    path.write_text(patch.pack(patch.Patch(joints={"rh_FFJ3": {"offset": 0.1}}), {}))
    plain, off = SimulatedHand(config), simulated_hand.make(config, str(path))
    for simulated in (plain, off):
        simulated.take_object_away()
        simulated.command(simulated.layout.start_targets)
        for _ in range(250):
            simulated.tick()
    row = hand.JOINTS.index("rh_FFJ3")
    read = [simulated.joint_state().position[row] for simulated in (plain, off)]
    assert read[1] == pytest.approx(read[0], abs=0.005)
    assert off.angles()[row] == pytest.approx(read[1] - 0.1)


def test_the_surrogate_world_is_another_hand(contents, tmp_path):
    """With nothing in it of what was calibrated."""
    path = tmp_path / "hand.json"
    path.write_text(patch.pack(patch.Patch(joints={"rh_FFJ3": {"offset": 0.1}}), {}))
    config = simulated_hand.trial_config(contents, "surrogate", seed=0, timeout_s=8.0)
    other = simulated_hand.make(config, str(path))
    assert not other.offsets.any()
    assert other.model.opt.timestep == 0.002 and other.model.opt.cone != 0
    joints, _ = _messages(InProcess(other), 0.08)
    np.testing.assert_allclose(np.diff([message.stamp for message in joints]), 1 / 125)


def test_the_programs_mistakes_are_answered_in_one_line(folder, capsys):
    flags = [f"--bundle={folder}", "--world=surrogate", "--model_patch=hand.json"]
    assert simulated_hand.main(flags) == 2
    error = capsys.readouterr().err
    assert "--model_patch goes with --world=training" in error and len(error.splitlines()) == 1


def test_a_bundle_of_a_configuration_of_long_ago_is_refused(contents):
    del contents.contract["config"]["env"]["tilt"]
    with pytest.raises(UserError, match=r"'bundle': the field env.tilt is missing.*export it anew"):
        simulated_hand.trial_config(contents, "training", seed=0, timeout_s=8.0)


def test_trials_on_a_bench_with_somebody_who_puts_the_object_back(contents, config):
    """The random policy throws the object away; the next trial begins when it lies there again."""
    contents.contract["task"]["max_goals"] = 1
    simulated = SimulatedHand(config)
    robot = InProcess(simulated, assistant=Assistant(simulated, contents))
    said = []
    session = Session(contents, robot, AT_FOREARM, None, say=said.append)
    rng = np.random.default_rng(0)
    lab = Bench(
        lambda trial: goals.draw("uniform", 0.5, 5, trial),
        lambda trial: lambda logits: actions.sample(logits * 0, rng.uniform(size=20)),
    )
    ends = [session.run(lab, trial, timeout_s=30.0).end for trial in range(3)]
    assert set(ends) <= {"drop", "cap", "time-out", "stuck"} and "drop" in ends[:2]
    assert not [line for line in said if "holding" in line or "limited" in line]
