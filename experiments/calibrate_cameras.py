"""Calibrates the three cameras from pictures of a printed board; --board writes the board to print.

DIR/CAMERA/ holds one camera's PNG pictures of the board in different poses, and reference.png,
which shows the board in the pose that --board_position and --board_quaternion give.
"""

import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags
from ml_collections import ConfigDict
from PIL import Image

from dactyl_jax.errors import UserError
from dactyl_jax.hand import RIG
from dactyl_jax.vision import calibration
from dactyl_jax.vision import config as schema
from experiments import command_line
from experiments.base import files

_DOTS_PER_INCH = 300
_REFERENCE = "reference.png"


def define_flags(values: flags.FlagValues) -> None:
    """Defines this program's flags."""
    flags.DEFINE_string("board", None, "PNG file for the board, to print", flag_values=values)
    flags.DEFINE_string("pictures", None, "folder of the pictures", flag_values=values)
    flags.DEFINE_string(
        "out", "rig.json", "calibration file to write, for --config.cameras", flag_values=values
    )
    flags.DEFINE_list(
        "board_position",
        None,
        "x,y,z of the board's first corner in reference.png, m, in the frame of rh_forearm",
        flag_values=values,
    )
    flags.DEFINE_list(
        "board_quaternion",
        None,
        "w,x,y,z of the board in reference.png, in the frame of rh_forearm; the board's x axis "
        "runs along its columns, y along its rows, z into the board",
        flag_values=values,
    )


def base_config(values: flags.FlagValues) -> ConfigDict:
    """Returns the default configuration, which this program does not use."""
    if values.board is None and values.pictures is None:
        raise UserError("give --board=FILE.png to print the board, or --pictures=DIR to calibrate")
    return schema.default()


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Writes the board or the calibration."""
    if values.board is not None:
        target = files.check_output("board", values.board)
        picture = calibration.board_picture(_DOTS_PER_INCH / 0.0254)
        Image.fromarray(picture).save(target, dpi=(_DOTS_PER_INCH, _DOTS_PER_INCH))
        squares = (calibration.COLUMNS, calibration.ROWS)
        width, height = (1000 * count * calibration.SQUARE for count in squares)
        print(f"{target}: print it {width:g} mm wide and {height:g} mm high, and glue it to glass")
        return
    target = files.check_output("out", values.out)
    position = _numbers(values, "board_position", 3)
    quaternion = _numbers(values, "board_quaternion", 4)
    if abs(np.linalg.norm(quaternion) - 1) > 1e-3:
        raise UserError("--board_quaternion: its length is not 1; normalise it")
    rows: list[dict[str, Any]] = []
    for camera in RIG:
        folder = Path(values.pictures) / camera.name
        reference = _read(folder / _REFERENCE)
        held = [_read(file) for file in sorted(folder.glob("*.png")) if file.name != _REFERENCE]
        lens = calibration.intrinsics([*held, reference])
        found = calibration.locate(camera.name, reference, lens, position, quaternion)
        rows.append(
            dataclasses.asdict(found)
            | {
                "matrix": lens.matrix.tolist(),
                "distortion": lens.distortion.tolist(),
                "size": list(lens.size),
            }
        )
        place = ", ".join(f"{x:.3f}" for x in found.position)
        print(f"{camera.name}: at {place} m, reprojection error {lens.error:.2f} pixels")
    files.write_json(target, rows)


def _numbers(values: flags.FlagValues, flag: str, count: int) -> np.ndarray:
    given = values[flag].value
    try:
        numbers = np.array([float(word) for word in given or ()])
    except ValueError:
        numbers = np.zeros(0)
    if numbers.shape != (count,) or not np.isfinite(numbers).all():
        raise UserError(f"--{flag} is {given!r}; it must be {count} numbers, separated by commas")
    return numbers


def _read(file: Path) -> np.ndarray:
    try:
        with Image.open(file) as picture:
            return np.asarray(picture.convert("RGB"))
    except FileNotFoundError:
        raise UserError(f"--pictures: {str(file)!r} does not exist") from None
    except OSError as error:
        raise UserError(f"--pictures: {str(file)!r} is not an image ({error})") from None


main = command_line.program(run, __doc__, define_flags, base_config, schema)


if __name__ == "__main__":
    sys.exit(main())
