"""Calibrates the three cameras from pictures of a printed board; --board writes the board to print.

DIR/CAMERA/ holds one camera's PNG, JPEG or TIFF pictures of the board in different poses, and one
named reference, which shows the board in the pose that --board_position and --board_quaternion
give. Cameras whose pictures leave their position uncertain by more than 5 mm are refused.
"""

import dataclasses
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import mujoco
import numpy as np
from absl import flags
from ml_collections import ConfigDict
from PIL import Image

from dactyl_jax.errors import UserError
from dactyl_jax.hand import RIG, Camera, refuse_rig
from dactyl_jax.vision import calibration
from dactyl_jax.vision import config as schema
from dactyl_jax.vision.calibration import Intrinsics, Located
from experiments import command_line
from experiments.base import files

_DOTS_PER_INCH = 300
_REFERENCE = "reference"
_NEAR = 0.15  # m from the intended rig: further away, the board's pose is suspect
# The forearm's orientation of the maker's URDF in the policy's frame, see hardware/base/frames.py.
_ROS_FOREARM = np.array([math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5)])


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
        "x,y,z of the board's first corner in the reference picture, m, in the policy's frame of "
        "rh_forearm: the palm faces x, the fingers point along z, the thumb is on the y side. In "
        "ROS's rh_forearm the palm faces -y: there it is (-y_ros, x_ros, z_ros)",
        flag_values=values,
    )
    flags.DEFINE_list(
        "board_quaternion",
        None,
        "w,x,y,z (ROS and SciPy give x,y,z,w) of the board in the reference picture, in the same "
        "frame; the board's x axis runs along its columns, y along its rows, z into the board",
        flag_values=values,
    )
    flags.DEFINE_float(
        "board_width_mm",
        1000 * calibration.WIDTH,
        "measured width of the printed board, all columns, mm: printers scale",
        lower_bound=50.0,
        upper_bound=2000.0,
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
        _draw_board(files.check_output("board", values.board, [".png"]))
        return
    target = files.check_output("out", values.out, [".json"])
    position = _numbers(values, "board_position", 3)
    quaternion = _numbers(values, "board_quaternion", 4)
    if abs(np.linalg.norm(quaternion) - 1) > 1e-3:
        raise UserError("--board_quaternion: its length is not 1; normalise it")
    width = values.board_width_mm / 1000
    references, lenses = [], []
    for camera in RIG:
        held, reference = _pictures(Path(values.pictures) / camera.name)
        references.append(reference)
        lenses.append(calibration.intrinsics([*held, reference], width))

    def rig(position: np.ndarray, quaternion: np.ndarray) -> list[Located]:
        return [
            calibration.locate(camera.name, reference, lens, position, quaternion, width)
            for camera, reference, lens in zip(RIG, references, lenses, strict=True)
        ]

    found = rig(position, quaternion)
    cameras = [each.camera for each in found]
    for lens, each in zip(lenses, found, strict=True):
        calibration.refuse_doubt(each.camera.name, lens, each)
        print(_line(lens, each))
    if _distance(cameras) > _NEAR:
        for mistake, meant in _mistakes(position, quaternion).items():
            if _distance([each.camera for each in rig(*meant)]) < _NEAR:
                raise UserError(
                    f"the cameras are up to {_distance(cameras):.2f} m from the intended rig; "
                    f"they would be near it if {mistake}"
                )
    refuse_rig(cameras, "--board_position, --board_quaternion: the rig found")
    rows = [
        dataclasses.asdict(camera)
        | {
            "matrix": lens.matrix.tolist(),
            "distortion": lens.distortion.tolist(),
            "size": list(lens.size),
        }
        for camera, lens in zip(cameras, lenses, strict=True)
    ]
    files.write_json(target, rows)


def _draw_board(target: Path) -> None:
    picture = calibration.board_picture(_DOTS_PER_INCH / 0.0254)
    Image.fromarray(picture).save(target, dpi=(_DOTS_PER_INCH, _DOTS_PER_INCH))
    squares = (calibration.COLUMNS, calibration.ROWS)
    width, height = (1000 * count * calibration.SQUARE for count in squares)
    print(
        f"{target}: print it {width:g} mm wide and {height:g} mm high, glue it to glass, measure "
        "its width and pass it as --board_width_mm"
    )


def _line(lens: Intrinsics, located: Located) -> str:
    """Describes a camera in one line: place, deviations and distance from the intended place."""
    camera = located.camera
    place = ", ".join(f"{x:.3f}" for x in camera.position)
    focal, centre = lens.doubt
    return (
        f"{camera.name}: at {place} m +- {1000 * located.doubt:.1f} mm, "
        f"{_distance([camera]):.2f} m from the intended place; focal length "
        f"{lens.matrix[1, 1]:.0f} +- {focal:.1f}, centre {lens.matrix[0, 2]:.0f}, "
        f"{lens.matrix[1, 2]:.0f} +- {centre:.1f}, reprojection error {lens.error:.2f} pixels"
    )


def _distance(cameras: Sequence[Camera]) -> float:
    """Largest distance, m, of cameras from their places in the intended rig."""
    intended = {camera.name: np.array(camera.position) for camera in RIG}
    return max(float(np.linalg.norm(intended[each.name] - each.position)) for each in cameras)


def _mistakes(
    position: np.ndarray, quaternion: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Usual mistakes in the board's pose, in words, and the pose that was meant then."""
    reordered = np.roll(quaternion, 1)

    def turned(quaternion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        at, turn = np.zeros(3), np.zeros(4)
        mujoco.mju_rotVecQuat(at, position, _ROS_FOREARM)
        mujoco.mju_mulQuat(turn, _ROS_FOREARM, quaternion)
        return at, turn

    order = "--board_quaternion is in the order x,y,z,w; give w,x,y,z"
    frame = "the board was measured in ROS's rh_forearm, where the palm faces -y; see --help"
    return {
        order: (position, reordered),
        frame: turned(quaternion),
        f"{frame}; and {order}": turned(reordered),
    }


def _numbers(values: flags.FlagValues, flag: str, count: int) -> np.ndarray:
    given = values[flag].value
    try:
        numbers = np.array([float(word) for word in given or ()])
    except ValueError:
        numbers = np.zeros(0)
    if numbers.shape != (count,) or not np.isfinite(numbers).all():
        raise UserError(f"--{flag} is {given!r}; it must be {count} numbers, separated by commas")
    return numbers


def _pictures(folder: Path) -> tuple[list[np.ndarray], np.ndarray]:
    """Reads a camera's pictures of the held board, and its reference picture.

    Raises:
        UserError: there is no reference picture, or a file is not a picture.
    """
    if not folder.is_dir():
        raise UserError(f"--pictures: there is no folder {str(folder)!r}")
    names = [file for file in sorted(folder.iterdir()) if not file.name.startswith(".")]
    references = [file for file in names if file.stem.lower() == _REFERENCE]
    if len(references) != 1:
        raise UserError(
            f"--pictures: {str(folder)!r} has {len(references)} files named {_REFERENCE}.png, .jpg "
            "or .tif; it must have one"
        )
    return [_read(file) for file in names if file not in references], _read(references[0])


def _read(file: Path) -> np.ndarray:
    """Reads a picture as `[height, width, 3]` uint8, its pixels in the sensor's order.

    16-bit pictures are stretched to the whole range of 8 bits. Orientation tags are ignored: they
    say how to show a picture, and a lens does not turn with them.
    """
    try:
        with Image.open(file) as picture:
            if picture.mode[0] not in "IF":
                return np.asarray(picture.convert("RGB"))
            deep = np.asarray(picture, float)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(
            f"--pictures: {str(file)!r} is not a picture that can be read ({error}); save it as PNG"
        ) from None
    low, high = deep.min(), deep.max()
    grey = np.round(255 * (deep - low) / max(high - low, 1)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


main = command_line.program(run, __doc__, define_flags, base_config, schema)


if __name__ == "__main__":
    sys.exit(main())
