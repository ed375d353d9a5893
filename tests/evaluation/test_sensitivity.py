"""Sensitivity to randomisation: conditions, counts per hand, records and figures."""

import dataclasses
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax import config as config_lib
from dactyl_jax import randomization
from dactyl_jax.envs import Observation, make_environment
from dactyl_jax.evaluation import draw_sensitivity, sensitivity
from dactyl_jax.learning import RandomAgent

NAMES = [term.name for term in randomization.TERMS]


def _config(**fields):
    config = config_lib.default()
    config.engine, config.randomization = "native", "all"
    config.update_from_flattened_dict({k.replace("__", "."): v for k, v in fields.items()})
    return config


def _acting(condition):
    return {name for name, on in zip(NAMES, condition.strengths, strict=True) if on}


def test_every_family_and_every_term_is_once_left_out_and_once_alone():
    config = _config(terms__gravity__enabled=False)
    everything = {term.name for term in randomization.TERMS if term.enabled(config)}
    assert everything and "gravity" not in everything
    found = {(c.kind, c.name): _acting(c) for c in sensitivity.conditions(config)}
    expected = {("everything", ""): everything, ("nothing", ""): set()}
    for family in randomization.FAMILIES:
        own = {term.name for term in randomization.TERMS if term.family == family} & everything
        expected |= {("without", family): everything - own, ("alone", family): own}
    expected |= {("without", name): everything - {name} for name in everything}
    expected |= {("alone", name): {name} for name in NAMES}
    assert found == expected
    assert len(sensitivity.conditions(config)) == len(found)


def test_some_terms_are_measured_between_the_same_ends():
    config = _config(terms__gravity__enabled=False)
    found = [str(c) for c in sensitivity.conditions(config, ["backlash", "gravity"])]
    expected = ["everything", "nothing", "gravity alone", "without backlash", "backlash alone"]
    assert found == expected


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class State:
    observation: Observation
    step: jax.Array
    every: jax.Array


class Scripted:
    """Hand i reaches a goal every 2 steps and drops every 3 (i + 1); if i is odd, it times out.

    The bank sets how many goals one goal counts.
    """

    control_dt = 0.08
    config = engine = types.SimpleNamespace(model=None)

    def __init__(self):
        self.compiled = 0

    def reset(self, key, num_envs, goal_distance, bank):
        return self._state(jnp.zeros(num_envs, jnp.int32), bank)

    def step(self, state, action):
        self.compiled += 1
        step, index = state.step + 1, jnp.arange(len(state.step))
        done = step % (3 * (index + 1)) == 0
        outcome = types.SimpleNamespace(
            done=done,
            goal_reached=jnp.where(step % 2 == 0, state.every, 0),
            dropped=done & (index % 2 == 0),
            timed_out=done & (index % 2 == 1),
            diverged=step == 1,
        )
        return self._state(step, state.every), outcome

    def _state(self, step, every):
        seen = step[:, None].astype(jnp.float32)
        return State(Observation(policy=seen, value=seen), step, every)


def test_all_episodes_of_all_hands_count_and_conditions_share_their_code(monkeypatch):
    monkeypatch.setattr(
        sensitivity, "build", lambda config, model, strengths: jnp.int32(strengths.sum())
    )
    env, agent = Scripted(), RandomAgent(20, 11)
    for strengths, every in ((np.eye(3)[0], 1), (np.ones(3), 3)):
        how = {"hands": 2, "seed": 0, "goal_distance": 3.2, "seconds": 0.96}  # 12 steps
        counts = sensitivity.play(env, agent, strengths, **how)
        assert counts.goals.tolist() == [6 * every, 6 * every]
        assert counts.drops.tolist() == [4, 0]
        assert counts.timeouts.tolist() == [0, 2]
        assert counts.diverged.tolist() == [1, 1]
    assert env.compiled == 1


