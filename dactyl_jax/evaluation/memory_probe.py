"""What a recurrent policy knows about its hand: a linear probe of its memory.

OpenAI (2018), Section 6.4, predicted from the memory after 5 s whether the block is larger or
smaller than average, correctly in 80% of cases. The paper does not describe the probe. Here ridge
regression on hidden and cell state predicts the parameter; the side of the mean is compared.
"""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from dactyl_jax.envs import EnvState, Reorientation
from dactyl_jax.evaluation import plotting, tables
from dactyl_jax.evaluation.plotting import BLUE, GREY, RED
from dactyl_jax.evaluation.trials import reset
from dactyl_jax.learning import PolicyAgent

PARAMETERS = {
    "size": "block's size",
    "mass": "block's mass",
    "friction": "friction",
    "gain": "actuators' gains",
}
_SOURCES = {"memory": "the memory", "observation": "the current observation"}
_FOLDS = 5
_FEWEST = 50  # minimum number of episodes at a moment
_PENALTIES = 10.0 ** np.arange(-2, 7)


def record_episodes(
    env: Reorientation,
    agent: PolicyAgent,
    *,
    episodes: int,
    steps: Sequence[int],
    seed: int,
    goal_distance: float,
) -> dict[str, np.ndarray]:
    """Runs episodes in parallel and records the policy's observation and memory at some moments.

    Args:
        env: with the physics terms `object_size`, `mass`, `friction` and `gain` enabled.
        agent: a policy with memory.
        episodes: number of episodes.
        steps: control steps from the start at which to record, ascending, 1 or more.
        seed: seed of starts, goals and actions.
        goal_distance: largest angle of a new goal, rad.

    Returns:
        `memory` `[moment, episode, 2 * lstm]`; `observation` `[moment, episode, policy_size]`;
        `going_on` `[moment, episode]`, whether the episode had not ended; and each of `PARAMETERS`,
        `[episode, n]`.
    """
    start_key, act_key = jax.random.split(jax.random.key(seed))
    state = reset(env, episodes, start_key, jnp.float32(goal_distance))
    hidden = _hidden(env, state)
    loop = (
        state,
        agent.initial_carry(episodes),
        jnp.ones(episodes, bool),
        jnp.ones(episodes, bool),
    )
    seen: dict[str, list[np.ndarray]] = {"memory": [], "observation": [], "going_on": []}
    for step in range(1, steps[-1] + 1):
        act_key, key = jax.random.split(act_key)
        loop, moment = _advance(env, agent, loop, key)
        if step in steps:
            for name, values in zip(seen, moment, strict=True):
                seen[name].append(np.asarray(values))
    return {name: np.stack(values) for name, values in seen.items()} | hidden


@functools.partial(jax.jit, static_argnums=0)
def _advance(env, agent, loop, key):
    """Runs one control step; returns the memory that chose the action."""
    state, carry, first, going_on = loop
    seen = state.observation.policy
    keys = jax.random.split(key, first.shape[0])
    action, carry = agent.act(seen, carry, first, keys)
    moment = (jnp.concatenate(carry, axis=-1), seen, going_on)
    state, outcome = env.step(state, action)
    return (state, carry, outcome.done, going_on & ~outcome.done), moment


def _hidden(env: Reorientation, state: EnvState) -> dict[str, np.ndarray]:
    """The drawn parameters that the policy does not observe, `[episode, n]` each."""
    model, drawn = env.engine.model, state.episode.draw.parameters
    body = model.body("object").id
    geom = int(np.flatnonzero(model.geom_bodyid == body)[0])
    columns = {
        "size": drawn["geom_size"][:, geom, :1],
        "mass": drawn["body_mass"][:, body, None],
        "friction": drawn["geom_friction"][:, geom, :1],
        "gain": drawn["actuator_gainprm"][:, :, 0],
    }
    return {name: np.asarray(column, float) for name, column in columns.items()}


def probe(recorded: Mapping[str, np.ndarray], seconds: Sequence[float]) -> dict[str, Any]:
    """Measures how well each hidden parameter can be predicted at each moment.

    Ongoing episodes are split into five folds by their drawn model; each fold is predicted from the
    other four.

    Args:
        recorded: result of `record_episodes`.
        seconds: simulated time of its moments.

    Returns:
        `seconds`, the number of ongoing `episodes` at each moment, and by source (`memory`,
        `observation`) and parameter the `accuracy` of the predicted side of the mean and `r2`, a
        list over moments; for the gains these are means over actuators. None where too few episodes
        were ongoing.
    """
    targets = np.concatenate([recorded[name] for name in PARAMETERS], axis=1)
    ends = np.cumsum([recorded[name].shape[1] for name in PARAMETERS])[:-1]
    models = np.unique(targets, axis=0, return_inverse=True)[1].ravel()
    result: dict[str, Any] = {
        "seconds": list(seconds),
        "episodes": recorded["going_on"].sum(axis=1).tolist(),
    }
    for source in _SOURCES:
        scores: dict[str, dict[str, list[float | None]]] = {
            name: {"accuracy": [], "r2": []} for name in PARAMETERS
        }
        for features, going_on in zip(recorded[source], recorded["going_on"], strict=True):
            if going_on.sum() < _FEWEST:
                for score in scores.values():
                    score["accuracy"].append(None)
                    score["r2"].append(None)
                continue
            truth = targets[going_on]
            guess = out_of_fold(features[going_on], truth, models[going_on] % _FOLDS)
            mean = targets.mean(axis=0)
            right = ((guess > mean) == (truth > mean)).mean(axis=0)
            explained = 1 - ((guess - truth) ** 2).mean(axis=0) / truth.var(axis=0)
            for name, accuracy, r2 in zip(
                PARAMETERS, np.split(right, ends), np.split(explained, ends), strict=True
            ):
                scores[name]["accuracy"].append(float(accuracy.mean()))
                scores[name]["r2"].append(float(r2.mean()))
        result[source] = scores
    return result


