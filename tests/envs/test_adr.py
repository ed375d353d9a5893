"""Automatic domain randomisation: limits follow the goals reached at them."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax import config as config_lib
from dactyl_jax import envs, randomization
from dactyl_jax.envs import adr, bank

TERMS = [term.name for term in randomization.TERMS]
FRICTION, BACKLASH = TERMS.index("friction"), TERMS.index("backlash")


def _config(**fields):
    config = config_lib.default()
    config.engine = "native"
    config.randomization = "all"
    config.env.bank_size = 64
    config.adr.enabled = True
    config.adr.initial = 0.3
    config.adr.update(fields)
    return config


def _counts(term, episodes, goals, reference=(100, 1000)):
    """Counters of one roll-out: `episodes` and `goals` of a term, and of the reference."""
    zeros = np.zeros(len(TERMS), np.int32)
    counts = {"tested_episodes": zeros.copy(), "tested_goals": zeros.copy()}
    counts["tested_episodes"][term] = episodes
    counts["tested_goals"][term] = goals
    return counts | dict(zip(("reference_episodes", "reference_goals"), reference, strict=True))


def test_a_limit_follows_the_share_of_the_reference_s_goals_and_the_others_stay():
    """The reference reaches 10 goals per episode: limits widen from 7 on and narrow below 4."""
    config = _config(episodes=10, step=0.1)
    start = adr.initial(config)
    for goals, expected in ((70, 0.4), (69, 0.3), (40, 0.3), (39, 0.2)):
        limits = adr.update(config, start, _counts(FRICTION, 10, goals))
        assert float(limits.strength[FRICTION]) == pytest.approx(expected)
        np.testing.assert_array_equal(np.delete(limits.strength, FRICTION), np.float32(0.3))
        # The limit was updated: counts restart, including this term's reference.
        assert float(limits.episodes[FRICTION]) == float(limits.reference_episodes[FRICTION]) == 0
        assert float(limits.reference_episodes[BACKLASH]) == 100


def test_the_same_goals_widen_a_limit_or_narrow_it_by_the_reference():
    config = _config(episodes=10, step=0.1)
    for reference, expected in (((10, 20), 0.4), ((10, 40), 0.3), ((10, 60), 0.2)):
        limits = adr.update(config, adr.initial(config), _counts(FRICTION, 10, 20, reference))
        assert float(limits.strength[FRICTION]) == pytest.approx(expected)


def test_few_episodes_of_either_kind_judge_nothing():
    config = _config(episodes=10, step=0.1)
    for episodes, reference in ((9, (100, 1000)), (100, (9, 90))):
        counts = _counts(FRICTION, episodes, 10 * episodes, reference)
        limits = adr.update(config, adr.initial(config), counts)
        assert float(limits.strength[FRICTION]) == pytest.approx(0.3)
        assert float(limits.episodes[FRICTION]) == episodes
        # The next roll-out adds to them.
        limits = adr.update(config, limits, counts)
        assert float(limits.strength[FRICTION]) == pytest.approx(0.4)


def test_a_policy_that_reaches_nothing_moves_no_limit():
    config = _config(episodes=10, step=0.1)
    for goals in (0, 9, 100):
        counts = _counts(FRICTION, 10, goals, reference=(10, 9))
        limits = adr.update(config, adr.initial(config), counts)
        assert float(limits.strength[FRICTION]) == pytest.approx(0.3)
        assert float(limits.episodes[FRICTION]) == 0  # the old counts are discarded


def test_a_moved_limit_waits_for_the_next_bank():
    config = _config(episodes=10, step=0.1)
    good = _counts(FRICTION, 10, 100)
    limits = adr.update(config, adr.initial(config), good)
    again = adr.update(config, limits, good)
    assert float(again.strength[FRICTION]) == pytest.approx(0.4)
    assert bool(again.moved[FRICTION]) and int(again.moved.sum()) == 1
    after = adr.update(config, adr.redrawn(again), good)
    assert float(after.strength[FRICTION]) == pytest.approx(0.5)


def test_limits_stay_between_zero_and_the_maximum():
    config = _config(episodes=1, initial=0.05, maximum=0.1)
    limits = adr.initial(config)
    low = adr.update(config, limits, _counts(FRICTION, 1, 0))
    high = adr.update(config, limits, _counts(FRICTION, 1, 9))
    assert float(low.strength[FRICTION]) == 0.0
    assert float(high.strength[FRICTION]) == pytest.approx(0.1)


def test_limits_go_on_by_the_names_of_their_terms():
    config = _config()
    limits = adr.initial(config, {"backlash": 0.7, "friction": 1.5, "of_another_day": 0.1})
    assert float(limits.strength[BACKLASH]) == pytest.approx(0.7)
    assert float(limits.strength[FRICTION]) == 1.0  # the maximum
    others = np.delete(limits.strength, [FRICTION, BACKLASH])
    np.testing.assert_array_equal(others, np.float32(0.3))
    names = adr.by_term(config, limits)
    assert names["backlash"] == pytest.approx(0.7) and "of_another_day" not in names
    np.testing.assert_array_equal(adr.initial(config, names).strength, limits.strength)


def test_counts_by_role():
    """Two environments at a term's limit, one outdated; then strengths as drawn, 0 and 1."""
    role = np.array([FRICTION, FRICTION, adr.FREE, adr.REFERENCE, adr.REFERENCE, adr.FULL])
    at_limit = np.array([True, False, True, True, True, True])
    ended = np.array([True, True, True, True, False, True])
    reached = np.array([False, True, True, False, True, True])
    failed = np.array([True, True, True, False, False, True])
    counts = adr.count(*map(jnp.asarray, (role, at_limit, ended, reached, failed)))
    total = {name: np.sum(values, axis=0) for name, values in counts.items()}
    assert {name: int(value) for name, value in total.items() if value.ndim == 0} == {
        "full_goals": 1,
        "full_failures": 1,
        "reference_goals": 1,
        "reference_failures": 0,
        "reference_episodes": 1,
    }
    one = np.eye(len(TERMS), dtype=int)[FRICTION]
    np.testing.assert_array_equal(total["tested_episodes"], one)
    np.testing.assert_array_equal(total["tested_goals"], 0 * one)


