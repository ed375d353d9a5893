"""Draws a sheet of camera images: frames in rows, cameras in columns.

The left shows rendered pictures, the right the same pictures as augmented for training. With
`--workdir` or `--pretrained` it shows on the right what these networks find there: windows, points,
and the edges of a block in the estimated pose.
"""

import sys

import numpy as np
from absl import flags
from ml_collections import ConfigDict

from dactyl_jax.errors import UserError
from dactyl_jax.vision import config as schema
from experiments import command_line
from experiments.base import files
from experiments.vision import network_flags, preset


def define_flags(values: flags.FlagValues) -> None:
    """Defines this program's flags."""
    flags.DEFINE_string("out", None, "PNG file to write (required)", flag_values=values)
    flags.DEFINE_integer(
        "frames", 6, "number of frames", lower_bound=1, upper_bound=64, flag_values=values
    )
    command_line.define_renderer_flag(values)
    network_flags.define(values)


def base_config(values: flags.FlagValues) -> ConfigDict:
    """Loads the networks' configuration, or `--config=FILE`, or the defaults."""
    if values.out is None:
        raise UserError("--out is missing: name the picture to write, --out=FILE.png")
    if not values.out.endswith(".png"):
        raise UserError(f"--out: {values.out!r} must end in .png")
    if values.pretrained or values.workdir is not None:
        from experiments.vision import networks

        return networks.load_config(values)
    return preset.file_or_default(values)


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Renders the sheet and writes it."""
    target = files.check_output("out", values.out)
    from dactyl_jax.rendering import write_picture
    from dactyl_jax.vision import drawing
    from experiments.vision import frames, networks

    model = frames.load_model(config)
    source = frames.make_source(config, model, frames.SHEET)
    views = frames.make_views(values.renderer, model, config.image_size)
    numbers = np.arange(values.frames)
    pictures, _ = frames.draw(source, views, numbers)
    normal = np.asarray(source.vary(numbers, pictures))
    shown = np.clip(128 + 50 * normal, 0, 255).astype(np.uint8)
    if values.pretrained or values.workdir is not None:
        estimator = networks.load_estimator(values)
        shown = drawing.draw(estimator, shown, normal, source.draw_looks(numbers))
        pictures = drawing.enlarged(pictures)
    rows = np.concatenate([pictures, shown], axis=1)  # [frame, 2 cameras, size, size, 3]
    write_picture(target, np.concatenate(np.concatenate(rows, axis=1), axis=1))
    print(f"{target}: {values.frames} frames, renderer {values.renderer}")


main = command_line.program(run, __doc__, define_flags, base_config, schema)


if __name__ == "__main__":
    sys.exit(main())
