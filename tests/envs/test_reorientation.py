"""The task on the native engine: numerical effects of a step."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax import config as config_lib
from dactyl_jax import envs, hand
from dactyl_jax.envs import goals
from dactyl_jax.hand import rotations

NUM = 8
UNIFORM = jnp.float32(jnp.pi)
NEAR = jnp.float32(0.9)
NOISE = ("fingertip_noise", "position_noise", "orientation_noise")
MIDDLE = jnp.full((NUM, 20), 5, jnp.int32)


def make(**overrides):
    config = config_lib.default()
    config.engine = "native"
    config.randomization = "none"
    config.env.bank_size = 16
    config.env.action = "absolute"
    config.update_from_flattened_dict({key.replace("__", "."): v for key, v in overrides.items()})
    return envs.make_environment(config)


@pytest.fixture(scope="module")
def env():
    return make()


@pytest.fixture(scope="module")
def step(env):
    return jax.jit(env.step)


def _with_goal(env, state, angle):
    """Returns the same states with goals `angle` rad away about a fixed axis."""
    layout = hand.layout(env.engine.model)
    to_forearm = rotations.conjugate(jnp.asarray(layout.forearm_quaternion, jnp.float32))
    now = rotations.multiply(to_forearm, state.episode.physics.qpos[:, layout.object_qpos[3:]])
    turn = rotations.from_axis_angle(jnp.array([0.0, 0.0, 1.0]), jnp.full(NUM, angle))
    return state.with_episode(goal=rotations.multiply(turn, now))


def _with_height(env, state, drop):
    layout = hand.layout(env.engine.model)
    qpos = state.episode.physics.qpos.at[:, layout.object_qpos[2]].add(-drop)
    return state.with_episode(physics=dataclasses.replace(state.episode.physics, qpos=qpos))


def test_sizes(env):
    state = env.reset(jax.random.key(0), NUM, UNIFORM)
    assert state.observation.policy.shape == (NUM, 22) == (NUM, env.policy_size)
    assert state.observation.value.shape == (NUM, 142) == (NUM, env.value_size)
    proprioceptive = make(env__policy_observation="proprioceptive")
    other = proprioceptive.reset(jax.random.key(0), NUM, UNIFORM)
    assert other.observation.policy.shape == (NUM, 128) == (NUM, proprioceptive.policy_size)
    np.testing.assert_array_equal(other.observation.policy[:, :22], state.observation.policy)
    first_version = make(env__policy_observation="proprioceptive", env__smoothed="target")
    assert (first_version.policy_size, first_version.value_size) == (108, 122)


def test_paper_observation_holds_tips_position_and_relative_goal(env):
    state = env.reset(jax.random.key(0), NUM, UNIFORM)
    model = env.engine.model
    import mujoco

    data = mujoco.MjData(model)
    forearm = model.body("rh_forearm").id
    for i in range(NUM):
        data.qpos[:] = state.episode.physics.qpos[i]
        mujoco.mj_forward(model, data)
        rotation = data.xmat[forearm].reshape(3, 3)

        def local(point, rotation=rotation):
            return rotation.T @ (point - data.xpos[forearm])

        tips = [local(data.site(name).xpos) for name in hand.FINGERTIPS]
        seen = np.asarray(state.observation.policy[i])
        np.testing.assert_allclose(seen[:15], np.concatenate(tips), atol=1e-5)
        np.testing.assert_allclose(seen[15:18], local(data.body("object").xpos), atol=1e-5)
        orientation, conjugate, left = np.zeros(4), np.zeros(4), np.zeros(4)
        mujoco.mju_negQuat(conjugate, data.xquat[forearm])
        mujoco.mju_mulQuat(orientation, conjugate, data.body("object").xquat)
        mujoco.mju_negQuat(conjugate, orientation)
        mujoco.mju_mulQuat(left, np.asarray(state.episode.goal[i], np.float64), conjugate)
        np.testing.assert_allclose(seen[18:22], left * np.sign(left[0]), atol=1e-5)


def test_reward_is_the_angle_gained(env, step):
    state = _with_goal(env, env.reset(jax.random.key(0), NUM, UNIFORM), 1.5)
    state, first = step(state, MIDDLE)
    _, second = step(state, MIDDLE)
    assert not np.any(first.goal_reached | second.goal_reached | first.done)
    np.testing.assert_allclose(second.reward, first.distance - second.distance, atol=1e-5)


def test_reached_goal_pays_and_is_followed_by_a_new_one(env, step):
    state = _with_goal(env, env.reset(jax.random.key(0), NUM, UNIFORM), 0.3)
    after, outcome = step(env.with_goal_distance(state, NEAR), MIDDLE)
    assert np.all(outcome.goal_reached) and not np.any(outcome.done)
    np.testing.assert_allclose(outcome.reward, 5.0 + 0.3 - outcome.distance, atol=1e-4)
    np.testing.assert_array_equal(outcome.goals, 1)
    np.testing.assert_array_equal(after.episode.goal_steps, 0)
    layout = hand.layout(env.engine.model)
    to_forearm = rotations.conjugate(jnp.asarray(layout.forearm_quaternion, jnp.float32))
    now = rotations.multiply(to_forearm, after.episode.physics.qpos[:, layout.object_qpos[3:]])
    away = np.asarray(goals.distance(after.episode.goal, now))
    assert np.all((away >= 0.499) & (away <= 0.901))


def test_drop_ends_the_episode_without_bootstrap(env, step):
    state = _with_goal(env, env.reset(jax.random.key(0), NUM, UNIFORM), 1.5)
    after, outcome = step(_with_height(env, state, 0.3), MIDDLE)
    assert np.all(outcome.dropped & outcome.done) and not np.any(outcome.truncated)
    gained = np.asarray(outcome.reward) + 20.0
    assert np.all(np.abs(gained) < 1.0)
    np.testing.assert_array_equal(after.episode.goals, 0)
    _, healthy = step(after, MIDDLE)
    assert not np.any(healthy.dropped)


def test_time_out_truncates_after_eight_seconds(env, step):
    state = env.reset(jax.random.key(0), NUM, UNIFORM)
    ended = np.zeros(NUM, bool)
    for index in range(100):
        state = _with_goal(env, state, 3.0)
        state, outcome = step(state, MIDDLE)
        ended |= np.asarray(outcome.dropped)
        assert not np.any(outcome.timed_out & ~ended) or index == 99
    timed_out = np.asarray(outcome.timed_out) & ~ended
    assert timed_out.sum() >= NUM // 2
    assert np.all(np.asarray(outcome.truncated & outcome.done)[timed_out])
    before = np.asarray(outcome.terminal_observation.value)[timed_out]
    assert not np.allclose(before, np.asarray(state.observation.value)[timed_out])


def test_goal_cap_truncates(step, env):
    state = _with_goal(env, env.reset(jax.random.key(0), NUM, UNIFORM), 0.3)
    state = state.with_episode(goals=jnp.full(NUM, 49))
    after, outcome = step(state, MIDDLE)
    assert np.all(outcome.done & outcome.truncated)
    np.testing.assert_array_equal(outcome.goals, 50)
    np.testing.assert_array_equal(after.episode.goals, 0)


def test_a_diverged_environment_resets_alone(env, step):
    state = _with_goal(env, env.reset(jax.random.key(0), NUM, UNIFORM), 1.5)
    qvel = state.episode.physics.qvel.at[3, 0].set(jnp.nan)
    broken = state.with_episode(physics=dataclasses.replace(state.episode.physics, qvel=qvel))
    after, outcome = step(broken, MIDDLE)
    healthy, reference = step(state, MIDDLE)
    np.testing.assert_array_equal(outcome.diverged, np.arange(NUM) == 3)
    assert bool(outcome.done[3]) and not bool(outcome.truncated[3])
    for leaf in jax.tree.leaves((after.episode.physics, after.observation, outcome.reward)):
        assert np.all(np.isfinite(leaf))
    others = np.arange(NUM) != 3
    np.testing.assert_array_equal(
        np.asarray(after.episode.physics.qpos)[others],
        np.asarray(healthy.episode.physics.qpos)[others],
    )
    np.testing.assert_array_equal(
        np.asarray(outcome.reward)[others], np.asarray(reference.reward)[others]
    )


def test_an_environment_does_not_depend_on_the_others(env, step):
    few = env.reset(jax.random.key(0), NUM, NEAR)
    many = env.reset(jax.random.key(0), 2 * NUM, NEAR)
    actions = jax.random.randint(jax.random.key(1), (30, 2 * NUM, 20), 0, 11)
    wide = jax.jit(env.step)
    for action in actions:
        few, few_outcome = step(few, action[:NUM])
        many, many_outcome = wide(many, action)
        np.testing.assert_array_equal(few.episode.physics.qpos, many.episode.physics.qpos[:NUM])
        np.testing.assert_array_equal(few.episode.goal, many.episode.goal[:NUM])
        np.testing.assert_array_equal(few_outcome.done, many_outcome.done[:NUM])


def test_targets_by_bins():
    layout = hand.layout(hand.load_model("block"))
    low, high = layout.ctrl_range.T
    angles = jnp.full((NUM, 24), 0.1)

    def targets(mode, action):
        unit = envs.actions.unit_action(jnp.full((NUM, 20), action))
        return envs.actions.targets(layout, mode, unit, angles)[0]

    np.testing.assert_allclose(targets("absolute", 0), low, atol=1e-6)
    np.testing.assert_allclose(targets("absolute", 5), 0.5 * (low + high), atol=1e-6)
    np.testing.assert_allclose(targets("absolute", 10), high, atol=1e-6)
    now = np.asarray(angles[0]) @ layout.coupling.T
    np.testing.assert_allclose(targets("relative", 5), np.clip(now, low, high), atol=1e-6)
    moved = np.clip(now + 0.4 * 0.5 * (high - low), low, high)
    np.testing.assert_allclose(targets("relative", 7), moved, atol=1e-6)
    half = 0.5 * np.ones((NUM, 20))
    np.testing.assert_allclose(envs.actions.smoothed_targets(0.7, half, 0.0 * half), 0.15)


def test_average_of_unit_actions_worked_out_by_hand():
    """The average keeps 0.3 per step: after +1 throughout, then -1, it is 1, 0.3 - 0.7, ..."""
    average, seen = envs.actions.no_average(1), []
    assert envs.actions.kept_share(0.3, 0.08) == 0.3
    assert envs.actions.kept_share(0.3, 0.04) == pytest.approx(0.3**0.5)
    for action in [1.0] * 30 + [-1.0] * 3:
        average = envs.actions.average(0.3, average, jnp.full((1, 20), action))
        seen.append(float(average.value[0, 7]))
    np.testing.assert_allclose(seen[:30], 1.0, atol=1e-6)  # from the first one on: no bias to zero
    np.testing.assert_allclose(seen[30:], [-0.4, -0.82, -0.946], atol=1e-6)
    # Early on the weights are few: after 1 and 0 they are 0.21 and 0.7 of 0.91 in all.
    average = envs.actions.no_average(1)
    for action in (1.0, 0.0):
        average = envs.actions.average(0.3, average, jnp.full((1, 20), action))
    np.testing.assert_allclose(average.value, 0.21 / 0.91, rtol=1e-6)
    np.testing.assert_allclose(average.weight, 0.91, rtol=1e-6)


def test_targets_follow_the_average_about_the_angles_now():
    env = make(env__action="relative")
    layout = hand.layout(env.engine.model)
    low, high = layout.ctrl_range.T
    state, value, step = env.reset(jax.random.key(0), NUM, UNIFORM), np.zeros(20), jax.jit(env.step)
    for number, bins in enumerate((10, 5, 0)):
        before = np.asarray(state.episode.physics.qpos[:, layout.joint_qpos]) @ layout.coupling.T
        weight = 1 - 0.3 ** (number + 1)
        value = value + 0.7 / weight * ((bins - 5) / 5 - value)
        state, _ = step(state, jnp.full((NUM, 20), bins))
        np.testing.assert_allclose(state.episode.average.value, np.tile(value, (NUM, 1)), atol=1e-6)
        targets = np.clip(before + value * 0.5 * (high - low), low, high)
        np.testing.assert_allclose(state.episode.physics.ctrl, targets, atol=1e-5)


def test_the_average_is_forgotten_when_an_episode_ends(env, step):
    state = env.reset(jax.random.key(0), NUM, UNIFORM)
    state, _ = step(state, MIDDLE + 3)
    np.testing.assert_allclose(state.episode.average.value, 0.6, atol=1e-6)
    state, outcome = step(_with_height(env, state, 0.3), MIDDLE + 3)
    assert np.all(outcome.dropped)
    for average in (state.episode.average, state.episode.noisy_average):
        assert not np.any(average.value) and not np.any(average.weight)


def test_the_same_task_with_other_goals(env):
    aligned = env.with_goals("aligned")
    assert aligned.bank is env.bank and env.config.env.goals == "uniform"
    assert env.with_goals("near") is env.with_goals("uniform") is env
    (ours, theirs) = (e.reset(jax.random.key(0), NUM, UNIFORM) for e in (env, aligned))
    np.testing.assert_array_equal(ours.episode.physics.qpos, theirs.episode.physics.qpos)
    normal = np.asarray(rotations.matrix(theirs.episode.goal))[
        :, 0
    ]  # the palm's, in the block's frame
    np.testing.assert_allclose(np.abs(normal).max(axis=1), 1.0, atol=1e-5)
    assert np.abs(np.asarray(rotations.matrix(ours.episode.goal))[:, 0]).max(axis=1).min() < 0.99


def test_order_of_noise_average_delay_and_play():
    """All actuators are delayed, noise is a known offset, backlash is off; targets by hand."""
    env = make(
        env__action="relative",
        terms__action_noise__enabled=True,
        terms__action_noise__additive_step=0.0,
        terms__action_noise__additive_episode=0.2,
        terms__action_noise__multiplicative_episode=0.1,
        terms__action_delay__enabled=True,
        terms__action_delay__probability=1.0,
    )
    step = jax.jit(env.step)
    layout = hand.layout(env.engine.model)
    low, high = layout.ctrl_range.T
    state = env.reset(jax.random.key(4), NUM, UNIFORM)
    memory = jax.device_get(state.episode.actuation["action_noise"])
    assert np.std(memory.offset) > 0.1 and np.std(memory.stretch) > 0.05
    late = np.zeros((NUM, 20))
    for number, unit in enumerate((0.6, -0.4, 1.0)):
        angles = np.asarray(state.episode.physics.qpos[:, layout.joint_qpos]) @ layout.coupling.T
        clean = np.clip(angles + late * 0.5 * (high - low), low, high)  # asked one step before
        noisy = unit * (1 + memory.stretch) + memory.offset
        state, outcome = step(state, MIDDLE + round(5 * unit))
        assert not np.any(outcome.done)
        np.testing.assert_allclose(state.episode.command.targets, clean, atol=1e-5)
        weight = 1 - 0.3 ** (number + 1)
        late = late + 0.7 / weight * (noisy - late)
        np.testing.assert_allclose(state.episode.noisy_average.value, late, atol=1e-5)


def test_policy_sees_noise_and_the_value_function_does_not():
    clean, noisy = make(), make(**{f"terms__{name}__enabled": True for name in NOISE})
    key = jax.random.key(3)
    true, seen = clean.reset(key, NUM, UNIFORM), noisy.reset(key, NUM, UNIFORM)
    np.testing.assert_array_equal(true.observation.value, seen.observation.value)
    error = np.asarray(seen.observation.policy - true.observation.policy)
    assert 1e-4 < np.abs(error[:, :15]).mean() < 5e-3
    assert 1e-4 < np.abs(error[:, 15:18]).mean() < 2e-2
    assert 0.01 < np.abs(error[:, 18:]).mean() < 0.3


def test_bank_starts_rest_in_the_palm(env):
    qvel = np.asarray(env.bank.states.qvel)
    layout = hand.layout(env.engine.model)
    assert env.bank.size == 16
    assert np.abs(qvel[:, layout.object_qvel[:3]]).max() < 0.05
    assert np.all(np.asarray(env.bank.states.time) == 0.0)
    quaternions = np.asarray(env.bank.states.qpos)[:, layout.object_qpos[3:]]
    assert np.linalg.norm(quaternions[1:] - quaternions[:1], axis=1).min() > 0.01


def test_a_start_takes_the_parameters_of_its_own_pair():
    env = make(randomization="basic")
    state = env.reset(jax.random.key(0), NUM, UNIFORM)
    bank = env.bank
    for i in range(NUM):
        same = np.all(
            np.asarray(bank.states.qpos) == np.asarray(state.episode.physics.qpos[i]), axis=1
        )
        (pair,) = np.flatnonzero(same)
        for name, values in state.episode.draw.parameters.items():
            np.testing.assert_array_equal(values[i], bank.draws.parameters[name][pair])
    assert len(np.unique(np.asarray(state.episode.draw.parameters["geom_friction"])[:, 0, 0])) > 2


def test_a_redrawn_bank_is_for_the_episodes_to_come():
    env = make(randomization="basic")
    state = env.reset(jax.random.key(0), NUM, UNIFORM)
    redrawn = env.redraw(state, 1)
    for old, new in zip(
        jax.tree.leaves((state.episode.draw, state.episode.physics)),
        jax.tree.leaves((redrawn.episode.draw, redrawn.episode.physics)),
        strict=True,
    ):
        np.testing.assert_array_equal(old, new)
    ours, theirs = (np.asarray(s.bank.draws.parameters["body_mass"]) for s in (redrawn, state))
    assert not np.any(np.isin(ours[:, 2:], theirs[:, 2:]))
    again = env.redraw(state, 1)
    np.testing.assert_array_equal(again.bank.states.qpos, redrawn.bank.states.qpos)
    fallen, outcome = jax.jit(env.step)(_with_height(env, redrawn, 0.3), MIDDLE)
    assert np.all(outcome.dropped)
    assert np.all(np.isin(np.asarray(fallen.episode.draw.parameters["body_mass"]), ours))