def test_goals_per_failure_are_of_all_hands_together():
    counts = sensitivity.Counts(*np.array([[4, 2, 0, 6], [1, 0, 1, 0], [0, 1, 1, 0], [0] * 4]))
    found = sensitivity.summarize(counts, minutes=2.0)
    value, low, high = found["goals_per_failure"]
    assert value == 3.0  # 12 goals, 2 drops, 2 time-outs
    assert low < 2 and (high is None or high > 6)
    assert found["goals_per_minute"][0] == 1.5
    assert found["drops_per_minute"][0] == found["timeouts_per_minute"][0] == 0.25
    assert found["per_hand"]["goals"] == [4, 2, 0, 6]
    nothing = np.zeros(4, int)
    without = sensitivity.Counts(np.arange(4), nothing, nothing, nothing)
    assert sensitivity.summarize(without, 1.0)["goals_per_failure"] == [None] * 3
    alike = sensitivity.Counts(*np.array([[3] * 4, [1] * 4, [1] * 4, [0] * 4]))
    assert sensitivity.summarize(alike, 1.0)["goals_per_failure"] == [1.5] * 3


def _record(terms=None):
    """Returns hand-made counts of four hands; later terms cost more goals."""
    config = _config(terms__gravity__enabled=False)
    entries = []
    for condition in sensitivity.conditions(config, terms):
        off = np.flatnonzero(condition.strengths == 0)
        rows = [np.array([9, 8, 9, 8]) + off.sum(), [2, 1, 1, 1], [0, 1, 0, 1], [0] * 4]
        entries.append(sensitivity.describe(condition, sensitivity.Counts(*rows), 1.0))
    return {
        "study": "sensitivity",
        "title": "What costs goals",
        **{"command": "python", "commit": None, "date": "2026-01-01", "machine": "2 CPU cores"},
        **{"engine": "native", "policy": "runs/x", "years": 0.1, "seed": 0, "goals": "uniform"},
        **{"goal_timeout_s": 16.0, "hands": 4, "seconds": 60.0},
        "everything": [name for name in NAMES if name != "gravity"],
        "conditions": entries,
    }


def test_families_come_before_their_terms_and_what_costs_most_first():
    rows = sensitivity.ordered(_record())
    entries = [row["alone"] for row in rows]
    families = [entry["family"] for entry in entries]
    assert len(rows) == len(NAMES) + len(randomization.FAMILIES)
    changes = [i for i, name in enumerate(families) if i == 0 or families[i - 1] != name]
    assert [entries[i]["name"] for i in changes] == [families[i] for i in changes]
    assert len(changes) == len(randomization.FAMILIES)
    costs = [
        row["without"]["goals_per_failure"][0]
        for row in rows
        if row["alone"]["family"] == "physics" and "without" in row
    ][1:]
    assert costs == sorted(costs, reverse=True) and len(costs) > 3
    assert next(row for row in rows if row["alone"]["name"] == "gravity").keys() == {"alone"}


@pytest.mark.parametrize("terms", [None, ["backlash", "gain"]])
def test_a_record_is_told_and_drawn(terms, tmp_path):
    record = _record(terms)
    text = sensitivity.markdown(record)
    assert text.count("(everything)") == text.count("(nothing)") == 2
    assert text.count("| backlash |") == 2
    assert text.count("**physics**") == (0 if terms else 2)
    assert "diverged" not in text
    record["conditions"][0]["goals_per_failure"] = [0.0, 0.0, None]  # what no logarithm shows
    draw_sensitivity(record, tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size > 10_000


@pytest.mark.slow
def test_all_terms_at_strength_zero_are_a_world_without_randomisation():
    config = _config(env__bank_size=4)
    _, nothing, *_ = sensitivity.conditions(config)
    envs = [make_environment(sensitivity.with_all_terms(config))]
    config.randomization = "none"
    envs.append(make_environment(config))
    ends = []
    for env in envs:
        bank = sensitivity.build(env.config, env.engine.model, strengths=nothing.strengths)
        state = env.reset(jax.random.key(0), 4, 3.2, bank)
        step = jax.jit(env.step)
        for number in range(5):
            action = jax.random.randint(jax.random.key(number), (4, 20), 0, 11)
            state, outcome = step(state, action)
            assert not outcome.done.any()
        ends.append(state)
    for name in ("qpos", "ctrl"):
        ours, theirs = (np.asarray(getattr(end.episode.physics, name)) for end in ends)
        np.testing.assert_allclose(ours, theirs, atol=1e-3, err_msg=name)
    ours, theirs = (np.asarray(end.observation.policy) for end in ends)
    np.testing.assert_allclose(ours, theirs, atol=1e-3)
