"""Renders training frames into the shards of a dataset."""

from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from dactyl_jax.errors import UserError
from dactyl_jax.vision import dataset
from experiments.base import files
from experiments.vision import frames as frames_lib


def render(config: ConfigDict, folder: Path, shards: int) -> None:
    """Renders the missing shards.

    Args:
        config: vision configuration.
        folder: folder of the dataset.
        shards: number of shards, of `config.training.frames` frames each.

    Raises:
        UserError: the folder holds frames of another configuration.
    """
    frames = config.training.frames
    index = dataset.new_index(config)
    if (folder / "index.json").exists():
        there = dataset.read_index(folder)
        if there["config"] != index["config"]:
            raise UserError(
                f"--out: {str(folder)!r} holds frames of another configuration; choose another "
                "folder"
            )
        index = there
    present = {shard["file"]: shard for shard in index["shards"]}
    missing = dataset.missing(folder, index, shards)
    if missing:
        model = frames_lib.load_model(config)
        source = frames_lib.make_source(config, model, frames_lib.TRAINING)
        views = frames_lib.make_views("warp", model, config.image_size)
    for number in missing:
        pictures, truth = frames_lib.draw(source, views, number * frames + np.arange(frames))
        content, row = dataset.pack(number, pictures, truth)
        files.write_bytes(folder / row["file"], content)
        present[row["file"]] = row
        index["shards"] = [present[name] for name in sorted(present)]
        files.write_json(folder / "index.json", index)
        print(f"{folder / row['file']}: {len(content) / 1e6:.1f} MB", flush=True)
    print(f"{folder}: {len(index['shards'])} shards of {frames} frames")
