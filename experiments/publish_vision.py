"""Makes the pose network of the package from a trained run, with its errors on both renderers.

The files go to dactyl_jax/pretrained/vision, in place of those that are there.
"""

import sys

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax.errors import UserError
from dactyl_jax.vision import config as schema
from experiments import cli, files, vision_runs

_MOST_BYTES = 8_000_000  # a package is downloaded by everybody


def define_flags(values: flags.FlagValues) -> None:
    """This program's own flags."""
    flags.DEFINE_string(
        "workdir", None, "work directory of a trained run (required)", flag_values=values
    )
    flags.DEFINE_integer(
        "frames", 500, "how many in each evaluation", lower_bound=2, flag_values=values
    )


def base_config(values: flags.FlagValues) -> ConfigDict:
    """That of the run."""
    if values.workdir is None:
        raise UserError("--workdir is missing: name the work directory of a trained run")
    return vision_runs.work_directory(values.workdir).load_config()


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Evaluates and writes."""
    cli.refuse_overrides(values, config, base_config(values))
    from dactyl_jax.pretrained import pack_vision, vision_store
    from dactyl_jax.vision.checkpoints import restore_estimator
    from experiments import origin, vision_evaluation

    workdir = vision_runs.work_directory(values.workdir)
    folder = vision_store.FOLDER
    last = files.check_output("workdir", str(folder / "metrics.json"))
    estimator = restore_estimator(workdir.path)
    parameters, description = pack_vision(estimator)
    if len(parameters) > _MOST_BYTES:
        raise UserError(
            f"--workdir: the network takes {len(parameters) / 1e6:.1f} MB, and the package has "
            f"room for {_MOST_BYTES / 1e6:g}; publish one with a smaller config.network"
        )
    evaluation = {}
    for renderer in ("warp", "gl"):
        errors = vision_evaluation.measure(
            config, estimator, renderer, frames=values.frames, seed=0
        )
        evaluation[renderer] = vision_evaluation.summarize(errors)
        print(f"{renderer}: {vision_evaluation.sentences(evaluation[renderer])[0]}", flush=True)
    rows = workdir.read_metrics()
    metrics = {
        **description,
        "origin": origin.read(workdir),
        "wall_minutes": rows[-1]["wall_minutes"] if rows else None,
        "evaluation": evaluation,
    }
    # A network is there once its metrics are: nobody reads it half replaced.
    last.unlink(missing_ok=True)
    files.write_bytes(folder / "parameters.npz", parameters)
    files.write_json(folder / "config.json", config.to_dict())
    (folder / schema.CAMERAS).unlink(missing_ok=True)
    vision_runs.copy_cameras(config, folder)
    files.write_json(last, metrics)
    print(f"{folder}: {len(parameters) / 1e6:.2f} MB of parameters")


main = cli.program(run, __doc__, define_flags, base_config, schema)


if __name__ == "__main__":
    sys.exit(main())
