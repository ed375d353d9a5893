"""The hand model against published values, and its simulated behaviour."""

import dataclasses

import mujoco
import mujoco.batch
import numpy as np
import pytest

from dactyl_jax import hand, physics


@pytest.fixture(scope="module")
def model() -> mujoco.MjModel:
    return hand.load_model("block")


def test_sizes_names_and_order(model):
    assert (model.nq, model.nv, model.nu) == (31, 30, 20)
    joints = [model.joint(i).name for i in range(model.njnt)]
    assert joints == [*hand.JOINTS, "object_joint"]
    assert [model.actuator(i).name for i in range(model.nu)] == list(hand.ACTUATORS)
    assert hand.ACTUATORS[4] == "rh_A_FFJ0"
    sites = [model.site(i).name for i in range(model.nsite)]
    assert sites == list(hand.FINGERTIPS)
    assert model.body("rh_forearm").parentid == 0
    assert model.opt.timestep == 0.008
    assert model.opt.integrator == mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    assert model.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_AUTORESET


@pytest.mark.parametrize(
    ("body", "position", "quaternion"),
    [
        ("rh_wrist", (0.01, 0, 0.21301), (1, 0, 0, 1)),
        ("rh_palm", (0, 0, 0.034), (1, 0, 0, 0)),
        ("rh_ffknuckle", (0.033, 0, 0.095), (1, 0, 0, 0)),
        ("rh_mfknuckle", (0.011, 0, 0.099), (1, 0, 0, 0)),
        ("rh_rfknuckle", (-0.011, 0, 0.095), (1, 0, 0, 0)),
        ("rh_lfmetacarpal", (-0.033, 0, 0.02071), (1, 0, 0, 0)),
        ("rh_lfknuckle", (0, 0, 0.06579), (1, 0, 0, 0)),
        ("rh_rfproximal", (0, 0, 0), (1, 0, 0, 0)),
        ("rh_rfmiddle", (0, 0, 0.045), (1, 0, 0, 0)),
        ("rh_rfdistal", (0, 0, 0.025), (1, 0, 0, 0)),
        ("rh_thbase", (0.034, -0.00858, 0.029), (0.92388, 0, 0.382683, 0)),
        ("rh_thproximal", (0, 0, 0), (1, 0, 0, 0)),
        ("rh_thhub", (0, 0, 0.038), (1, 0, 0, 0)),
        ("rh_thmiddle", (0, 0, 0), (1, 0, 0, 0)),
        ("rh_thdistal", (0, 0, 0.032), (1, 0, 0, -1)),
    ],
)
def test_frames_are_the_published_ones(model, body, position, quaternion):
    np.testing.assert_allclose(model.body(body).pos, position, atol=1e-9)
    expected = np.array(quaternion) / np.linalg.norm(quaternion)
    np.testing.assert_allclose(model.body(body).quat, expected, atol=1e-6)


def test_axes_ranges_and_gains(model):
    def axis(name: str) -> np.ndarray:
        return model.joint(name).axis

    np.testing.assert_allclose(axis("rh_FFJ4"), [0, -1, 0])
    np.testing.assert_allclose(axis("rh_LFJ4"), [0, 1, 0])
    np.testing.assert_allclose(axis("rh_LFJ5"), [0.573576, 0, 0.819152], atol=1e-6)
    np.testing.assert_allclose(axis("rh_THJ5"), [0, 0, -1])
    np.testing.assert_allclose(axis("rh_THJ2"), [0, -1, 0])
    np.testing.assert_allclose(model.joint("rh_WRJ2").range, [-0.489, 0.175])
    np.testing.assert_allclose(model.joint("rh_MFJ3").range, [-0.262, 1.571])
    np.testing.assert_allclose(model.actuator("rh_A_RFJ0").ctrlrange, [0, np.pi], atol=1e-4)
    np.testing.assert_allclose(model.actuator("rh_A_THJ5").ctrlrange, [-1.047, 1.047])
    gains = {"WRJ2": 10, "WRJ1": 8, "FFJ0": 0.5, "LFJ5": 1, "THJ5": 0.4, "THJ2": 1.5}
    for name, gain in gains.items():
        actuator = model.actuator(f"rh_A_{name}")
        assert actuator.gainprm[0] == gain
        assert actuator.biasprm[1] == -gain
        assert actuator.biastype == mujoco.mjtBias.mjBIAS_AFFINE


