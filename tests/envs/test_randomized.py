"""Effects of randomisation on the task.

Initial states are valid, terms act, nothing leaks to the policy, and results without randomisation
are bit-identical.
"""

import copy
import dataclasses
import functools

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from dactyl_jax import config as config_lib
from dactyl_jax import envs, hand
from dactyl_jax.envs.sensors import Sensors
from dactyl_jax.randomization import sensing

NUM = 64
FAR = jnp.float32(jnp.pi)
MIDDLE = jnp.full((NUM, 20), 5, jnp.int32)
DT = 0.08


@functools.cache
def _env(preset="none", bank_size=64, **fields):
    config = config_lib.default()
    config.engine = "native"
    config.randomization = preset
    config.env.bank_size = bank_size
    config.update_from_flattened_dict({key.replace("__", "."): v for key, v in fields.items()})
    return envs.make_environment(config)


@functools.cache
def _step(env):
    return jax.jit(env.step)


def _term(name, **law):
    """Makes an environment with a single term."""
    fields = {f"terms__{name}__{field}": value for field, value in law.items()}
    return _env(**{f"terms__{name}__enabled": True}, **fields)


def _start(env, lift=0.0):
    """Returns initial states with the object `lift` m higher and at rest."""
    state = env.reset(jax.random.key(0), NUM, FAR)
    height = hand.layout(env.engine.model).object_qpos[2]
    moved = dataclasses.replace(
        state.episode.physics, qpos=state.episode.physics.qpos.at[:, height].add(lift)
    )
    if lift:
        moved = dataclasses.replace(moved, qvel=jnp.zeros_like(moved.qvel))
    return state.with_episode(physics=moved)


def _object_speed(env, state):
    return np.asarray(state.episode.physics.qvel)[:, hand.layout(env.engine.model).object_qvel]


def test_starts_of_drawn_models_do_not_penetrate():
    env = _env("no_unmodelled", bank_size=256)
    states, draws = jax.tree.map(np.asarray, (env.bank.states, env.bank.draws))
    assert {"geom_size", "jnt_range", "gravity", "body_mass"} <= set(draws.parameters)
    deepest = 0.0
    for pair in range(env.bank.size):
        model = copy.copy(env.engine.model)
        for name, values in draws.parameters.items():
            if name == "gravity":
                model.opt.gravity = values[pair]
            else:
                getattr(model, name)[...] = values[pair]
        data = mujoco.MjData(model)
        data.qpos[:] = states.qpos[pair]
        mujoco.mj_forward(model, data)
        assert data.ncon > 0
        deepest = max(deepest, -data.contact.dist.min())
    assert deepest < 0.001  # m


@pytest.mark.slow
def test_starts_of_drawn_models_do_not_kick():
    """Object speeds after one step of the middle action match those of the nominal model."""
    speeds = []
    for preset in ("none", "no_unmodelled"):
        env = _env(preset, bank_size=256)
        start = _start(env)
        state, _ = _step(env)(start, MIDDLE)
        speed = _object_speed(env, state)
        speeds.append([np.linalg.norm(part, axis=1) for part in (speed[:, :3], speed[:, 3:])])
    for plain, drawn, slow in zip(*speeds, (0.1, 1.5), strict=True):  # m/s, rad/s
        assert np.median(drawn) < 1.2 * np.median(plain)
        assert np.quantile(drawn, 0.95) < 2.0 * np.quantile(plain, 0.95)  # weaker motors yield
        assert drawn.max() < slow


def test_none_is_the_same_bits_twice():
    def run():
        config = config_lib.default()
        config.engine = "native"
        config.randomization = "none"
        config.env.bank_size = 32
        env = envs.make_environment(config)
        state = env.reset(jax.random.key(1), NUM, FAR)
        step = _step(env)
        for key in jax.random.split(jax.random.key(2), 30):
            state, outcome = step(state, jax.random.randint(key, (NUM, 20), 0, 11))
        return state, outcome

    first, second = run(), run()
    for one, other in zip(*map(jax.tree.leaves, (first, second)), strict=True):
        if jnp.issubdtype(one.dtype, jax.dtypes.prng_key):
            one, other = map(jax.random.key_data, (one, other))
        np.testing.assert_array_equal(one, other)


def _late_targets(env, state):
    """Returns targets of the previous step's command about the current angles, `[NUM, 20]` rad."""
    layout = hand.layout(env.engine.model)
    angles = state.episode.physics.qpos[:, layout.joint_qpos]
    return np.asarray(envs.actions.targets(layout, "relative", state.episode.average.value, angles))


def test_delayed_motors_do_what_was_asked_a_step_before_about_the_angles_now():
    env = _term("action_delay", probability=1.0)
    state = _start(env, lift=0.1)
    for key in jax.random.split(jax.random.key(3), 2):
        late = _late_targets(env, state)
        state, _ = _step(env)(state, jax.random.randint(key, (NUM, 20), 0, 11))
        np.testing.assert_allclose(state.episode.command.targets, late, atol=1e-6)
        assert not np.allclose(state.episode.physics.ctrl, late, atol=0.01)


