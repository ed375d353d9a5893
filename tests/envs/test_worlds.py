"""The surrogate world compared numerically with the training world."""

import dataclasses

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from dactyl_jax import config as config_lib
from dactyl_jax import hand, physics, randomization
from dactyl_jax.envs import worlds
from dactyl_jax.envs.drop import dropped
from dactyl_jax.randomization import actuation

ENVS = 16


def build(world: str, **env):
    config = config_lib.default()
    config.env.update(world=world, **env)
    return worlds.build(config)


@pytest.fixture(scope="module")
def training() -> mujoco.MjModel:
    return build("training")[1]


@pytest.fixture(scope="module")
def surrogate() -> mujoco.MjModel:
    return build("surrogate")[1]


def test_training_is_the_plain_hand():
    config = config_lib.default()
    before = config.to_json_best_effort()
    same, model = worlds.build(config)
    assert same is config
    assert config.to_json_best_effort() == before
    plain = hand.load_model(motors=config.env.motors)
    for field in ("actuator_gainprm", "dof_damping", "body_mass", "geom_friction", "wrap_prm"):
        np.testing.assert_array_equal(getattr(model, field), getattr(plain, field))
    assert model.opt.timestep == 0.008
    assert build("training", sim_dt=0.004)[1].opt.timestep == 0.004
    assert build("training", locked_wrist=True)[1].neq == 2
    assert build("training", finger_collisions=False)[1].npair == 0


def test_numerics_are_others(training, surrogate):
    assert training.opt.cone == mujoco.mjtCone.mjCONE_PYRAMIDAL
    assert surrogate.opt.cone == mujoco.mjtCone.mjCONE_ELLIPTIC
    assert surrogate.opt.timestep == 0.002
    assert (surrogate.opt.iterations, surrogate.opt.ls_iterations) == (100, 50)
    assert surrogate.opt.tolerance < training.opt.tolerance
    for field in ("geom_solref", "pair_solref", "jnt_solref", "tendon_solref_lim"):
        ours, theirs = getattr(surrogate, field)[:, 0], getattr(training, field)[:, 0]
        assert (ours < 0.5 * theirs).all(), field
        assert (ours >= 2 * surrogate.opt.timestep).all(), field


def test_parts_are_others(training, surrogate):
    def factors(field, column=...):
        ours, theirs = (np.atleast_2d(getattr(m, field).T).T for m in (surrogate, training))
        return ours[:, column] / theirs[:, column]

    gains = factors("actuator_gainprm", 0)
    np.testing.assert_allclose(factors("actuator_biasprm", 1), gains)
    assert len(np.unique(gains)) > 10
    assert 0.6 < gains.min() < 0.75 and 1.5 < gains.max() < 1.7
    assert 0 < ((gains < 0.75) | (gains > 1.5)).sum() <= 5
    hinges = slice(0, 24)
    damping = (surrogate.dof_damping / np.maximum(training.dof_damping, 1e-9))[hinges]
    assert 0.2 < damping.min() < 0.3 and 3.0 < damping.max() < 4.0
    friction_loss = surrogate.dof_frictionloss[hinges]
    assert 0.005 < friction_loss.min() < 0.01 < 0.02 < friction_loss.max() < 0.03
    shift = np.abs(surrogate.jnt_range - training.jnt_range)[hinges]
    assert 0.02 < shift.mean() < shift.max() < 0.06
    moving = training.body_mass > 0
    masses = (surrogate.body_mass / np.maximum(training.body_mass, 1e-9))[moving]
    assert masses.min() >= 1.0 and 1.5 < masses.max() < 2.0
    assert surrogate.body("object").mass[0] == pytest.approx(1.2 * training.body("object").mass[0])
    down = surrogate.opt.gravity / np.linalg.norm(surrogate.opt.gravity)
    assert 0.03 < np.arccos(-down[2]) < 0.04
    assert np.linalg.norm(surrogate.opt.gravity) == pytest.approx(9.81, abs=0.01)


def test_every_joint_and_actuator_is_in_the_table():
    assert [f"rh_{name}" for name in worlds._JOINTS] == list(hand.JOINTS)
    assert [f"rh_A_{name}" for name in worlds._GAINS] == list(hand.ACTUATORS)