def test_masses_and_tips(model):
    finger = {"knuckle": 0.008, "proximal": 0.03, "middle": 0.017, "distal": 0.013}
    thumb = {"base": 0.01, "proximal": 0.04, "hub": 0.005, "middle": 0.02, "distal": 0.017}
    masses = {f"{f}{link}": m for f in ("ff", "mf", "rf", "lf") for link, m in finger.items()}
    masses |= {f"th{link}": mass for link, mass in thumb.items()}
    masses |= {"forearm": 3, "wrist": 0.1, "palm": 0.3, "lfmetacarpal": 0.03}
    for name, mass in masses.items():
        assert model.body(f"rh_{name}").mass[0] == pytest.approx(mass), name
    np.testing.assert_allclose(model.site("rh_rftip").pos, [0, 0, 0.026])
    np.testing.assert_allclose(model.site("rh_thtip").pos, [0, 0, 0.0275])
    np.testing.assert_allclose(model.body("object").mass, 0.0775)
    np.testing.assert_allclose(model.body("object").ipos, 0)


def test_tilt_turns_the_hand_about_the_palm():
    for tilt in (0.0, 0.4):
        model = hand.load_model(tilt=tilt)
        data = mujoco.MjData(model)
        mujoco.mj_forward(model, data)
        palm = data.body("rh_palm")
        up, forward = -palm.xmat.reshape(3, 3)[:, 1], palm.xmat.reshape(3, 3)[:, 2]
        np.testing.assert_allclose(up, [np.sin(tilt), 0, np.cos(tilt)], atol=1e-6)
        np.testing.assert_allclose(forward, [np.cos(tilt), 0, -np.sin(tilt)], atol=1e-6)
        surface = palm.xpos + 0.048 * forward + 0.011 * up
        layout = hand.layout(model)
        np.testing.assert_allclose(surface, layout.palm_position, atol=1e-6)
        forearm = data.body("rh_forearm")
        np.testing.assert_allclose(layout.forearm_position, forearm.xpos, atol=1e-9)
        np.testing.assert_allclose(layout.forearm_quaternion, forearm.xquat, atol=1e-9)


WRIST_BOUND = 5e-4  # rad


def test_a_locked_wrist_keeps_all_sizes(model):
    locked = hand.load_model("block", locked_wrist=True)
    assert (locked.nq, locked.nv, locked.nu) == (31, 30, 20)
    layout, free = hand.layout(locked), hand.layout(model)
    for field in dataclasses.fields(layout):
        np.testing.assert_array_equal(getattr(layout, field.name), getattr(free, field.name))
    wrist = [locked.joint(name).id for name in ("rh_WRJ2", "rh_WRJ1")]
    assert not locked.jnt_limited[wrist].any()
    assert locked.jnt_limited.sum() == model.jnt_limited.sum() - 2


def test_a_locked_wrist_holds_at_zero_whatever_comes():
    """All targets jump over their full range every 80 ms; gains, damping and limits are drawn."""
    model = hand.load_model("block", locked_wrist=True)
    engine, rng = physics.make_engine("native", model), np.random.default_rng(0)
    drawn = physics.nominal_parameters(
        model, 32, ["actuator_gainprm", "actuator_biasprm", "dof_damping", "jnt_range", "body_mass"]
    )
    gain = rng.uniform(0.75, 1.5, (32, 20))
    drawn["actuator_gainprm"][..., 0] *= gain
    drawn["actuator_biasprm"][..., 1] *= gain
    drawn["dof_damping"] *= rng.uniform(0.3, 3.0, (32, 30))
    drawn["body_mass"] *= rng.uniform(0.5, 1.5, (32, model.nbody))
    drawn["jnt_range"][:, :2] += rng.normal(0.0, 0.5, (32, 2, 2))  # WRJ2, WRJ1
    parameters = physics.derive(model, drawn)
    low, high = model.actuator_ctrlrange.T
    state, worst = physics.initial_state(model, 32), 0.0
    for _ in range(60):
        targets = rng.uniform(low, high, (32, 20)).astype(np.float32)
        state = dataclasses.replace(state, ctrl=targets)
        for _ in range(5):
            state, info = engine.step(parameters, state, 2)
            worst = max(worst, np.abs(state.qpos[:, :2]).max())
            assert not np.any(info.diverged)
    assert 0 < worst < WRIST_BOUND
    assert np.ptp(np.asarray(state.qpos[:, 2:24]), axis=0).min() > 0.1  # the fingers do move


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mjx-jax", "mjx-warp"])
def test_engines_agree_on_a_locked_wrist(name):
    model = hand.load_model("block", finger_collisions=False, locked_wrist=True)
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONTACT
    low, high = model.actuator_ctrlrange.T
    rng = np.random.default_rng(0)
    ours = native = physics.initial_state(model, 4)
    engine, reference = physics.make_engine(name, model), physics.make_engine("native", model)
    for _ in range(4):
        targets = rng.uniform(low, high, (4, 20)).astype(np.float32)
        ours, info = engine.step({}, dataclasses.replace(ours, ctrl=targets), 10)
        native, _ = reference.step({}, dataclasses.replace(native, ctrl=targets), 10)
        assert np.abs(ours.qpos[:, :2]).max() < WRIST_BOUND
        assert not np.any(info.diverged | info.overflow)
    np.testing.assert_allclose(ours.qpos, native.qpos, atol=1e-4)