def test_half_of_the_motors_are_delayed_for_the_whole_episode():
    env = _term("action_delay")
    state = _start(env, lift=0.1)
    delayed, changed = [], []
    for key in jax.random.split(jax.random.key(3), 2):
        late = _late_targets(env, state)
        state, outcome = _step(env)(state, jax.random.randint(key, (NUM, 20), 0, 11))
        assert not np.any(outcome.done)
        delayed.append(np.abs(np.asarray(state.episode.command.targets) - late) < 1e-5)
        changed.append(np.abs(np.asarray(state.episode.physics.ctrl) - late) > 1e-3)
    both = changed[0] & changed[1]
    np.testing.assert_array_equal(delayed[0][both], delayed[1][both])
    assert 0.45 < delayed[0][both].mean() < 0.55


def test_backlash_moves_no_joint_until_the_play_is_taken_up():
    env = _term("backlash", spread=0.0)
    actuator, joint = hand.ACTUATORS.index("rh_A_FFJ4"), hand.JOINTS.index("rh_FFJ4")
    joint = hand.layout(env.engine.model).joint_qpos[joint]
    state = _start(env, lift=0.1)
    play = state.episode.actuation["backlash"]
    # The backlash is at its lower end: an upward motion must cross all of it.
    play = play._replace(position=play.position.at[:, actuator].set(-1.0))
    state = state.with_episode(actuation={"backlash": play})
    start = at = np.asarray(state.episode.physics.qpos)[:, joint]
    position, steps, playing = np.full(NUM, -1.0), np.zeros(NUM, int), np.ones(NUM, bool)
    for _ in range(10):
        state, outcome = _step(env)(state, MIDDLE.at[:, actuator].set(10))
        way = np.asarray(state.episode.physics.ctrl)[:, actuator] - at
        position += way * np.asarray(play.up)[:, actuator] * DT
        held = playing & (position < 1) & ~np.asarray(outcome.done)
        # The motor holds its current angle; the joint yields only to gravity.
        np.testing.assert_allclose(
            state.episode.command.targets[held, actuator], at[held], atol=1e-6
        )
        at = np.asarray(state.episode.physics.qpos)[:, joint]
        assert np.all(np.abs(at - start)[held] < 0.1)
        taken_up = playing & (position >= 1) & ~np.asarray(outcome.done)
        assert np.all(state.episode.command.targets[taken_up, actuator] > start[taken_up])
        steps += held
        playing = held
    assert 2 <= np.median(steps) <= 5 and not playing.any()


def test_random_forces_accelerate_the_object_by_one_metre_per_second_squared():
    env = _term("object_force", probability_low=1.0, probability_high=1.0)
    state, _ = _step(env)(_start(env, lift=0.1), MIDDLE)
    sideways = _object_speed(env, state)[:, :2] / DT
    assert 0.8 < sideways.std() < 1.2
    assert np.abs(sideways.mean()) < 0.35


def test_random_forces_act_alike_on_heavy_and_light_objects():
    env = _env(
        terms__object_force__enabled=True,
        terms__object_force__probability_low=1.0,
        terms__object_force__probability_high=1.0,
        terms__mass__enabled=True,
    )
    start = _start(env, lift=0.1)
    state, _ = _step(env)(start, MIDDLE)
    body = env.engine.model.body("object").id
    mass = np.asarray(start.episode.draw.parameters["body_mass"])[:, body]
    force = np.asarray(state.episode.actuation["object_force"].force)
    speed = _object_speed(env, state)[:, :2]
    np.testing.assert_allclose(speed, force[:, :2] / mass[:, None] * DT, atol=2e-3)


def test_control_steps_last_longer_by_the_drawn_excess():
    env = _term("time_step", rate_low=1250.0, rate_high=1250.0)
    state = _start(env)
    step = _step(env)
    times = [np.zeros(NUM)]
    for _ in range(20):
        state, _ = step(state, MIDDLE)
        times.append(np.asarray(state.episode.physics.time))
    lasted = np.diff(times, axis=0)
    lasted = lasted[lasted > 0]  # without environments that were reset
    assert np.all(lasted > DT)
    # Ten physics steps, each longer by 1 / 1250 s in the mean.
    assert lasted.mean() == pytest.approx(DT + 10 / 1250, abs=3e-4)
    assert lasted.std() == pytest.approx(np.sqrt(10) / 1250, rel=0.15)


def _tips(state):
    return np.asarray(state.observation.policy)[:, :15].reshape(NUM, 5, 3)


def test_lost_fingertips_freeze_and_the_object_is_still_seen():
    env = _term("marker_dropout", fingertip_rate=1e9, object_rate=0.0, mean_s=1e9)
    state, _ = _step(env)(_start(env, lift=0.1), MIDDLE)
    frozen, seen = _tips(state), np.asarray(state.observation.policy)[:, 15:]
    for _ in range(3):
        state, outcome = _step(env)(state, jnp.full((NUM, 20), 10))
    same = ~np.asarray(outcome.done)
    np.testing.assert_array_equal(_tips(state)[same], frozen[same])
    assert np.all(np.any(np.asarray(state.observation.policy)[:, 15:] != seen, axis=1))
    value = np.asarray(state.observation.value)[:, :15].reshape(NUM, 5, 3)
    assert np.abs(value - _tips(state)).max() > 0.01  # the value function sees them move


