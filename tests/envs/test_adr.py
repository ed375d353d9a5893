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


def _counts(term, episodes, goals):
    zeros = np.zeros(len(TERMS), np.int32)
    counts = {"tested_episodes": zeros.copy(), "tested_goals": zeros.copy()}
    counts["tested_episodes"][term] = episodes
    counts["tested_goals"][term] = goals
    return counts


def test_a_limit_widens_with_goals_and_narrows_without_and_the_others_stay():
    config = _config(episodes=10, widen_goals=3.0, narrow_goals=1.0, step=0.1)
    start = adr.initial(config)
    for goals, expected in ((30, 0.4), (29, 0.3), (10, 0.3), (9, 0.2)):
        limits = adr.update(config, start, _counts(FRICTION, 10, goals))
        assert float(limits.strength[FRICTION]) == pytest.approx(expected)
        np.testing.assert_array_equal(np.delete(limits.strength, FRICTION), np.float32(0.3))
        assert float(limits.episodes[FRICTION]) == 0  # judged: counted anew


def test_a_term_is_judged_by_enough_episodes_of_several_iterations():
    config = _config(episodes=10, step=0.1)
    limits = adr.initial(config)
    for _ in range(3):
        limits = adr.update(config, limits, _counts(FRICTION, 3, 12))
        assert float(limits.strength[FRICTION]) == pytest.approx(0.3)
    limits = adr.update(config, limits, _counts(FRICTION, 3, 12))
    assert float(limits.strength[FRICTION]) == pytest.approx(0.4)


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


@pytest.fixture(scope="module")
def env():
    config = _config(boundary_share=0.5)
    limits = np.full(len(TERMS), 0.3, np.float32)
    limits[BACKLASH] = 0.8
    return envs.make_environment(config, limits)


def test_a_bank_draws_strengths_up_to_the_limits_and_tests_terms_at_them(env):
    draws = jax.tree.map(np.asarray, env.bank.draws)
    limits = np.asarray(env.bank.limits)
    assert np.all(draws.strengths <= limits) and np.all(draws.strengths >= 0)
    tested = draws.tested >= 0
    assert 0.25 < tested.mean() < 0.75
    at = draws.strengths[tested, draws.tested[tested]]
    np.testing.assert_array_equal(at, limits[draws.tested[tested]])
    # Where a term is not tested its strength is uniform below the limit.
    assert 0.05 < draws.strengths[~tested, FRICTION].mean() < 0.25
    assert 0.2 < draws.strengths[~tested, BACKLASH].mean() < 0.6


def test_strength_scales_what_is_drawn(env):
    friction = np.asarray(env.bank.draws.parameters["geom_friction"])[:, 0, 0]
    strength = np.asarray(env.bank.draws.strengths)[:, FRICTION]
    nominal = env.engine.model.geom_friction[0, 0]
    assert np.all(np.abs(friction / nominal - 1) <= 0.3 * strength + 1e-6)


@pytest.mark.slow
def test_only_episodes_at_the_banks_limit_count(env):
    state = env.reset(jax.random.key(0), 32, jnp.float32(0.9))
    palm = state.physics.qpos.at[:, -5].add(-0.3)  # the object below the palm: all drop
    dropped = dataclasses.replace(state, physics=dataclasses.replace(state.physics, qpos=palm))
    dropped = dataclasses.replace(dropped, goals=jnp.full(32, 2))
    step = jax.jit(env.step)
    _, outcome = step(dropped, jnp.full((32, 20), 5), jnp.float32(0.9))
    assert np.all(outcome.done)
    tested = np.asarray(state.draw.tested)
    expected = np.bincount(tested[tested >= 0], minlength=len(TERMS))
    np.testing.assert_array_equal(outcome.counters["tested_episodes"].sum(axis=0), expected)
    np.testing.assert_array_equal(outcome.counters["tested_goals"].sum(axis=0), 2 * expected)

    wider = dataclasses.replace(dropped.bank, limits=dropped.bank.limits.at[BACKLASH].add(0.1))
    _, outcome = step(
        dataclasses.replace(dropped, bank=wider), jnp.full((32, 20), 5), jnp.float32(0.9)
    )
    expected[BACKLASH] = 0
    np.testing.assert_array_equal(outcome.counters["tested_episodes"].sum(axis=0), expected)


def test_report_names_the_enabled_terms():
    config = _config()
    config.randomization = "no_sensing"
    report = adr.report(config, adr.initial(config))
    assert report["limit_friction"] == pytest.approx(0.3)
    assert "limit_fingertip_noise" not in report and len(report) == len(TERMS) - 4


def test_a_different_limit_is_another_bank(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    config = _config()
    config.env.bank_size = 8
    model = envs.make_environment(config).engine.model
    ones = np.ones(len(TERMS), np.float32)
    one, same, other = (bank.build(config, model, 0, ones * x) for x in (0.5, 0.5, 0.6))
    np.testing.assert_array_equal(one.draws.numbers, same.draws.numbers)
    assert not np.array_equal(one.draws.numbers, other.draws.numbers)
