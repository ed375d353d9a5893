"""The package's pose network: a folder of plain files, like those of the policies.

config.json      complete configuration of the training
parameters.npz   float32 arrays of the network, by path
cameras.json     calibrated cameras of the training, unless it used the simulation's
metrics.json     design of the network, training data, origin and errors
"""

import io
import json
import zipfile
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from dactyl_jax.errors import UserError
from dactyl_jax.pretrained.store import ROOT, flat, tree
from dactyl_jax.vision import config as schema
from dactyl_jax.vision.checkpoints import assemble, describe
from dactyl_jax.vision.estimator import Estimator

FOLDER = ROOT / "vision"


def load_vision() -> tuple[ConfigDict, Estimator, dict[str, Any]]:
    """Loads the training configuration, the network, and metrics.json.

    Raises:
        ValueError: the package has no pose network, or its files cannot be read.
    """
    if not (FOLDER / "metrics.json").is_file():
        raise UserError(
            f"there is no pretrained pose network in {str(FOLDER)!r}; make it from a trained run "
            "with python -m experiments.publish_vision --workdir=DIR"
        )
    try:
        config = ConfigDict(json.loads((FOLDER / "config.json").read_text(encoding="utf-8")))
        metrics = json.loads((FOLDER / "metrics.json").read_text(encoding="utf-8"))
        with np.load(FOLDER / "parameters.npz", allow_pickle=False) as arrays:
            parameters = tree(dict(arrays))
        estimator = assemble(metrics, jax.tree.map(jnp.asarray, parameters))
    except (OSError, EOFError, ValueError, TypeError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(
            f"the pretrained pose network in {str(FOLDER)!r} is damaged ({error}); restore its "
            "files"
        ) from None
    expected = jax.eval_shape(estimator.eyes.initial_parameters, jax.random.key(0))
    if jax.tree.map(jnp.shape, estimator.parameters) != jax.tree.map(jnp.shape, expected):
        raise UserError(
            f"{str(FOLDER)!r} holds the parameters of another network than it describes; publish "
            "it again"
        )
    config = config_lib.complete(
        config, origin=repr(str(FOLDER / "config.json")), expected=schema.default()
    )
    schema.validate(config_lib.saved_at(config, FOLDER))
    return config, estimator, metrics


def pack_vision(estimator: Estimator) -> tuple[bytes, dict[str, Any]]:
    """The bytes of parameters.npz, and the network's part of metrics.json."""
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **flat(estimator.parameters))
    return stream.getvalue(), describe(estimator)
