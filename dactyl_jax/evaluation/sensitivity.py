"""Sensitivity: a policy's goals and failures with each randomisation left out, and alone.

All conditions use the same hands and one compiled environment with every term. A condition is a set
of strengths for these terms.
"""

import dataclasses
import functools
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import randomization
from dactyl_jax.envs import Outcome, Reorientation
from dactyl_jax.envs.bank import Bank, build
from dactyl_jax.evaluation import tables
from dactyl_jax.evaluation.statistics import confidence_interval, ratio_of_sums
from dactyl_jax.learning import Agent

RATES = {"goals": "goals", "drops": "drops", "timeouts": "time-outs"}  # with display names


@dataclasses.dataclass(frozen=True)
class Condition:
    """The terms that act.

    Attributes:
        kind: `everything`, `nothing`, `without` (everything except the named) or `alone`.
        name: family or term that is left out or alone; empty for `everything` and `nothing`.
        strengths: strengths of `randomization.TERMS`, `[T]`: 0 is off, 1 is the configured law.
    """

    kind: str
    name: str
    strengths: np.ndarray

    def __str__(self) -> str:
        return {"without": f"without {self.name}", "alone": f"{self.name} alone"}.get(
            self.kind, self.kind
        )


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Counts:
    """Counts over all episodes of a hand, `[hands]` int32 each."""

    goals: jax.Array
    drops: jax.Array
    timeouts: jax.Array
    diverged: jax.Array


def conditions(config: ConfigDict, terms: Collection[str] | None = None) -> list[Condition]:
    """Everything and nothing; then each family and each term, left out and alone.

    Everything is what the configuration enables. A term that it does not enable is measured alone
    only; a family consists of its enabled terms.

    Args:
        config: a complete configuration.
        terms: names of the terms to measure, without families; by default all terms and families.
    """
    everything = np.array([float(term.enabled(config)) for term in randomization.TERMS])
    result = [
        Condition("everything", "", everything),
        Condition("nothing", "", np.zeros_like(everything)),
    ]

    def add(name: str, left_out: np.ndarray, alone: np.ndarray) -> None:
        if left_out.any():
            result.append(Condition("without", name, everything - left_out))
        if alone.any():
            result.append(Condition("alone", name, alone))

    if terms is None:
        for family in randomization.FAMILIES:
            own = everything * [term.family == family for term in randomization.TERMS]
            add(family, own, own)
    for number, term in enumerate(randomization.TERMS):
        if terms is None or term.name in terms:
            one = np.eye(len(everything))[number]
            add(term.name, everything * one, one)
    return result


def with_all_terms(config: ConfigDict) -> ConfigDict:
    """A copy of a configuration with every term compiled in, for all conditions."""
    config = config.copy_and_resolve_references()
    config.adr.enabled = False
    for term in randomization.TERMS:
        config.terms[term.name].enabled = True
    return config


def play(
    env: Reorientation,
    agent: Agent,
    strengths: np.ndarray,
    *,
    hands: int,
    seed: int,
    goal_distance: float,
    seconds: float,
) -> Counts:
    """Runs hands under one condition; a hand whose episode ends restarts.

    Compiled once for all strengths.

    Args:
        env: with all terms, see `with_all_terms`; its configuration sets the size of the banks.
        agent: the agent.
        strengths: strengths of `randomization.TERMS`, `[T]`.
        hands: number of hands in parallel.
        seed: seed of starts, goals and the agent's draws.
        goal_distance: largest angle of a new goal, rad; from pi on see `goals.draw`.
        seconds: simulated time of each hand.

    Returns:
        Counts as numpy arrays.
    """
    bank = build(env.config, env.engine.model, strengths=strengths)
    steps = max(round(seconds / env.control_dt), 1)
    key, distance = jax.random.key(seed), jnp.float32(goal_distance)
    return jax.tree.map(np.asarray, _play(env, hands, steps, agent, bank, key, distance))


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _play(
    env: Reorientation,
    hands: int,
    steps: int,
    agent: Agent,
    bank: Bank,
    key: jax.Array,
    goal_distance: jax.Array,
) -> Counts:
    start_key, act_key = jax.random.split(key)
    state = env.reset(start_key, hands, goal_distance, bank)
    none = jnp.zeros(hands, jnp.int32)
    loop = state, agent.initial_carry(hands), jnp.ones(hands, bool), Counts(none, none, none, none)

    def step(loop, key):
        state, carry, first, counts = loop
        keys = jax.random.split(key, hands)
        action, carry = agent.act(state.observation.policy, carry, first, keys)
        state, outcome = env.step(state, action)
        return (state, carry, outcome.done, _count(counts, outcome)), None

    return jax.lax.scan(step, loop, jax.random.split(act_key, steps))[0][-1]


def _count(counts: Counts, outcome: Outcome) -> Counts:
    return Counts(
        goals=counts.goals + outcome.goal_reached,
        drops=counts.drops + outcome.dropped,
        timeouts=counts.timeouts + outcome.timed_out,
        diverged=counts.diverged + outcome.diverged,
    )


