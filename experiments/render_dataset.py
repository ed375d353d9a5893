"""Renders frames to train on once, into shards of a dataset; the same command again goes on.

`experiments.train_vision --config.dataset=DIR` learns from it what it would have rendered itself.
"""

import sys
from pathlib import Path

import numpy as np
from absl import flags
from ml_collections import ConfigDict

from dactyl_jax.errors import UserError
from dactyl_jax.vision import config as schema
from experiments import cli, files


def define_flags(values: flags.FlagValues) -> None:
    """This program's own flags."""
    flags.DEFINE_string("out", None, "the folder of the dataset (required)", flag_values=values)
    flags.DEFINE_integer(
        "shards",
        16,
        "how many, of config.training.frames frames each",
        lower_bound=1,
        upper_bound=99_999,
        flag_values=values,
    )


def base_config(values: flags.FlagValues) -> ConfigDict:
    """As `experiments.train_vision`."""
    from experiments import train_vision

    if values.out is None:
        raise UserError("--out is missing: name the folder of the dataset, --out=DIR")
    return train_vision.base_config(values)


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Renders the shards that are not there yet."""
    folder = Path(values.out)
    files.check_output("out", str(folder / "index.json"))
    from dactyl_jax.vision import dataset
    from experiments import vision_frames, vision_training

    frames = config.training.frames
    index = dataset.new_index(config)
    if (folder / "index.json").exists():
        there = dataset.read_index(folder)
        if there["config"] != index["config"]:
            raise UserError(
                f"--out: {values.out!r} holds frames of another configuration; choose another "
                "folder"
            )
        index = there
    present = {shard["file"]: shard for shard in index["shards"]}
    missing = dataset.missing(folder, index, values.shards)
    if missing:
        model = vision_frames.load_model(config)
        source = vision_frames.make_source(config, model, vision_frames.TRAINING)
        views = vision_frames.make_views("warp", model, config.image_size)
    for number in missing:
        pictures, truth = vision_training.draw(source, views, number * frames + np.arange(frames))
        content, row = dataset.pack(number, pictures, truth)
        files.write_bytes(folder / row["file"], content)
        present[row["file"]] = row
        index["shards"] = [present[name] for name in sorted(present)]
        files.write_json(folder / "index.json", index)
        print(f"{folder / row['file']}: {len(content) / 1e6:.1f} MB", flush=True)
    print(f"{folder}: {len(index['shards'])} shards of {frames} frames")


main = cli.program(run, __doc__, define_flags, base_config, schema)


if __name__ == "__main__":
    sys.exit(main())
