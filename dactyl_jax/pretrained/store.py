"""Storage of the package's policies: a folder of plain files for each.

::

    config.json      complete configuration of the training
    model_patch.json the hand of the training, unless it was the published one
    parameters.npz   float32 arrays by path: policy network, statistics of its observations, and
                     what continued training needs (value network, learning rate, limits)
    metrics.json     designs of the networks, amount of training, origin and performance
"""

import contextlib
import dataclasses
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from dactyl_jax.errors import UserError
from dactyl_jax.learning import Continuation, PolicyAgent, PolicyCheckpoint
from dactyl_jax.learning.networks import Network
from dactyl_jax.learning.normalization import Statistics

# Trained with all randomisations, with none, and the long run's newest state on today's task.
NAMES = ("policy", "unrandomised", "long_run")
ROOT = Path(__file__).parent


def folder(name: str) -> Path:
    """The folder of a policy, whether or not it exists.

    Raises:
        ValueError: the name is unknown.
    """
    if name not in NAMES:
        raise UserError(f"there is no pretrained policy {name!r}; it is one of {', '.join(NAMES)}")
    return ROOT / name


def load(name: str = NAMES[0]) -> tuple[ConfigDict, dict[str, Any], dict[str, Any]]:
    """Loads a policy's files from the package.

    Returns:
        The validated configuration of its training; a tree of float32 arrays, see `pack`; and
        metrics.json, with angles in rad.

    Raises:
        ValueError: the policy is unknown, or its files cannot be read.
    """
    source = folder(name)
    if not (source / "metrics.json").is_file():
        raise UserError(
            f"the pretrained policy {name!r} is not in {str(source)!r}; make it from a trained run "
            f"with python -m experiments.publish --workdir=DIR --name={name}"
        )
    try:
        config = ConfigDict(json.loads((source / "config.json").read_text(encoding="utf-8")))
        metrics = json.loads((source / "metrics.json").read_text(encoding="utf-8"))
        with np.load(source / "parameters.npz", allow_pickle=False) as arrays:
            parameters = tree(dict(arrays))
    except (OSError, EOFError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise UserError(
            f"the pretrained policy in {str(source)!r} is damaged ({error}); restore its files"
        ) from None
    config = config_lib.complete(config, origin=repr(str(source / "config.json")))
    config = config_lib.saved_at(config, source)
    config_lib.validate(config)
    return config, parameters, metrics


def policy(name: str = NAMES[0]) -> PolicyCheckpoint:
    """Loads a policy of the package, as `learning.restore_policy` does from a run.

    Raises:
        ValueError: as `load`, or its parameters do not match the network it describes.
    """
    _, parameters, metrics = load(name)
    with _described(name):
        agent = PolicyAgent(
            parameters=jax.tree.map(jnp.asarray, parameters["network"]),
            statistics=_statistics(parameters["statistics"]),
            network=Network.from_json(metrics["network"]),
            num_actuators=metrics["num_actuators"],
            num_bins=metrics["num_bins"],
        )
        checkpoint = PolicyCheckpoint(
            agent, metrics["iteration"], metrics["steps"], metrics["goal_distance"]
        )
    _check(name, agent.network, agent.parameters)
    return checkpoint


def continuation(name: str = NAMES[0]) -> Continuation | None:
    """Loads what continued training needs, as `learning.restore_continuation` does from a run.

    Returns:
        None for a policy that was published without it.

    Raises:
        ValueError: as `policy`.
    """
    _, parameters, metrics = load(name)
    with _described(name):
        if "value_network" not in metrics:
            return None
        value = parameters["value"]
        result = Continuation(
            parameters=jax.tree.map(jnp.asarray, value["network"]),
            network=Network.from_json(metrics["value_network"]),
            observation=_statistics(value["statistics"]),
            target=_statistics(value["targets"]),
            learning_rate=jnp.asarray(parameters["learning_rate"]),
            limits={term: float(limit) for term, limit in parameters.get("limits", {}).items()},
        )
    _check(name, result.network, result.parameters)
    return result


def pack(
    checkpoint: PolicyCheckpoint, continuation: Continuation | None = None
) -> tuple[bytes, dict[str, Any]]:
    """Inverse of `policy` and `continuation`.

    Returns:
        The bytes of parameters.npz, and its part of metrics.json. The arrays are: the policy's
        `network` and `statistics` (of its observations); the value function's under `value`, with
        `targets` as a third entry; `learning_rate`; and `limits` by term.
    """
    agent = checkpoint.agent
    arrays = {"network": agent.parameters, "statistics": agent.statistics}
    description = {
        "network": dataclasses.asdict(agent.network),
        "num_actuators": agent.num_actuators,
        "num_bins": agent.num_bins,
        "iteration": checkpoint.iteration,
        "steps": checkpoint.steps,
        "goal_distance": checkpoint.goal_distance,
    }
    if continuation is not None:
        arrays |= {
            "value": {
                "network": continuation.parameters,
                "statistics": continuation.observation,
                "targets": continuation.target,
            },
            "learning_rate": continuation.learning_rate,
            "limits": dict(continuation.limits),
        }
        description["value_network"] = dataclasses.asdict(continuation.network)
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **flat(arrays))
    return stream.getvalue(), description


@contextlib.contextmanager
def _described(name: str) -> Iterator[None]:
    """Names the policy's folder in the error if its files lack an entry."""
    try:
        yield
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{str(folder(name))!r} does not describe its policy ({error}); publish it again"
        ) from None


def _statistics(arrays: dict[str, np.ndarray]) -> Statistics:
    return Statistics(**jax.tree.map(jnp.asarray, arrays))


def _check(name: str, network: Network, parameters: Any) -> None:
    expected = jax.eval_shape(network.initial_parameters, jax.random.key(0))
    if jax.tree.map(jnp.shape, parameters) != jax.tree.map(jnp.shape, expected):
        raise UserError(
            f"{str(folder(name))!r} holds the parameters of another network than it describes; "
            "publish it again"
        )


def flat(tree: Any) -> dict[str, np.ndarray]:
    """A tree's arrays by path, float32."""
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf, np.float32)
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }


def tree(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Inverse of `flat`; numbers in a path are indices into a list of layers."""
    root: dict[Any, Any] = {}
    for path, array in arrays.items():
        *parents, last = (int(part) if part.isdigit() else part for part in path.split("/"))
        node = root
        for part in parents:
            node = node.setdefault(part, {})
        node[last] = array
    return root