def out_of_fold(features: np.ndarray, targets: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Predictions of ridge regression for rows outside its training fold.

    The penalty is chosen for each target by generalised cross-validation.

    Args:
        features: `[row, feature]`.
        targets: `[row, target]`.
        fold: fold of each row, `[row]`.

    Returns:
        `[row, target]`.
    """
    result = np.empty_like(targets)
    for part in np.unique(fold):
        held, rest = fold == part, fold != part
        centre, scale = features[rest].mean(axis=0), features[rest].std(axis=0) + 1e-6
        x, mean = (features - centre) / scale, targets[rest].mean(axis=0)
        result[held] = mean + _ridge(x[rest], targets[rest] - mean, x[held])
    return result


def _ridge(x: np.ndarray, y: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Predictions `[row of new, target]` from centred features and targets."""
    left, singular, right = np.linalg.svd(x, full_matrices=False)
    along = left.T @ y
    best, error = np.zeros((len(right), y.shape[1])), np.full(y.shape[1], np.inf)
    for penalty in _PENALTIES:
        shrink = singular**2 / (singular**2 + penalty)
        residual = y - left @ (shrink[:, None] * along)
        generalised = (residual**2).mean(axis=0) / (1 - shrink.sum() / len(x)) ** 2
        better = generalised < error
        weights = (shrink / np.maximum(singular, 1e-12))[:, None] * along
        best[:, better], error[better] = weights[:, better], generalised[better]
    return new @ right.T @ best


def explanation(record: Mapping[str, Any]) -> str:
    """Explains the table in a sentence or two."""
    return (
        "Share of episodes in which ridge regression predicts on which side of the mean a hidden "
        "parameter lies, for models outside its training set: from hidden and cell state of "
        f"`{record['variant']}`, and from the observation at the same moment. Mean over "
        f"{len(record['runs'])} runs (lowest to highest), {record['episodes']} episodes each, of "
        "which only ongoing ones count; chance level is 0.5. OpenAI (2018): 0.8 for the block's "
        "size after 5 s."
    )


def table(record: Mapping[str, Any]) -> list[str]:
    """Markdown rows of accuracies by parameter, source and moment."""
    seconds = record["runs"][0]["seconds"]
    lines = tables.head(["parameter", "from", *(f"{s:.1f} s" for s in seconds)])
    for name, label in PARAMETERS.items():
        for source, where in _SOURCES.items():
            values = _accuracies(record, source, name)
            cells = [
                f"{mean:.2f} ({low:.2f} to {high:.2f})" if mean == mean else "too few"
                for mean, low, high in zip(
                    values.mean(axis=0), values.min(axis=0), values.max(axis=0), strict=True
                )
            ]
            lines.append(tables.line([label, where, *cells]))
    return lines


def draw_probe(record: Mapping[str, Any], path: Path) -> None:
    """Draws a PNG, written atomically: accuracy over time, one panel per parameter."""
    figure = Figure(figsize=(11, 3.4), dpi=130, layout="constrained")
    panels = figure.subplots(1, len(PARAMETERS), sharey=True)
    figure.suptitle("Linear probe of the hidden parameters", fontweight="bold")
    seconds = record["runs"][0]["seconds"]
    for panel, (name, label) in zip(panels, PARAMETERS.items(), strict=True):
        for source, colour in zip(_SOURCES, (BLUE, GREY), strict=True):
            values = _accuracies(record, source, name)
            panel.plot(seconds, values.T, color=colour, alpha=0.3, linewidth=0.8)
            panel.plot(seconds, values.mean(axis=0), "o-", color=colour, markersize=3.5)
        panel.axhline(0.5, color=RED, linewidth=0.8, linestyle="--")
        panel.set_title(label, fontsize=10)
        panel.set_xlabel("seconds into the episode")
        plotting.tidy(panel)
    panels[0].set_ylabel("correct side of the mean")
    handles = [
        panels[0].plot([], [], "o-", color=colour, label=f"from {where}")[0]
        for colour, where in zip((BLUE, GREY), _SOURCES.values(), strict=True)
    ]
    handles += panels[0].plot([], [], "--", color=RED, label="chance")
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    plotting.save(figure, path)


def _accuracies(record: Mapping[str, Any], source: str, name: str) -> np.ndarray:
    """`[run, moment]`."""
    return np.array([run[source][name]["accuracy"] for run in record["runs"]], float)
