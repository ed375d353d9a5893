"""Actuation terms follow their laws, keep their state, and act on the simulated hand."""

import dataclasses
import zlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from dactyl_jax import hand, physics
from dactyl_jax.randomization import actuation, terms
from dactyl_jax.randomization.actuation import ActuationScene, Command
from dactyl_jax.randomization.pipeline import Pipeline

NUM = 10_000
CONTROL_DT, SUBSTEPS, SIM_DT = 0.08, 10, 0.008
TERMS = {term.name: term for term in actuation.TERMS}
LOOSE = hand.ACTUATORS.index("rh_A_MFJ0")
QUANTILES = np.array([0.05, 0.25, 0.5, 0.75, 0.95])


def _keys(seed, num=NUM):
    return jax.random.split(jax.random.key(seed), num)


def _command(value=0.5, timestep=SIM_DT):
    """Returns a command whose request and targets have the given value."""
    return Command(jnp.full(20, value), jnp.full(20, value), jnp.zeros(3), jnp.float32(timestep))


def _scene(angles=0.0, rest=0.0, unit=1.0, mass=0.1):
    angles, rest = (jnp.broadcast_to(jnp.float32(value), 20) for value in (angles, rest))
    rates = jnp.asarray(actuation.log_rates(hand.load_model()))
    substeps = jnp.float32(SUBSTEPS)
    return ActuationScene(rest, jnp.full(20, unit), angles, mass, rates, CONTROL_DT, substeps)


class _Episodes:
    """Episodes of one term with equal law, strength, commands and scene."""

    def __init__(self, name, strength=1.0, num=NUM, signal=None, scene=None, **changes):
        term, law = TERMS[name], ConfigDict({**TERMS[name].law, **changes})
        self._scene, self._strength, self._num, self._steps = scene or _scene(), strength, num, 0
        begin = jax.vmap(lambda key, *rest: term.begin(key, law, *rest), (0, None, None, None))
        apply = jax.vmap(lambda key, *rest: term.apply(key, law, *rest), (0, None, 0, None, None))
        self._apply = jax.jit(apply)
        self.memory = jax.jit(begin)(
            _keys(zlib.crc32(name.encode()), num), strength, signal or _command(), self._scene
        )

    def step(self, signal=None, scene=None):
        """Returns the commands after the term, `[num, ...]`."""
        self._steps += 1
        self.memory, signal = self._apply(
            _keys(self._steps, self._num),
            self._strength,
            self.memory,
            signal or _command(),
            scene or self._scene,
        )
        return jax.tree.map(np.asarray, signal)


@pytest.mark.parametrize("name", TERMS)
def test_strength_zero_does_nothing(name):
    episodes = _Episodes(name, strength=0.0, num=100)
    for targets in (0.5, -0.3, 0.0, 0.2):
        signal = _command(targets)
        for before, after in zip(signal, episodes.step(signal), strict=True):
            np.testing.assert_array_equal(after, np.broadcast_to(before, after.shape))


@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_additive_noise_in_unit_actions(strength):
    episodes = _Episodes("action_noise", strength, multiplicative_episode=0.0)
    first, second = (episodes.step().asked - 0.5 for _ in range(2))
    assert np.std(first) == pytest.approx(strength * np.hypot(0.03, 0.1), rel=0.01)
    assert np.mean(first * second) == pytest.approx((strength * 0.03) ** 2, rel=0.06)
    assert abs(np.corrcoef(first[:, 0], first[:, 1])[0, 1]) < 0.04
    assert abs(np.mean(first)) < 5e-4


def test_an_episodes_factor_scales_the_unit_action_alike_in_every_step():
    episodes = _Episodes("action_noise", additive_episode=0.0, additive_step=0.0)
    first, second = (episodes.step().asked / 0.5 for _ in range(2))
    assert np.mean(first) == pytest.approx(1.0, abs=1e-3)
    assert np.std(first) == pytest.approx(0.03, rel=0.01)
    np.testing.assert_array_equal(first, second)