def contact_frictions(model: mujoco.MjModel, geom: str) -> set[float]:
    """Returns sliding friction of contacts between the object and a geom that it penetrates."""
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    data.qpos[hand.layout(model).object_qpos[:3]] = data.geom(geom).xpos
    mujoco.mj_forward(model, data)
    one = model.geom(geom).id
    return {
        float(contact.friction[0])
        for contact in data.contact
        if one in contact.geom and model.geom("object").id in contact.geom
    }


def test_friction_is_outside_the_training_range_on_tips_and_palm(training, surrogate):
    for geom, low, high in (
        ("rh_ffdistal", 1.3, 1.5),
        ("rh_thdistal", 1.3, 1.5),
        ("rh_palm", 0.5, 0.7),
        ("rh_rfproximal", 0.7, 1.3),
    ):
        assert contact_frictions(training, geom) == {1.0}
        (friction,) = contact_frictions(surrogate, geom)
        assert low < friction < high, geom


def test_contacts_resist_what_they_let_pass_in_training(training, surrogate):
    assert set(training.geom_condim) == {3} and set(surrogate.geom_condim) == {4}
    assert set(training.pair_dim) == {1} and set(surrogate.pair_dim) == {3}


def test_the_controller_believes_in_equal_moment_arms(training, surrogate):
    np.testing.assert_array_equal(hand.layout(surrogate).coupling, hand.layout(training).coupling)
    data = mujoco.MjData(surrogate)
    data.joint("rh_FFJ1").qpos[:] = 1.0
    mujoco.mj_forward(surrogate, data)
    assert data.actuator("rh_A_FFJ0").length[0] == pytest.approx(0.85)
    data.joint("rh_FFJ2").qpos[:] = 1.0
    mujoco.mj_forward(surrogate, data)
    assert data.actuator("rh_A_FFJ0").length[0] == pytest.approx(2.0)
    np.testing.assert_array_equal(surrogate.actuator_ctrlrange, training.actuator_ctrlrange)


def test_it_is_the_same_every_time(surrogate):
    again = build("surrogate")[1]
    for field in ("actuator_gainprm", "body_inertia", "dof_invweight0", "geom_friction"):
        np.testing.assert_array_equal(getattr(again, field), getattr(surrogate, field))


def test_its_terms_are_its_own():
    given = config_lib.default()
    given.env.world, given.randomization = "surrogate", "all"
    given.adr.enabled = given.terms.friction.enabled = True
    given.terms.action_delay.enabled = False
    config, _ = worlds.build(given)
    enabled = {term.name for term in randomization.TERMS if term.enabled(config)}
    assert enabled == set(worlds._TERMS)
    assert "object_force" not in enabled
    assert not any(term.enabled(config) for term in randomization.physics.TERMS)
    for term in randomization.TERMS:
        if term.name in enabled:
            assert set(worlds._TERMS[term.name]) == set(term.law), term.name
    assert config.terms.action_delay.probability == 1.0
    assert config.env.sim_dt == 0.002
    assert not config.adr.enabled
    assert given.env.sim_dt == 0.008 and given.terms.friction.enabled is True
    assert given.terms.action_delay.probability == 0.5


def test_its_motors_are_off_by_shares_of_their_ranges():
    """By a constant 2% of the range, another 2%, and 3% of the remaining motion."""
    config, _ = build("surrogate", smoothed="target")
    law, half_range, angles = config.terms.action_noise, 0.8, jnp.full(20, 0.1)
    signal = actuation.Command(jnp.full(20, 0.5), None, None, None)
    scene = actuation.ActuationScene(*[None] * 7)._replace(
        rest=angles, unit=jnp.full(20, half_range)
    )

    def noise(begin_key, key):
        memory = actuation.begin_action_noise(begin_key, law, 1.0, signal, scene)
        noisy = actuation.apply_action_noise(key, law, 1.0, memory, signal, scene)[1]
        return memory.offset, memory.stretch, noisy.asked - signal.asked - memory.offset

    keys = jax.random.split(jax.random.key(0), (2, 5000))
    offset, stretch, step = map(np.asarray, jax.vmap(noise)(*keys))
    assert offset.std() == pytest.approx(0.02 * 2 * half_range, rel=0.02)
    assert not stretch.any()
    way = 0.03 * (0.5 - 0.1)
    assert step.std() == pytest.approx(np.hypot(0.02 * 2 * half_range, way), rel=0.02)