@pytest.fixture(scope="module")
def env():
    config = _config(boundary_share=0.4, reference_share=0.2, full_share=0.2)
    limits = np.full(len(TERMS), 0.3, np.float32)
    limits[BACKLASH] = 0.8
    return envs.make_environment(config, limits)


def test_a_bank_draws_strengths_by_roles(env):
    draws = jax.tree.map(np.asarray, env.bank.draws)
    limits = np.asarray(env.bank.limits)
    tested = draws.role >= 0
    roles = {role: draws.role == role for role in (adr.FREE, adr.REFERENCE, adr.FULL)}
    assert 0.2 < tested.mean() < 0.6
    for share in (mask.mean() for mask in roles.values()):
        assert 0.06 < share < 0.4
    assert tested.sum() + sum(mask.sum() for mask in roles.values()) == env.bank.size
    assert np.all(draws.strengths[roles[adr.REFERENCE]] == 0)
    assert np.all(draws.strengths[roles[adr.FULL]] == 1)

    drawn = draws.strengths[tested | roles[adr.FREE]]
    assert np.all(drawn <= limits) and np.all(drawn >= 0)
    at = draws.strengths[tested, draws.role[tested]]
    np.testing.assert_array_equal(at, limits[draws.role[tested]])
    # Strengths of untested terms are uniform below the limit.
    free = tested & (draws.role != FRICTION) & (draws.role != BACKLASH)
    free |= roles[adr.FREE]
    assert 0.05 < draws.strengths[free, FRICTION].mean() < 0.25
    assert 0.2 < draws.strengths[free, BACKLASH].mean() < 0.6


def test_strength_scales_what_is_drawn(env):
    friction = np.asarray(env.bank.draws.parameters["geom_friction"])[:, 0, 0]
    strength = np.asarray(env.bank.draws.strengths)[:, FRICTION]
    nominal = env.engine.model.geom_friction[0, 0]
    assert np.all(np.abs(friction / nominal - 1) <= 0.3 * strength + 1e-6)


@pytest.mark.slow
def test_only_episodes_at_the_banks_limit_count(env):
    state = env.reset(jax.random.key(0), 32, jnp.float32(0.9))
    palm = state.episode.physics.qpos.at[:, -5].add(-0.3)  # the object below the palm: all drop
    dropped = state.with_episode(physics=dataclasses.replace(state.episode.physics, qpos=palm))
    step = jax.jit(env.step)
    _, outcome = step(dropped, jnp.full((32, 20), 5))
    assert np.all(outcome.done)
    counts = jax.tree.map(lambda x: np.sum(x, axis=0), outcome.counters)
    role = np.asarray(state.episode.draw.role)
    expected = np.bincount(role[role >= 0], minlength=len(TERMS))
    np.testing.assert_array_equal(counts["tested_episodes"], expected)
    assert counts["full_failures"] == np.sum(role == adr.FULL) > 0
    assert counts["reference_failures"] == np.sum(role == adr.REFERENCE) > 0
    assert counts["reference_episodes"] == counts["reference_failures"]

    wider = dataclasses.replace(dropped.bank, limits=dropped.bank.limits.at[BACKLASH].add(0.1))
    _, outcome = step(dataclasses.replace(dropped, bank=wider), jnp.full((32, 20), 5))
    expected[BACKLASH] = 0
    np.testing.assert_array_equal(outcome.counters["tested_episodes"].sum(axis=0), expected)


@pytest.mark.parametrize(("preset", "full"), [("none", None), ("basic", 4)])
def test_without_widening_all_hands_play_at_full_strength_or_none(preset, full):
    config = _config()
    config.adr.enabled, config.randomization, config.env.bank_size = False, preset, 4
    env = envs.make_environment(config)
    state = env.reset(jax.random.key(0), 4, jnp.float32(0.9))
    palm = state.episode.physics.qpos.at[:, -5].add(-0.3)
    dropped = state.with_episode(physics=dataclasses.replace(state.episode.physics, qpos=palm))
    _, outcome = jax.jit(env.step)(dropped, jnp.full((4, 20), 5))
    counts = {name: int(values.sum()) for name, values in outcome.counters.items()}
    assert counts == ({} if full is None else {"full_goals": 0, "full_failures": full})


def test_limits_are_named_for_the_enabled_terms():
    config = _config()
    config.randomization = "no_sensing"
    limits = adr.by_term(config, adr.initial(config))
    assert limits["friction"] == pytest.approx(0.3)
    enabled = [term.name for term in randomization.TERMS if term.enabled(config)]
    assert "fingertip_noise" not in limits and list(limits) == enabled
    config.adr.enabled = False
    assert adr.by_term(config, adr.initial(config)) == {}


def test_a_different_limit_is_another_bank(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    config = _config()
    config.env.bank_size = 8
    model = envs.make_environment(config).engine.model
    ones = np.ones(len(TERMS), np.float32)
    one, same, other = (bank.build(config, model, 0, ones * x) for x in (0.5, 0.5, 0.6))
    np.testing.assert_array_equal(one.draws.numbers, same.draws.numbers)
    assert not np.array_equal(one.draws.numbers, other.draws.numbers)