def test_late_readings_are_those_of_the_step_before():
    late, prompt = _term("observation_delay", probability=1.0), _env()
    states = [_start(env, lift=0.1) for env in (late, prompt)]
    for key in jax.random.split(jax.random.key(5), 3):
        action = jax.random.randint(key, (NUM, 20), 0, 11)
        before = np.asarray(states[1].observation.policy)[:, :18]
        states = [_step(env)(s, action) for env, s in zip((late, prompt), states, strict=True)]
        states, outcomes = zip(*states, strict=True)
        same = ~np.asarray(outcomes[0].done)
        np.testing.assert_array_equal(
            np.asarray(states[0].observation.policy)[same, :18], before[same]
        )


def test_a_resized_object_occludes_by_its_own_size():
    env = _env(terms__marker_occlusion__enabled=True, terms__object_size__enabled=True)
    state = _start(env)
    factor = np.asarray(state.episode.draw.numbers)[:, 0]
    true = env.true_readings(state)
    sensors = Sensors(env.config, env.engine.model)
    _, scene = sensors.faultless(state.episode.draw, true)
    nominal = dataclasses.replace(
        state.episode.draw,
        parameters={k: v for k, v in state.episode.draw.parameters.items() if k != "geom_size"},
    )
    _, plain = sensors.faultless(nominal, true)
    grown = np.asarray(plain.clearance - scene.clearance).mean(axis=1)
    # A face lies 25 mm from the centre, an edge and a corner further.
    assert np.corrcoef(grown, factor)[0, 1] > 0.95
    assert np.all(np.sign(grown) == np.sign(factor - 1))


def test_no_privileged_value_reaches_the_policys_input():
    """All hidden values are NaN; the policy's observation must stay finite."""
    env = _env("all", env__value_observation="privileged", env__policy_observation="proprioceptive")
    state = env.reset(jax.random.key(0), NUM, FAR)
    numbers = state.episode.draw.numbers
    assert numbers.shape[1] == 122 and env.hidden_parts[0][0] == "drawn"
    drawn = slice(142, 142 + 122)
    np.testing.assert_array_equal(state.observation.value[:, drawn], numbers)

    nothing = dataclasses.replace(state.episode.draw, numbers=jnp.full_like(numbers, jnp.nan))
    hidden = state.with_episode(draw=nothing)
    after, outcome = _step(env)(hidden, MIDDLE)
    going_on = ~np.asarray(outcome.done)
    assert going_on.any()
    assert np.all(np.isfinite(after.observation.policy))
    assert np.all(np.isnan(np.asarray(after.observation.value)[going_on, drawn]))
    assert np.all(np.isnan(np.asarray(outcome.terminal_observation.value)[:, drawn]))

    # No other hidden value and no true reading reaches it either: besides sensed values, the policy
    # observes at most the hand's joint readings.
    true = env.true_readings(state)
    unseen = jax.tree.map(lambda x: jnp.full(x.shape, jnp.nan), env.unseen(state))
    own = ("joint_angles", "joint_velocities", "targets", "action_average")
    sensed = sensing.Sensed(jnp.zeros((NUM, 5, 3)), jnp.zeros((NUM, 3)), state.episode.goal)
    for kind, known in (("paper", ()), ("proprioceptive", own)):
        blind = dataclasses.replace(
            true,
            **{
                field.name: jnp.full_like(getattr(true, field.name), jnp.nan)
                for field in dataclasses.fields(true)
                if field.name not in known
            },
        )
        seer = _env("all", env__value_observation="privileged", env__policy_observation=kind)
        seen = seer._observe(unseen, sensed, blind, state.episode.goal)
        assert np.all(np.isfinite(seen.policy)) and np.any(np.isnan(seen.value))
        assert np.all(np.isnan(seen.value[:, 142:]))


def test_the_paper_value_observation_holds_nothing_hidden():
    env = _env("all")
    assert env.value_size == 142 and env.hidden_parts == ()


@pytest.mark.parametrize(
    ("name", "locked_wrist"),
    [
        ("block", True),
        pytest.param("prism", False, marks=pytest.mark.slow),
        pytest.param("sphere", False, marks=pytest.mark.slow),
    ],
)
def test_all_terms_on_every_object(name, locked_wrist):
    env = _env("all", bank_size=16, env__object=name, env__locked_wrist=locked_wrist)
    state = env.reset(jax.random.key(0), NUM, FAR)
    for key in jax.random.split(jax.random.key(1), 5):
        state, outcome = _step(env)(state, jax.random.randint(key, (NUM, 20), 0, 11))
        assert not np.any(outcome.diverged)
        assert np.all(np.isfinite(state.observation.policy))
    wrist = hand.layout(env.engine.model).joint_qpos[:2]
    moved = np.abs(np.asarray(state.episode.physics.qpos)[:, wrist]).max()
    assert moved < 1e-3 if locked_wrist else moved > 0.01
