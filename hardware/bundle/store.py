"""The policy bundle: one folder with everything that a robot host needs to run a policy.

::

    bundle.json   the contract: observation, joints, actuators, action map, rates, frames,
                  kinematics, task, and the policy's training
    policy.onnx   the network, with its normalisation; its memory is an input and an output
    hand.xml      the hand and the object as one MuJoCo model
    numbers.npz   numbers that hand.xml and scene.xml lack (see `simulation.models`)
    golden.npz    episodes recorded by the training code, for `hardware.verify`
    pose.onnx     with vision: the network that estimates the object's pose from pictures
    pictures.npz  with vision: pictures and the training code's estimates
    scene.xml     with vision: the hand, the object and the cameras as one MuJoCo model
    SHA256SUMS    a checksum of each file, as `sha256sum --check` reads it, and one of itself

Checksums detect damage, not forgery: whoever can change a file can change its checksum. To prove
who made a bundle, sign SHA256SUMS; docs/robot.md shows how. Reading is safe for any bundle: the
sizes of files and arrays are limited, `contract` checks the contract's numbers, and `onnx_file` the
networks' operators.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hardware.base.errors import UserError
from hardware.bundle import arrays, onnx_file
from hardware.bundle import contract as contract_lib
from hardware.bundle.kinematics import Chain

FORMAT = "dactyl_jax policy bundle"
VERSION = 4
FILES = ("bundle.json", "policy.onnx", "hand.xml", "numbers.npz", "golden.npz")
VISION_FILES = ("pose.onnx", "pictures.npz", "scene.xml")  # all or none
CHECKSUMS = "SHA256SUMS"
MOST_BYTES = 2**27  # of one file
_OWN = "# of the lines above: "


@dataclasses.dataclass(frozen=True)
class Bundle:
    """A bundle whose files are intact.

    Attributes:
        name: name of its folder.
        contract: bundle.json.
        network: policy.onnx.
        hand: hand.xml.
        pose_network: pose.onnx; empty without vision.
        scene: scene.xml; empty without vision.
    """

    name: str
    contract: dict[str, Any]
    network: bytes
    hand: str
    pose_network: bytes
    scene: str
    _numbers: bytes
    _golden: bytes
    _pictures: bytes

    @property
    def control_dt(self) -> float:
        """Duration of a control step, s."""
        return self.contract["control_dt"]

    @property
    def joints(self) -> list[str]:
        """Names of the 24 joints, in the order of every array over joints."""
        return [joint["name"] for joint in self.contract["joints"]]

    @property
    def actuators(self) -> list[str]:
        """Names of the 20 actuators, in the order of every array over actuators."""
        return [actuator["name"] for actuator in self.contract["actuators"]]

    @property
    def limits(self) -> np.ndarray:
        """Lowest and highest target of each actuator, `[20, 2]` rad."""
        return np.array([[a["low"], a["high"]] for a in self.contract["actuators"]])

    @property
    def max_rates(self) -> np.ndarray:
        """Maximum rate of each target, `[20]` rad/s."""
        return np.array([actuator["max_rate"] for actuator in self.contract["actuators"]])

    @property
    def start_targets(self) -> np.ndarray:
        """Targets of the start posture, a gently cupped hand that holds the object, `[20]` rad."""
        return np.array([actuator["start"] for actuator in self.contract["actuators"]])

    @property
    def coupling(self) -> np.ndarray:
        """Matrix from joint angles to actuator angles, `[20, 24]`; so J0 = J1 + J2."""
        rows = [[name in a["joints"] for name in self.joints] for a in self.contract["actuators"]]
        return np.array(rows, float)

    @property
    def backlash(self) -> np.ndarray:
        """Nominal backlash rates of the actuators, down and up, `[20, 2]` 1/(rad s)."""
        return np.array([actuator["backlash"] for actuator in self.contract["actuators"]])

    @property
    def fingertips(self) -> list[str]:
        """Names of the five fingertips, in the order of every array over fingertips."""
        parts = self.contract["observation"]["parts"]
        return next(part["of"] for part in parts if part["name"] == "fingertips")

    @property
    def chain(self) -> Chain:
        """The hand's kinematic table."""
        return Chain(**{name: np.array(v) for name, v in self.contract["kinematics"].items()})

    def numbers(self, model: str) -> dict[str, np.ndarray]:
        """Arrays in numbers.npz for a model: `training`, `surrogate` or, with vision, `scene`."""
        mark = f"{model}/"
        numbers = self._arrays("numbers.npz", self._numbers)
        return {name[len(mark) :]: a for name, a in numbers.items() if name.startswith(mark)}

    def golden(self) -> dict[str, np.ndarray]:
        """The arrays of golden.npz; see `trials.verification`."""
        return self._arrays("golden.npz", self._golden)

    def golden_pictures(self) -> dict[str, np.ndarray]:
        """The arrays of pictures.npz of a bundle with vision; see `trials.verification`."""
        return self._arrays("pictures.npz", self._pictures)

    def _arrays(self, file: str, content: bytes) -> dict[str, np.ndarray]:
        with _sound(Path(self.name, file)):
            return arrays.unpack(content)


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes a bundle to a new folder, checksums last.

    Args:
        folder: the bundle's folder.
        files: contents of `FILES`, and of `VISION_FILES` with vision, by name.

    Raises:
        UserError: the folder exists already.
    """
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise UserError(f"--out: {str(folder)!r} already exists; choose a new folder") from None
    names = [name for name in (*FILES, *VISION_FILES) if name in files]
    for name in names:
        (folder / name).write_bytes(files[name])
    (folder / CHECKSUMS).write_bytes(_checksums({name: files[name] for name in names}))


def load(folder: str) -> Bundle:
    """Reads a bundle.

    Raises:
        UserError: a file is missing, damaged, superfluous or invalid, or the format is not this
            version's; the message names the file.
    """
    path = Path(folder)
    if not (path / CHECKSUMS).exists():
        raise UserError(f"{folder!r} has no {CHECKSUMS}; name a folder of hardware.export")
    files = _read_whole(path)
    with _sound(path / "bundle.json"):
        contract = json.loads(files["bundle.json"].decode("utf-8"), parse_constant=_no_number)
    known = contract if isinstance(contract, dict) else {}
    found = known.get("format"), known.get("version")
    if found != (FORMAT, VERSION):
        raise UserError(
            f"{str(path / 'bundle.json')!r} has format {found[0]!r}, version {found[1]!r}; this "
            f"program reads {FORMAT!r}, version {VERSION}: export it again"
        )
    if ("vision" in contract) != ("pose.onnx" in files):
        raise UserError(
            f"{str(path / 'bundle.json')!r} and {str(path / 'pose.onnx')!r} belong to different "
            "bundles; export it again"
        )
    with _sound(path / "bundle.json"):
        contract_lib.check(contract)
    for name in [name for name in files if name.endswith(".onnx")]:
        with _sound(path / name):
            onnx_file.check(files[name])
    texts = {}
    for name in [name for name in files if name.endswith(".xml")]:
        with _sound(path / name):
            texts[name] = files[name].decode("utf-8")
    return Bundle(
        name=path.absolute().name,
        contract=contract,
        network=files["policy.onnx"],
        hand=texts["hand.xml"],
        pose_network=files.get("pose.onnx", b""),
        scene=texts.get("scene.xml", ""),
        _numbers=files["numbers.npz"],
        _golden=files["golden.npz"],
        _pictures=files.get("pictures.npz", b""),
    )


def _read_whole(path: Path) -> dict[str, bytes]:
    """Reads all files except the checksums and compares them with the checksums."""
    sums = _read(path / CHECKSUMS)
    body, own, _ = sums.partition(_OWN.encode())
    if not own or sums != body + _own_line(body):
        raise _damaged(path / CHECKSUMS)
    expected = {}
    for line in body.decode("ascii", "replace").splitlines():
        digest, _, name = line.partition("  ")
        expected[name] = digest
    present = {entry.name for entry in path.iterdir()} - {CHECKSUMS}
    for name in sorted(present ^ set(expected)):
        if name in present:
            raise UserError(f"{str(path / name)!r} does not belong to the bundle; remove it")
        raise UserError(f"{str(path / name)!r} is missing; copy the bundle again")
    if set(expected) not in (set(FILES), {*FILES, *VISION_FILES}):
        raise UserError(f"the files of {str(path)!r} are not {', '.join(FILES)}; export it again")
    files = {name: _read(path / name) for name in expected}
    for name, content in files.items():
        if hashlib.sha256(content).hexdigest() != expected[name]:
            raise _damaged(path / name)
    return files


def _read(file: Path) -> bytes:
    """Reads a regular file; reading a device or a pipe might never end."""
    found = os.stat(str(file))
    if not stat.S_ISREG(found.st_mode):
        raise UserError(f"{str(file)!r} is not a regular file; copy the bundle again")
    if found.st_size > MOST_BYTES:
        raise UserError(
            f"{str(file)!r} has {found.st_size} bytes; no file of a bundle has over {MOST_BYTES}"
        )
    return file.read_bytes()


def _no_number(text: str) -> None:
    """Refuses NaN and infinity, which Python's parser accepts and JSON does not have."""
    raise ValueError(f"{text} is not a number")


@contextlib.contextmanager
def _sound(file: Path) -> Iterator[None]:
    """Context for checking a file's content; turns errors into a `UserError` that names it."""
    try:
        yield
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{str(file)!r} is invalid in a bundle: {' '.join(str(error).split())}; export it again"
        ) from None


def _damaged(file: Path) -> UserError:
    return UserError(f"{str(file)!r} is damaged: its checksum differs; copy the bundle again")


def _checksums(files: Mapping[str, bytes]) -> bytes:
    lines = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items()]
    body = "".join(lines).encode("ascii")
    return body + _own_line(body)


def _own_line(body: bytes) -> bytes:
    return f"{_OWN}{hashlib.sha256(body).hexdigest()}\n".encode("ascii")
