"""The policy bundle: one folder that holds all that a robot host needs to know of a policy.

::

    bundle.json   the contract: observation, joints, actuators, action map, rates, frames,
                  kinematics, task, and where the policy came from
    policy.onnx   the network, its normalisation inside, its memory as inputs and outputs
    hand.xml      the hand and the object as one MuJoCo model
    numbers.npz   what `models` needs beside XML: all digits, the surrogate world, pictures
    golden.npz    episodes of the training code, to compare with (`hardware.verify`)
    pose.onnx     of a bundle with vision: the network that tells the object's pose from pictures
    pictures.npz  of the same: pictures, and what the training code makes of them
    scene.xml     of the same: the hand and the object as its cameras see them
    SHA256SUMS    a checksum of every file, as `sha256sum --check` reads it, and one of itself

Checksums detect damage. They do not say who made a bundle: whoever can change a file can change
its checksum. To know that, sign SHA256SUMS; docs/robot.md shows how. Whoever made it, what is read
is bounded in size, numbers of the contract in what they say (`contract`), networks in what they can
do (`onnx_file`).
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
MOST_BYTES = 2**27  # of a file
_OWN = "# of the lines above: "


@dataclasses.dataclass(frozen=True)
class Bundle:
    """A bundle whose files are whole.

    Attributes:
        name: of its folder.
        contract: bundle.json.
        network: policy.onnx.
        hand: hand.xml.
        pose_network: pose.onnx; empty where there is none.
        scene: scene.xml; empty where there is none.
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
        """Seconds of a control step."""
        return self.contract["control_dt"]

    @property
    def joints(self) -> list[str]:
        """Names of the 24 joints, in the order of all arrays of joints."""
        return [joint["name"] for joint in self.contract["joints"]]

    @property
    def actuators(self) -> list[str]:
        """Names of the 20 actuators, in the order of all arrays of targets."""
        return [actuator["name"] for actuator in self.contract["actuators"]]

    @property
    def limits(self) -> np.ndarray:
        """Lowest and highest targets, `[20, 2]` rad."""
        return np.array([[a["low"], a["high"]] for a in self.contract["actuators"]])

    @property
    def max_rates(self) -> np.ndarray:
        """Fastest change of the targets, `[20]` rad/s."""
        return np.array([actuator["max_rate"] for actuator in self.contract["actuators"]])

    @property
    def start_targets(self) -> np.ndarray:
        """A gently cupped hand in which the object rests, `[20]` rad."""
        return np.array([actuator["start"] for actuator in self.contract["actuators"]])

    @property
    def coupling(self) -> np.ndarray:
        """`[20, 24]`; actuator angles are coupling @ joint angles, so that J0 = J1 + J2."""
        rows = [[name in a["joints"] for name in self.joints] for a in self.contract["actuators"]]
        return np.array(rows, float)

    @property
    def backlash(self) -> np.ndarray:
        """Rates at which actuators are thought to take up their play, `[20, 2]` 1/(rad s)."""
        return np.array([actuator["backlash"] for actuator in self.contract["actuators"]])

    @property
    def fingertips(self) -> list[str]:
        """Names of the five fingertips, in the order of all arrays of fingertips."""
        parts = self.contract["observation"]["parts"]
        return next(part["of"] for part in parts if part["name"] == "fingertips")

    @property
    def chain(self) -> Chain:
        """The hand's kinematic table."""
        return Chain(**{name: np.array(v) for name, v in self.contract["kinematics"].items()})

    def numbers(self, model: str) -> dict[str, np.ndarray]:
        """What numbers.npz has of a model: `training`, `surrogate` or, with vision, `scene`."""
        mark = f"{model}/"
        numbers = self._arrays("numbers.npz", self._numbers)
        return {name[len(mark) :]: a for name, a in numbers.items() if name.startswith(mark)}

    def golden(self) -> dict[str, np.ndarray]:
        """The arrays of golden.npz, see `hardware.verify`."""
        return self._arrays("golden.npz", self._golden)

    def golden_pictures(self) -> dict[str, np.ndarray]:
        """The arrays of pictures.npz, see `hardware.verify`; for a bundle with vision."""
        return self._arrays("pictures.npz", self._pictures)

    def _arrays(self, file: str, content: bytes) -> dict[str, np.ndarray]:
        with _sound(Path(self.name, file)):
            return arrays.unpack(content)


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes a bundle to a new folder, checksums last.

    Args:
        folder: the bundle's.
        files: contents of `FILES`, maybe of `VISION_FILES` too, by name.

    Raises:
        UserError: the folder is there already.
    """
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise UserError(f"--out: {str(folder)!r} is there already; choose a new folder") from None
    names = [name for name in (*FILES, *VISION_FILES) if name in files]
    for name in names:
        (folder / name).write_bytes(files[name])
    (folder / CHECKSUMS).write_bytes(_checksums({name: files[name] for name in names}))


def load(folder: str) -> Bundle:
    """Reads a bundle.

    Raises:
        UserError: a file is missing, damaged, too many, or holds what no bundle does, or the format
            is another; the message names the file.
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
            f"{str(path / 'bundle.json')!r} is of format {found[0]!r}, version {found[1]!r}; this "
            f"program reads {FORMAT!r}, version {VERSION}: export it anew"
        )
    if ("vision" in contract) != ("pose.onnx" in files):
        raise UserError(
            f"{str(path / 'bundle.json')!r} and {str(path / 'pose.onnx')!r} are of different "
            "bundles; export it anew"
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
    """The contents of all files but the checksums, which they agree with."""
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
            raise UserError(f"{str(path / name)!r} does not belong to the bundle; take it away")
        raise UserError(f"{str(path / name)!r} is missing; copy the bundle again")
    if set(expected) not in (set(FILES), {*FILES, *VISION_FILES}):
        raise UserError(f"{str(path)!r} holds other files than {', '.join(FILES)}; export it anew")
    files = {name: _read(path / name) for name in expected}
    for name, content in files.items():
        if hashlib.sha256(content).hexdigest() != expected[name]:
            raise _damaged(path / name)
    return files


def _read(file: Path) -> bytes:
    """What a regular file holds; a device or a pipe might hold anything, or nothing for ever."""
    found = os.stat(str(file))
    if not stat.S_ISREG(found.st_mode):
        raise UserError(f"{str(file)!r} is no regular file; copy the bundle again")
    if found.st_size > MOST_BYTES:
        raise UserError(
            f"{str(file)!r} holds {found.st_size} bytes, more than {MOST_BYTES}; it is no bundle's"
        )
    return file.read_bytes()


def _no_number(text: str) -> None:
    """JSON has no NaN and no infinity, whatever Python reads."""
    raise ValueError(f"{text} is no number")


@contextlib.contextmanager
def _sound(file: Path) -> Iterator[None]:
    """Within it, what a file holds is looked at."""
    try:
        yield
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{str(file)!r} is not what a bundle holds: {' '.join(str(error).split())}; export it "
            "anew"
        ) from None


def _damaged(file: Path) -> UserError:
    return UserError(f"{str(file)!r} is damaged: its checksum is another; copy the bundle again")


def _checksums(files: Mapping[str, bytes]) -> bytes:
    lines = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items()]
    body = "".join(lines).encode("ascii")
    return body + _own_line(body)


def _own_line(body: bytes) -> bytes:
    return f"{_OWN}{hashlib.sha256(body).hexdigest()}\n".encode("ascii")