def summarize(counts: Counts, minutes: float) -> dict[str, Any]:
    """Statistics over a condition's hands, each with its 95% bootstrap interval.

    Hands are resampled, so the intervals cover other draws of hands.

    Args:
        counts: counts of at least two hands.
        minutes: simulated time of each hand.

    Returns:
        `goals_per_failure`, the goals of all hands per drop or time-out, and `goals_per_minute`,
        `drops_per_minute` and `timeouts_per_minute` of one hand, each as [value, low, high], None
        for infinite; `per_hand`, the counts.
    """
    failures = np.add(counts.drops, counts.timeouts)
    result: dict[str, Any] = {
        "goals_per_failure": [
            value if math.isfinite(value) else None
            for value in ratio_of_sums(counts.goals, failures)
        ]
    }
    for name in RATES:
        rates = np.asarray(getattr(counts, name)) / minutes
        result[f"{name}_per_minute"] = [float(rates.mean()), *confidence_interval(rates.tolist())]
    result["per_hand"] = {
        field.name: np.asarray(getattr(counts, field.name)).tolist()
        for field in dataclasses.fields(counts)
    }
    return result


def describe(condition: Condition, counts: Counts, minutes: float) -> dict[str, Any]:
    """A condition's entry in a record; other arguments as for `summarize`."""
    families = {term.name: term.family for term in randomization.TERMS}
    return {
        "kind": condition.kind,
        "name": condition.name,
        "family": families.get(condition.name, condition.name),
        **summarize(counts, minutes),
    }


def sentence(entry: Mapping[str, Any]) -> str:
    """Summarises an entry of `describe` in one line."""
    rates = ", ".join(
        f"{entry[f'{name}_per_minute'][0]:.2f} {label}" for name, label in RATES.items()
    )
    return f"{_number(entry['goals_per_failure'][0])} goals per failure; {rates} per minute"


def end(record: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """A record's entry for `everything` or `nothing`."""
    return next(entry for entry in record["conditions"] if entry["kind"] == kind)


def ordered(record: Mapping[str, Any]) -> list[dict[str, Mapping[str, Any]]]:
    """A record's families and terms, each with its entries by `without` and `alone`.

    A family precedes its terms. Families, and terms within each, are sorted by the gain from
    leaving them out; those measured alone only come last, sorted by what they leave.
    """
    rows: dict[str, dict[str, Mapping[str, Any]]] = {}
    for entry in record["conditions"]:
        if entry["name"]:
            rows.setdefault(entry["name"], {})[entry["kind"]] = entry

    def cost(row: Mapping[str, Mapping[str, Any]]) -> tuple[bool, float]:
        alone_only = "without" not in row
        value = row["alone" if alone_only else "without"]["goals_per_failure"][0]
        value = math.inf if value is None else value
        return alone_only, value if alone_only else -value

    def place(name: str) -> tuple[Any, ...]:
        row = rows[name]
        family = row["alone"]["family"]
        costs = cost(rows[family]) if family in rows else ()
        return costs, family, name != family, cost(row)

    return [rows[name] for name in sorted(rows, key=place)]


def markdown(record: Mapping[str, Any]) -> str:
    """Renders the tables of a record, with provenance.

    Args:
        record: as written by `experiments.sensitivity`.
    """
    lines = [
        f"{record['hands']} hands for {record['seconds']:g} simulated seconds under each "
        f"condition, policy `{record['policy']}` ({record['years']:.2g} years), "
        f"{record['goals']} goals, {record['goal_timeout_s']:g} s per goal, seed {record['seed']}. "
        "*Everything*: " + _listed(record["everything"]) + ". A failure is a drop or a time-out. "
        "Rates are per simulated minute of a hand. Brackets: 95% bootstrap intervals over hands.",
    ]
    ends = [end(record, "everything"), end(record, "nothing")]
    rows = ordered(record)
    for kind, heading in (("without", "left out of everything"), ("alone", "alone")):
        lines += ["", *_table(heading, [*ends, *(row[kind] for row in rows if kind in row)])]
    diverged = sum(sum(entry["per_hand"]["diverged"]) for entry in record["conditions"])
    if diverged:
        lines += ["", f"{diverged} of all episodes ended because the physics diverged."]
    commit = (record["commit"] or "unknown")[:7]
    made = f"on {record['date']} at commit `{commit}` on {record['machine']}"
    lines += ["", f"`{record['command']}`: made {made} with the {record['engine']} engine."]
    return "\n".join(lines)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "no term"


def _table(heading: str, entries: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = tables.head(
        [heading, "goals per failure", *(f"{name} per minute" for name in RATES.values())]
    )
    for entry in entries:
        if not entry["name"]:
            name = f"({entry['kind']})"
        else:
            name = f"**{entry['name']}**" if entry["name"] == entry["family"] else entry["name"]
        cells = [entry["goals_per_failure"], *(entry[f"{rate}_per_minute"] for rate in RATES)]
        lines.append(tables.line([name, *map(_with_interval, cells)]))
    return lines


def _with_interval(values: Sequence[float | None]) -> str:
    value, low, high = map(_number, values)
    return f"{value} [{low}, {high}]"


def _number(value: float | None) -> str:
    """Two decimals below 10, one from there on; None is infinite."""
    if value is None:
        return "inf"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"