def test_noise_on_targets_is_in_half_ranges_and_scales_the_way_to_go():
    """With smoothed targets, the request is a target, and resting means staying in place."""
    scene = _scene(rest=-0.7, unit=0.8)
    laws = {"multiplicative_episode": 0.0, "multiplicative_step": 0.015}
    episodes = _Episodes("action_noise", scene=scene, additive_episode=0, additive_step=0, **laws)
    first, second = ((episodes.step().asked + 0.7) / 1.2 for _ in range(2))
    assert np.std(first) == pytest.approx(0.015, rel=0.01)
    assert abs(np.corrcoef(first[:, 0], second[:, 0])[0, 1]) < 0.04
    laws["multiplicative_step"] = 0.0
    episodes = _Episodes("action_noise", scene=scene, additive_episode=0.0, **laws)
    assert np.std(episodes.step().asked[:, 3]) == pytest.approx(0.08, rel=0.03)


@pytest.mark.parametrize(("strength", "share"), [(1.0, 0.5), (0.5, 0.25), (3.0, 1.0)])
def test_share_of_late_actuators(strength, share):
    late = np.asarray(_Episodes("action_delay", strength).memory.late)
    np.testing.assert_allclose(late.mean(axis=0), share, atol=0.02)
    if share < 1:
        correlation = np.corrcoef(late, rowvar=False)
        assert np.abs(correlation - np.eye(20)).max() < 0.05


def test_late_actuators_are_one_control_step_late_throughout():
    episodes = _Episodes("action_delay", num=50, signal=_command(0.1))
    late = np.asarray(episodes.memory.late)
    for before, now in [(0.1, 0.2), (0.2, 0.3), (0.3, -0.4)]:
        asked = episodes.step(_command(now)).asked
        np.testing.assert_array_equal(asked, np.where(late, np.float32(before), np.float32(now)))


def test_backlash_rates_by_the_makers_names():
    play = _Episodes("backlash").memory
    for name, down, up in [
        ("WRJ2", 4.25, 4.25),
        ("FFJ4", 4.25, 2.93),
        ("FFJ0", 4.25, 1.86),
        ("MFJ0", 1.92, 1.44),
        ("RFJ3", 3.35, 2.98),
        ("LFJ5", 4.25, 4.25),
        ("LFJ0", 1.39, 1.41),
        ("THJ4", 1.25, 1.53),
        ("THJ2", 2.86, 4.25),
        ("THJ1", 2.10, 4.25),
    ]:
        index = hand.ACTUATORS.index(f"rh_A_{name}")
        for rates, log in ((play.down, down), (play.up, up)):
            drawn = np.log(rates[:, index])
            assert np.mean(drawn) == pytest.approx(log, rel=0.005)
            assert np.std(drawn) == pytest.approx(0.1 * log, rel=0.03)


def test_backlash_is_never_slower_than_the_floor_and_starts_anywhere_in_the_play():
    play = _Episodes("backlash", spread=1.0).memory
    assert np.min(play.down) == np.min(play.up) == 2.0
    for strength in (1.0, 0.5):
        position = np.asarray(_Episodes("backlash", strength).memory.position)
        np.testing.assert_allclose(
            np.quantile(position[:, 3], QUANTILES), strength * (2 * QUANTILES - 1), atol=0.04
        )


def _play(position, down=20.0, up=10.0):
    return actuation.Play(*(jnp.full((1, 20), value) for value in (position, down, up)))


def test_backlash_takes_up_play_before_it_passes_motion():
    episodes = _Episodes("backlash", num=1)
    episodes.memory = _play(0.0)
    # Upwards, 0.5 rad at a rate of 10 takes up 0.4 of the backlash in 0.08 s: half of the third
    # step is left. Downwards, the rate is 20 over twice the backlash: again half of the third.
    for target, passed, position in [
        *[(0.5, 0.0, 0.4), (0.5, 0.0, 0.8), (0.5, 0.25, 1.0), (0.5, 0.5, 1.0)],
        *[(-0.5, 0.0, 0.2), (-0.5, 0.0, -0.6), (-0.5, -0.25, -1.0), (-0.5, -0.5, -1.0)],
    ]:
        targets = episodes.step(_command(target)).targets
        np.testing.assert_allclose(targets, passed, atol=1e-6)
        np.testing.assert_allclose(episodes.memory.position, position, atol=1e-6)