def test_a_wrist_off_zero_is_drawn_to_the_lock():
    model = hand.load_model("block", locked_wrist=True)
    data = mujoco.MjData(model)
    data.qpos[:2] = 0.1, -0.1
    for _ in range(50):
        mujoco.mj_step(model, data)
    np.testing.assert_allclose(data.qpos[:2], 0, atol=WRIST_BOUND)


def test_layout_maps_actuators_to_joints(model):
    layout = hand.layout(model)
    angles = np.random.default_rng(0).uniform(size=24)
    data = mujoco.MjData(model)
    data.qpos[layout.joint_qpos] = angles
    data.qvel[layout.joint_qvel] = 0
    mujoco.mj_forward(model, data)
    np.testing.assert_allclose(layout.coupling @ angles, data.actuator_length, atol=1e-9)
    assert set(np.unique(layout.coupling)) == {0.0, 1.0}
    low, high = layout.ctrl_range.T
    assert (low <= layout.start_targets).all()
    assert (layout.start_targets <= high).all()
    np.testing.assert_array_equal(data.qpos[layout.object_qpos], model.qpos0[24:])
    assert model.jnt_dofadr[model.joint("object_joint").id] == layout.object_qvel[0]


def simulate(model, controls, settle, starts) -> tuple[np.ndarray, mujoco.batch.Batch]:
    """Plays `controls` [step, env, 20], 80 ms each; returns qpos after each [step, env, 31]."""
    batch = mujoco.batch.Batch(model, controls.shape[1], persistent=True)
    batch.bind("qpos")[:] = starts
    batch.bind("ctrl")[:] = hand.layout(model).start_targets
    batch.step(nstep=settle)
    history = []
    for targets in controls:
        batch.bind("ctrl")[:] = targets
        batch.step(nstep=10)
        history.append(batch.bind("qpos").copy())
    return np.array(history), batch


def above_palm(model, num: int, seed: int) -> np.ndarray:
    """Returns states with the object 6 cm above the palm's centre, at random orientations."""
    layout, rng = hand.layout(model), np.random.default_rng(seed)
    qpos = np.tile(model.qpos0, (num, 1))
    fingers = [i for i, name in enumerate(hand.JOINTS) if name.endswith("FJ3")]
    qpos[:, fingers] = 0.7
    qpos[:, layout.object_qpos[:3]] = layout.palm_position + np.array([0.02, 0, 0.06])
    quaternions = rng.normal(size=(num, 4))
    qpos[:, layout.object_qpos[3:]] = quaternions / np.linalg.norm(
        quaternions, axis=1, keepdims=True
    )
    return qpos