def test_backlash_takes_longer_than_in_training():
    """Mean time in which an actuator with a 1 rad error takes up half of its backlash."""

    def mean_time(config) -> float:
        keys = jax.random.split(jax.random.key(0), 2000)
        signal = actuation.Command(None, jnp.zeros(20), jnp.zeros(3), jnp.array(0.008))
        rates = jnp.asarray(actuation.log_rates(hand.load_model()))
        scene = actuation.ActuationScene(*[None] * 7)._replace(log_rates=rates)
        begin = jax.vmap(
            lambda key: actuation.begin_backlash(
                key, config.terms.backlash, jnp.float32(1.0), signal, scene
            )
        )
        play = begin(keys)
        return float(jnp.mean(1 / jnp.stack([play.down, play.up])))

    assert mean_time(build("surrogate")[0]) > 1.2 * mean_time(config_lib.default())


def test_physics_steps_must_fit():
    with pytest.raises(ValueError, match=r"env\.control_dt is 0\.05"):
        build("surrogate", sim_dt=0.005, control_dt=0.055, goal_timeout_s=8.0)


@pytest.mark.parametrize("locked_wrist", [False, True])
@pytest.mark.parametrize("kind", hand.OBJECTS)
def test_the_hand_holds_an_object_at_rest(kind, locked_wrist):
    """For two seconds under constant targets."""
    config, model = build("surrogate", object=kind, locked_wrist=locked_wrist)
    layout, engine = hand.layout(model), physics.make_engine("native", model)
    state = cupped(model, ENVS)
    diverged = np.zeros(ENVS, bool)
    for _ in range(25):
        state, info = engine.step({}, state, round(config.env.control_dt / config.env.sim_dt))
        diverged |= np.asarray(info.diverged)
    assert not diverged.any()
    held = ~np.asarray(dropped(layout, state))
    assert held.mean() >= (0.8 if kind == "sphere" else 1.0)  # a ball may roll off a level palm
    speed = np.abs(np.asarray(state.qvel)[held][:, layout.object_qvel[:3]]).max(axis=1)
    assert (speed < 0.02).mean() > 0.9
    angles = np.asarray(state.qpos)[:, layout.joint_qpos] @ layout.coupling.T
    error = np.abs(angles - layout.start_targets).mean()
    assert 0.005 < error < 0.05  # friction and springs cause an error, but the motors still track
    if locked_wrist:
        assert np.abs(state.qpos[:, :2]).max() < 5e-4


def cupped(model: mujoco.MjModel, num_envs: int) -> physics.State:
    """Returns the hand in its initial posture, with an upright object just above the palm."""
    layout = hand.layout(model)
    state = physics.initial_state(model, num_envs)
    qpos = np.array(state.qpos)
    shares = layout.coupling / layout.coupling.sum(axis=1, keepdims=True)
    qpos[:, layout.joint_qpos] = layout.start_targets @ shares
    offsets = np.random.default_rng(0).uniform(-0.01, 0.01, (num_envs, 2))
    qpos[:, layout.object_qpos[:2]] = layout.palm_position[:2] + offsets
    qpos[:, layout.object_qpos[2]] = layout.palm_position[2] + 0.04
    targets = np.tile(layout.start_targets.astype(np.float32), (num_envs, 1))
    return dataclasses.replace(state, qpos=jnp.asarray(qpos), ctrl=jnp.asarray(targets))


def test_random_play_stays_sound(surrogate):
    engine, state = physics.make_engine("native", surrogate), cupped(surrogate, ENVS)
    low, high = surrogate.actuator_ctrlrange.T
    rng = np.random.default_rng(0)
    for _ in range(25):
        targets = rng.uniform(low, high, (ENVS, 20)).astype(np.float32)
        state, info = engine.step({}, dataclasses.replace(state, ctrl=targets), 40)
        assert not np.any(info.diverged | info.overflow)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mjx-jax", "mjx-warp"])
def test_engines_agree_on_the_surrogate(name, surrogate):
    """The hand closes while the object is out of reach."""
    layout = hand.layout(surrogate)
    state = cupped(surrogate, 2)
    qpos = np.array(state.qpos)
    qpos[:, layout.object_qpos[2]] = 3.0
    state = dataclasses.replace(state, qpos=jnp.asarray(qpos), ctrl=0.5 * state.ctrl)
    ours, info = physics.make_engine(name, surrogate).step({}, state, 40)
    native, _ = physics.make_engine("native", surrogate).step({}, state, 40)
    assert not np.any(info.diverged | info.overflow)
    np.testing.assert_allclose(ours.qpos[:, :24], native.qpos[:, :24], atol=1e-3)
