"""Packages a trained run's pose network with its errors on both renderers."""

from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from dactyl_jax.errors import UserError
from dactyl_jax.pretrained import pack_vision, vision_store
from dactyl_jax.vision.checkpoints import restore_estimator
from experiments.base import files
from experiments.runs.workdir import WorkDirectory, copy_inputs
from experiments.vision import held_out

_MOST_BYTES = 8_000_000  # limit on the package's download size


def publish(workdir: WorkDirectory, config: ConfigDict, *, frames: int) -> None:
    """Evaluates the network and writes it to dactyl_jax/pretrained/vision.

    Args:
        workdir: work directory of the run.
        config: its training configuration.
        frames: number of frames per evaluation.

    Raises:
        UserError: the network is too large for the package.
    """
    folder = vision_store.FOLDER
    last = files.check_output("workdir", str(folder / "metrics.json"))
    estimator = restore_estimator(workdir.path)
    parameters, description = pack_vision(estimator)
    if len(parameters) > _MOST_BYTES:
        raise UserError(
            f"--workdir: the network takes {len(parameters) / 1e6:.1f} MB, the limit is "
            f"{_MOST_BYTES / 1e6:g} MB; publish a run with a smaller config.network"
        )
    evaluation = {}
    for renderer in ("warp", "gl"):
        errors = held_out.measure(config, estimator, renderer, frames=frames, seed=0)
        evaluation[renderer] = held_out.summarize(errors)
        print(f"{renderer}: {held_out.sentences(evaluation[renderer])[0]}", flush=True)
    rows = workdir.read_metrics()
    metrics = {
        **description,
        "origin": workdir.read_origin(),
        "wall_minutes": rows[-1]["wall_minutes"] if rows else None,
        "evaluation": evaluation,
    }
    # A network counts as present once its metrics exist, so nobody reads a half-written one.
    last.unlink(missing_ok=True)
    files.write_bytes(folder / "parameters.npz", parameters)
    files.write_json(folder / "config.json", config.to_dict())
    (folder / config_lib.INPUTS["cameras"]).unlink(missing_ok=True)
    copy_inputs(config, folder)
    files.write_json(last, metrics)
    print(f"{folder}: {len(parameters) / 1e6:.2f} MB of parameters")
