"""Rendered frames on disk: shards of numpy arrays and an index with their checksums.

::

    index.json        settings of the frames, and for each shard its file, frames and SHA-256
    frames-00000.npz  images [n, camera, size, size, 3] uint8, and named as in `frames.Truth`
                      position [n, 3] m, orientation [n, 4], keypoints [n, camera, 7, 2], facing
                      [n, camera, 7] and landmarks [n, camera, 4, 2]; `numpy.load` reads it

Shards are written atomically. A shard counts once it is in the index.
"""

import dataclasses
import hashlib
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from dactyl_jax.errors import UserError
from dactyl_jax.hand import RIG
from dactyl_jax.vision import appearance
from dactyl_jax.vision import config as schema
from dactyl_jax.vision.frames import Truth

_INDEX = "index.json"
_FORMAT = 3


class Dataset:
    """The intact shards of a dataset.

    Args:
        folder: folder of the dataset.
        skip_damaged: skips shards that differ from their checksums instead of raising an error.

    Attributes:
        damaged: files of the skipped shards.

    Raises:
        ValueError: there is no dataset, it has no intact shard, or one is damaged.
    """

    def __init__(self, folder: str | os.PathLike[str], *, skip_damaged: bool = False) -> None:
        self._folder = Path(folder)
        self._skip_damaged = skip_damaged
        self.index = read_index(self._folder)
        self.damaged: list[str] = []
        self._shards: list[dict[str, Any]] = []
        for shard in self.index["shards"]:
            problem = _problem(self._folder, shard)
            if problem is None:
                self._shards.append(shard)
            elif skip_damaged:
                self.damaged.append(shard["file"])
            else:
                raise UserError(
                    f"dataset: the shard {str(self._folder / shard['file'])!r} is {problem}; "
                    "render it again with experiments.render_dataset, or skip it with "
                    "--config.skip_damaged=true"
                )
        if not self._shards:
            raise UserError(f"dataset: {str(self._folder)!r} holds no intact shard")

    def __len__(self) -> int:
        """Number of readable shards."""
        return len(self._shards)

    def check(self, config: ConfigDict) -> None:
        """Rejects a dataset whose frames do not match a run's configuration.

        Args:
            config: configuration of the run; each of its iterations uses one shard.

        Raises:
            ValueError: names the field that differs.
        """
        stored, asked = self.index["config"], drawn_by(config)
        for field in asked:
            if field not in ("seed", "states") and stored[field] != asked[field]:
                raise UserError(_refusal(str(self._folder), field, asked[field], stored[field]))

    def read_first(self, numbers: Sequence[int]) -> tuple[np.ndarray, Truth]:
        """Reads the first readable of several shards; adds unreadable ones to `damaged`.

        Raises:
            ValueError: none can be read, or one cannot and must not be skipped.
        """
        for number in numbers:
            try:
                return self.read(number)
            except ValueError:
                if not self._skip_damaged:
                    raise
                file = self._shards[number]["file"]
                if file not in self.damaged:
                    self.damaged.append(file)
        raise UserError(f"dataset: {str(self._folder)!r} no longer holds an intact shard")

    def read(self, number: int) -> tuple[np.ndarray, Truth]:
        """Images and truth of a shard, `[n, ...]`.

        Raises:
            ValueError: it was damaged after the dataset was opened.
        """
        file = self._folder / self._shards[number]["file"]
        try:
            with np.load(file, allow_pickle=False) as arrays:
                names = [field.name for field in dataclasses.fields(Truth)]
                return arrays["pictures"], Truth(**{name: arrays[name] for name in names})
        except Exception as error:  # zip, zlib, numpy and the disk raise various errors
            raise UserError(f"dataset: the shard {str(file)!r} cannot be read: {error}") from error


def read_index(folder: Path) -> dict[str, Any]:
    """Reads the index of a dataset.

    Raises:
        ValueError: there is no index, or it cannot be read.
    """
    file = folder / _INDEX
    try:
        index = json.loads(file.read_text(encoding="utf-8"))
        if index["format"] != _FORMAT:
            raise ValueError(f"its format is {index['format']!r}, not {_FORMAT}")
        return index
    except OSError:
        raise UserError(
            f"dataset: {str(folder)!r} has no {_INDEX}; name a folder that "
            "experiments.render_dataset wrote"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"dataset: {str(file)!r} is damaged ({error}); restore it") from None


def drawn_by(config: ConfigDict) -> dict[str, Any]:
    """The part of a configuration that determines a dataset's frames, as JSON.

    It excludes terms that act on rendered images: training draws these again.
    """
    fields = config.to_dict()
    terms = {term.name: fields["terms"][term.name] for term in appearance.TERMS}
    return {
        **{name: fields[name] for name in ("seed", "object", "tilt", "image_size", "states")},
        "training.frames": config.training.frames,
        "cameras": [_plain(dataclasses.asdict(camera)) for camera in schema.cameras(config)],
        **{f"pose.{name}": value for name, value in fields["pose"].items()},
        **{f"terms.{name}": law for name, law in terms.items()},
    }


def new_index(config: ConfigDict) -> dict[str, Any]:
    """An index without shards, for frames drawn with a configuration."""
    return {
        "format": _FORMAT,
        "cameras": [camera.name for camera in RIG],
        "config": drawn_by(config),
        "shards": [],
    }


def missing(folder: Path, index: dict[str, Any], count: int) -> list[int]:
    """Numbers below `count` of the shards that are missing or damaged."""
    whole = {shard["file"] for shard in index["shards"] if _problem(folder, shard) is None}
    return [number for number in range(count) if _file(number) not in whole]


def pack(number: int, pictures: np.ndarray, truth: Truth) -> tuple[bytes, dict[str, Any]]:
    """The bytes of a shard, and its row in the index."""
    stream = io.BytesIO()
    arrays = {
        field.name: np.asarray(getattr(truth, field.name)) for field in dataclasses.fields(truth)
    }
    np.savez_compressed(stream, allow_pickle=False, pictures=pictures, **arrays)
    content = stream.getvalue()
    return content, {
        "file": _file(number),
        "frames": len(pictures),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def _file(number: int) -> str:
    return f"frames-{number:05d}.npz"


def _problem(folder: Path, shard: dict[str, Any]) -> str | None:
    """Describes the problem with a shard's file, if any."""
    try:
        content = (folder / shard["file"]).read_bytes()
    except OSError:
        return "missing"
    same = hashlib.sha256(content).hexdigest() == shard["sha256"]
    return None if same else "damaged: it differs from its checksum"


def _refusal(folder: str, field: str, asked: Any, stored: Any) -> str:
    """Error message for frames that do not match a run."""
    if field == "cameras":
        return (
            f"config.cameras: the frames in {folder!r} were rendered with other camera poses; set "
            "their calibration, or render new frames"
        )
    if isinstance(asked, dict):
        name = next(name for name in asked if asked[name] != stored[name])
        field, asked, stored = f"{field}.{name}", asked[name], stored[name]
    return (
        f"config.{field} is {asked!r}, but the frames in {folder!r} have {stored!r}; set "
        f"--config.{field}={str(stored).lower() if isinstance(stored, bool) else stored}"
    )


def _plain(camera: dict[str, Any]) -> dict[str, Any]:
    """A camera in JSON form."""
    return {name: list(x) if isinstance(x, tuple) else x for name, x in camera.items()}