def test_backlash_of_half_the_strength_has_half_the_play():
    episodes = _Episodes("backlash", strength=0.5, num=1)
    episodes.memory = _play(0.5)
    passed = [episodes.step(_command(-0.25)).targets[0, 0] for _ in range(4)]
    np.testing.assert_allclose(passed, [0.0, 0.0, -0.125, -0.25], atol=1e-6)


def test_knocks_come_log_uniformly_often():
    probability = np.asarray(_Episodes("object_force").memory.probability)
    assert probability.min() >= 0.001 and probability.max() <= 0.1
    share = np.log(probability / 0.001) / np.log(100)
    np.testing.assert_allclose(np.quantile(share, QUANTILES), QUANTILES, atol=0.02)


@pytest.mark.parametrize(
    ("strength", "frequency", "deviation"), [(1.0, 0.1, 0.1), (0.5, 0.05, 0.05), (20.0, 1.0, 2.0)]
)
def test_forces_accelerate_alike_whatever_the_mass(strength, frequency, deviation):
    for mass in (0.1, 0.2):
        episodes = _Episodes("object_force", strength, scene=_scene(mass=mass), probability_low=0.1)
        force = episodes.step().force
        knocked = np.any(force != 0, axis=1)
        assert np.mean(knocked) == pytest.approx(frequency, abs=0.01)
        expected = deviation * mass / 0.1
        np.testing.assert_allclose(np.std(force[knocked], axis=0), expected, rtol=0.1)


def test_forces_fade_until_the_next_knock_and_add_to_what_there_is():
    episodes = _Episodes("object_force", num=1000)
    episodes.memory = episodes.memory._replace(force=jnp.ones((1000, 3)))
    force = episodes.step(_command()._replace(force=jnp.full(3, 2.0))).force - 2.0
    fading = np.all(np.isclose(force, 0.99, atol=1e-6), axis=1)
    assert 0.9 < np.mean(fading) < 1.0
    episodes.memory = episodes.memory._replace(probability=jnp.zeros(1000))
    left = np.asarray(episodes.memory.force)
    for _ in range(10):
        faded = episodes.step().force
    np.testing.assert_allclose(faded, 0.99**10 * left, rtol=1e-5)


@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_a_control_step_lasts_longer_by_a_sum_of_exponentials(strength):
    episodes = _Episodes("time_step", strength, num=4 * NUM)
    rate = np.asarray(episodes.memory)
    np.testing.assert_allclose(
        np.quantile(rate, QUANTILES), 1250 + 8750 * QUANTILES, atol=0.01 * 8750
    )
    timestep = episodes.step(_command(timestep=0.0)).timestep
    assert np.all(timestep > 0)
    total = SUBSTEPS * timestep * rate / strength
    expected = np.random.default_rng(0).exponential(size=(4 * NUM, SUBSTEPS)).sum(axis=1)
    assert np.mean(total) == pytest.approx(SUBSTEPS, rel=0.005)
    assert np.std(total) == pytest.approx(np.sqrt(SUBSTEPS), rel=0.02)
    np.testing.assert_allclose(
        np.quantile(total, QUANTILES), np.quantile(expected, QUANTILES), rtol=0.02
    )
    nominal = episodes.step().timestep
    mean = strength * np.log(8.0) / 8750  # the mean of 1/rate
    assert np.mean(nominal - SIM_DT) == pytest.approx(mean, rel=0.02)


def _all_terms(**enabled):
    laws = {name: {"enabled": enabled.get(name), **term.law} for name, term in TERMS.items()}
    return ConfigDict({"randomization": "all", "terms": laws})


def test_laws_are_of_the_unmodelled_family_and_pass_their_check():
    config = _all_terms()
    terms.check(actuation.TERMS, config)
    assert tuple(TERMS) == (
        "action_noise", "action_delay", "backlash", "object_force", "time_step",
    )  # fmt: skip
    config.randomization = "no_unmodelled"
    assert not any(term.enabled(config) for term in actuation.TERMS)