def coupled(history: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first = [hand.JOINTS.index(f"rh_{f}J1") for f in ("FF", "MF", "RF", "LF")]
    return history[..., first], history[..., np.array(first) - 1]


def test_random_play_is_stable_and_keeps_j1_below_j2(model):
    low, high = hand.layout(model).ctrl_range.T
    rng = np.random.default_rng(0)
    controls = rng.uniform(low, high, (250, 16, 20))
    history, batch = simulate(model, controls, 10, above_palm(model, 16, 0))
    assert np.isfinite(history).all()
    assert all(warning.number == 0 for i in range(16) for warning in batch.get_data(i).warning)
    j1, j2 = coupled(history)
    assert (j1 - j2).max() < 0.08  # full jumps of the target every 80 ms
    ranges = np.array([model.joint(name).range for name in hand.JOINTS])
    assert (history[..., :24] - ranges[:, 1]).max() < 0.2

    smooth = np.zeros_like(controls)
    smooth[0] = controls[0]
    for i in range(1, len(controls)):
        smooth[i] = 0.7 * smooth[i - 1] + 0.3 * controls[i]
    j1, j2 = coupled(simulate(model, smooth, 10, above_palm(model, 16, 0))[0])
    assert (j1 - j2).max() < 0.04


def test_j1_stays_below_j2_under_load(model):
    data = mujoco.MjData(model)
    data.ctrl[hand.ACTUATORS.index("rh_A_FFJ0")] = 1.0
    data.qfrc_applied[model.joint("rh_FFJ1").dofadr] = 0.3
    for _ in range(250):
        mujoco.mj_step(model, data)
    j1, j2 = data.joint("rh_FFJ1").qpos[0], data.joint("rh_FFJ2").qpos[0]
    assert j1 > 0.3
    assert j1 - j2 < 0.02


def test_a_target_is_reached_as_the_sum_of_the_coupled_joints(model):
    layout, data = hand.layout(model), mujoco.MjData(model)
    data.qpos[layout.object_qpos[2]] = 2.0
    data.ctrl[:] = layout.start_targets
    for _ in range(200):
        data.qvel[layout.object_qvel] = 0
        mujoco.mj_step(model, data)
    angles = layout.coupling @ data.qpos[layout.joint_qpos]
    np.testing.assert_allclose(angles, layout.start_targets, atol=0.08)


@pytest.mark.parametrize("name", hand.OBJECTS)
def test_an_object_laid_on_the_palm_stays(name):
    model = hand.load_model(name)
    layout = hand.layout(model)
    controls = np.tile(layout.start_targets, (1, 64, 1))
    history, _ = simulate(model, controls, 300, above_palm(model, 64, 1))
    place = history[-1][:, layout.object_qpos[:3]] - layout.palm_position
    assert np.mean((np.abs(place) < [0.09, 0.07, 0.06]).all(axis=1)) >= 0.9


def touching(model, draws: int) -> set[tuple[str, str]]:
    """Returns the geoms that touch in random, overlapping poses of the hand."""
    layout, rng, data = hand.layout(model), np.random.default_rng(0), mujoco.MjData(model)
    ranges = np.array([model.joint(name).range for name in hand.JOINTS])
    pairs = set()
    for _ in range(draws):
        data.qpos[layout.joint_qpos] = rng.uniform(*ranges.T)
        data.qpos[layout.object_qpos[:3]] = layout.palm_position + rng.uniform(-0.1, 0.1, 3)
        mujoco.mj_fwdPosition(model, data)
        for contact in data.contact:
            names = sorted(model.geom(geom).name for geom in contact.geom)
            pairs.add((names[0], names[1]))
    return pairs


def test_contacts_only_where_they_matter(model):
    with_object = {pair for pair in touching(model, 300) if "object" in pair}
    links = {f"rh_{f}{link}" for f in ("ff", "mf", "rf", "lf", "th") for link in LINKS}
    palm = {"rh_palm", "rh_lfmetacarpal"}
    assert {name for pair in with_object for name in pair} - {"object"} == links | palm

    between = touching(model, 300) - with_object
    digits = [{name[3:5] for name in pair} for pair in between]
    assert all(len(pair) == 2 for pair in digits), "links of one finger never touch"
    assert any("th" in pair for pair in digits)

    alone = touching(hand.load_model("block", finger_collisions=False), 300)
    assert alone == with_object


LINKS = ("proximal", "middle", "distal")


def test_visual_geoms_neither_touch_nor_weigh():
    model = hand.load_model("block", goal=True)
    unnamed = [i for i in range(model.ngeom) if not model.geom(i).name]
    assert len(unnamed) > 30
    assert (model.geom_contype[unnamed] == 0).all()
    assert (model.geom_conaffinity[unnamed] == 0).all()
    assert (model.geom_group[unnamed] == 0).all()
    without = hand.load_model("block")
    assert without.ngeom == 18 and (without.geom_group == 3).all()


def test_the_goal_is_only_seen():
    model = hand.load_model("prism", goal=True)
    body = model.body("goal").id
    assert model.body_mocapid[body] == 0
    geoms = model.geom_bodyid == body
    assert geoms.any()
    assert (model.geom_contype[geoms] == 0).all()
    assert (model.geom_conaffinity[geoms] == 0).all()
    assert (model.nq, model.nv, model.nu) == (31, 30, 20)


def test_objects_have_the_inertia_of_their_shapes():
    # MuJoCo's own inertia of a box and a sphere; the prism lies between its two cylinders.
    for name, half in (("block", 0.025), ("sphere", 0.027)):
        shape = "box" if name == "block" else "sphere"
        size = " ".join([str(half)] * (3 if name == "block" else 1))
        alone = mujoco.MjModel.from_xml_string(
            f"<mujoco><worldbody><body><freejoint/><geom type='{shape}' size='{size}' "
            "density='620'/></body></worldbody></mujoco>"
        )
        ours = hand.load_model(name).body("object")
        np.testing.assert_allclose(ours.mass, alone.body_mass[1])
        np.testing.assert_allclose(ours.inertia, alone.body_inertia[1])
    prism = hand.load_model("prism").body("object")
    inradius, circumradius = 0.024, 0.024 / np.cos(np.pi / 8)
    axial = prism.inertia[2] / prism.mass[0]
    assert inradius**2 / 2 < axial < circumradius**2 / 2
    assert prism.mass[0] == pytest.approx(620 * 0.06 * 8 * np.tan(np.pi / 8) * inradius**2)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"object: 'cube' is unknown; it may be block, prism, sp"):
        hand.load_model("cube")
    with pytest.raises(ValueError, match=r"tilt: 3\.0 is out of range"):
        hand.load_model(tilt=3.0)