def test_tables_hold_all_terms_in_the_order_in_which_a_command_meets_them():
    tables = [actuation.ON_ACTIONS, actuation.ON_AVERAGES, actuation.ON_MOTORS]
    names = [[term.name for term in table] for table in tables]
    assert names == [["action_noise"], ["action_delay"], ["backlash", "object_force", "time_step"]]
    assert sum(tables, ()) == actuation.TERMS


def test_motors_terms_act_one_after_the_other():
    pipeline = Pipeline(actuation.ON_MOTORS, _all_terms())
    signal, scene = jax.tree.map(lambda x: jnp.asarray(x)[None], (_command(0.2), _scene(0.5)))
    strengths = {name: jnp.ones(1) for name in TERMS}
    memory = pipeline.begin(_keys(0, 1), strengths, signal, scene)
    memory["backlash"] = _play(-1.0)
    _, after = jax.jit(pipeline.apply)(_keys(1, 1), strengths, memory, signal, scene)
    np.testing.assert_allclose(after.targets, 0.2, atol=1e-6)  # downwards: no backlash to take up
    assert after.timestep[0] > SIM_DT


@pytest.fixture(scope="module")
def engine():
    return physics.make_engine("native", hand.load_model("block"))


def _weightless(engine):
    """Returns parameters and state of a weightless hand and block, with half-bent fingers."""
    layout = hand.layout(engine.model)
    state = physics.initial_state(engine.model, 1)
    bent = jnp.asarray(np.linalg.pinv(layout.coupling) @ layout.start_targets, jnp.float32)
    qpos = state.qpos.at[:, layout.joint_qpos].set(bent)
    qpos = qpos.at[:, layout.object_qpos[2]].add(0.3)  # the block floats out of reach
    ctrl = jnp.asarray(layout.start_targets, jnp.float32)[None]
    return layout, {"gravity": jnp.zeros((1, 3))}, dataclasses.replace(state, qpos=qpos, ctrl=ctrl)


def test_a_finger_rests_until_its_play_is_taken_up(engine):
    layout, parameters, state = _weightless(engine)
    episodes = _Episodes("backlash", num=1)
    episodes.memory = _play(-1.0)
    goal = layout.start_targets + np.eye(20)[LOOSE] * 0.5
    angles = []
    for _ in range(10):  # each step takes up 0.4 of 2: the sixth is the first that moves the joint
        angle = jnp.asarray(layout.coupling, jnp.float32) @ state.qpos[0, layout.joint_qpos]
        angles.append(float(angle[LOOSE]) - layout.start_targets[LOOSE])
        command = _command()._replace(targets=jnp.asarray(goal, jnp.float32))
        targets = episodes.step(command, _scene(angle)).targets
        state, _ = engine.step(parameters, dataclasses.replace(state, ctrl=targets), SUBSTEPS)
    np.testing.assert_allclose(angles[:6], 0.0, atol=0.005)
    assert angles[7] > 0.05 and angles[9] > 0.2


def test_a_force_accelerates_the_free_block_by_force_over_mass(engine):
    layout, parameters, state = _weightless(engine)
    mass = engine.model.body("object").mass[0]
    episodes = _Episodes(
        "object_force", 1.0, num=1, scene=_scene(mass=mass), probability_low=1, probability_high=1
    )
    force = episodes.step().force
    applied = state.qfrc_applied.at[:, layout.object_qvel[:3]].set(force)
    moved, _ = engine.step(parameters, dataclasses.replace(state, qfrc_applied=applied), SUBSTEPS)
    np.testing.assert_allclose(
        moved.qvel[:, layout.object_qvel[:3]], force / mass * CONTROL_DT, rtol=1e-4
    )
    np.testing.assert_allclose(moved.qvel[:, layout.object_qvel[3:]], 0.0, atol=1e-6)


def test_a_longer_time_step_lets_more_time_pass(engine):
    _, parameters, state = _weightless(engine)
    timestep = _Episodes("time_step", num=1).step().timestep
    moved, _ = engine.step({**parameters, "timestep": timestep}, state, SUBSTEPS)
    assert moved.time[0] == pytest.approx(SUBSTEPS * timestep[0], rel=1e-5)
    assert CONTROL_DT < moved.time[0] < 1.2 * CONTROL_DT