@pytest.mark.parametrize(
    ("motors", "most"), [("published", 0.5), ("damped", 0.05), ("calibrated", 0.12)]
)
def test_overshoot_of_a_finger_at_the_smallest_damping_and_the_largest_gain(motors, most):
    """Steps of a third of the range; overshoot is a share of the step. Published motors ring."""
    worst = 0.0
    for number, name in enumerate(hand.ACTUATORS):
        if "WR" in name:
            continue
        model = hand.load_model(motors=motors)
        model.opt.gravity[:] = 0
        fingers = model.jnt_type[model.dof_jntid] == mujoco.mjtJoint.mjJNT_HINGE
        model.dof_damping[fingers] *= 0.3
        model.actuator_gainprm[:, 0] *= 1.5
        model.actuator_biasprm[:, 1] *= 1.5
        layout, data = hand.layout(model), mujoco.MjData(model)
        data.qpos[layout.object_qpos[2]] += 1.0
        data.ctrl[:] = layout.start_targets
        mujoco.mj_step(model, data, 250)
        start = layout.coupling[number] @ data.qpos[layout.joint_qpos]
        low, high = layout.ctrl_range[number]
        step = 0.3 * (high - low) * (1 if start < 0.5 * (low + high) else -1)
        data.ctrl[number] = start + step
        for _ in range(60):
            mujoco.mj_step(model, data)
            angle = layout.coupling[number] @ data.qpos[layout.joint_qpos]
            worst = max(worst, (angle - start) / step - 1)
    assert worst < most
    assert motors != "published" or worst > 0.25


def test_calibrated_motors_are_those_of_the_group():
    published, calibrated = (hand.load_model(motors=name) for name in ("published", "calibrated"))
    actuator = calibrated.actuator("rh_A_FFJ0")
    assert (actuator.gainprm[0], actuator.biasprm[1]) == (9.14, -9.14)
    np.testing.assert_allclose(actuator.forcerange, [-0.466, 0.466])
    assert calibrated.joint("rh_FFJ2").damping == 0.521
    assert calibrated.joint("rh_FFJ1").damping == 0.75
    assert calibrated.joint("rh_THJ2").damping == 0.214
    assert calibrated.joint("rh_WRJ1").armature == 0.005
    assert calibrated.joint("rh_LFJ5").armature == 0.001
    assert calibrated.tendon_damping[calibrated.tendon("rh_LFJ0").id] == 0.1
    np.testing.assert_allclose(calibrated.actuator("rh_A_RFJ3").ctrlrange, [0, 1.571])
    np.testing.assert_allclose(calibrated.actuator("rh_A_RFJ4").ctrlrange, [-0.349, 0.349])
    np.testing.assert_array_equal(calibrated.jnt_range, published.jnt_range)
    np.testing.assert_array_equal(calibrated.body_mass, published.body_mass)
    with pytest.raises(ValueError, match="published, damped, calibrated"):
        hand.load_model(motors="strong")
