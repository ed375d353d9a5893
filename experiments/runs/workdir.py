"""The work directory of a run: its contents, and when the run may continue.

config.json      the full configuration, with the resolved engine
model_patch.json, cameras.json: copies of the files that the configuration names, if any
origin.json      the command that started the run, the source commit, date and machine; what is
                 known of the runs that it started from or imitates
teacher/         a copy of the policy that the run imitates, if any
checkpoints/     the full training state
metrics.jsonl    one line per iteration; resuming drops lines after the newest checkpoint
tensorboard/     the same metrics as TensorBoard events
report/          learning_curve.png, evaluation.json
videos/          videos of the policy
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from dactyl_jax.errors import UserError
from experiments.base import files, origin


class WorkDirectory:
    """Paths and records of one run.

    Args:
        path: the directory.
        default: returns the fields of the run's configuration, with their defaults.
        program: name of the program that writes such directories, for messages.
    """

    def __init__(
        self,
        path: str | Path,
        default: Callable[[], ConfigDict] = config_lib.default,
        program: str = "experiments.train",
    ):
        self.path = Path(path)
        self._default = default
        self._program = program
        self.config_file = self.path / "config.json"
        self.origin_file = self.path / "origin.json"
        self.metrics_file = self.path / "metrics.jsonl"
        self.tensorboard = self.path / "tensorboard"
        self.report = self.path / "report"
        self.videos = self.path / "videos"

    def load_config(self) -> ConfigDict:
        """Loads the configuration that the run was started with; its files are the copies here.

        Raises:
            ValueError: the work directory is missing, or its config.json cannot be read.
        """
        if not self.path.is_dir():
            raise UserError(f"--workdir: there is no folder {str(self.path)!r}; train one first")
        if not self.config_file.is_file():
            raise UserError(
                f"--workdir: {str(self.path)!r} has no config.json; name a folder that "
                f"{self._program} wrote"
            )
        try:
            fields = json.loads(self.config_file.read_text(encoding="utf-8"))
            if not isinstance(fields, dict):
                raise ValueError("not a JSON object")
            config = ConfigDict(fields)
        except (ValueError, TypeError) as error:
            raise UserError(
                f"--workdir: {str(self.config_file)!r} is damaged ({error}); restore it or choose "
                "another work directory"
            ) from None
        config = config_lib.complete(
            config, origin=repr(str(self.config_file)), expected=self._default()
        )
        return config_lib.saved_at(config, self.path)

    def check(self, config: ConfigDict) -> bool:
        """Reports whether the directory already holds this run.

        Args:
            config: the configuration with its engine resolved. All fields except `run.*`, which set
                only limits and reports, must equal those of an existing run; files that it names
                must have the same content.

        Raises:
            UserError: the directory holds another run, or is not a work directory.
        """
        if self.config_file.is_file():
            self._refuse_another(config, self.load_config())
            return True
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"--workdir: {str(self.path)!r} is a file; name a folder")
        if self.path.is_dir() and any(map(_is_foreign, self.path.iterdir())):
            raise UserError(
                f"--workdir: {str(self.path)!r} holds files but no config.json; name an empty "
                "or new folder"
            )
        return False

    def claim(self, config: ConfigDict, came_from: dict[str, Any]) -> None:
        """Writes config.json, its files and origin.json; the directory then belongs to this run."""
        copy_inputs(config, self.path)
        files.write_json(self.config_file, config.to_dict())
        files.write_json(self.origin_file, came_from)

    def read_origin(self) -> dict[str, Any]:
        """Returns the run's origin, see `origin.describe`; all fields are None if it is unknown.

        Raises:
            UserError: origin.json is damaged.
        """
        if not self.origin_file.is_file():
            return dict(origin.UNKNOWN)
        try:
            return json.loads(self.origin_file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UserError(
                f"{str(self.origin_file)!r} is damaged ({error}); restore it, or remove it: then "
                "the run's origin is unknown"
            ) from None

    def _refuse_another(self, config: ConfigDict, saved: ConfigDict) -> None:
        old = dict(config_lib.leaves(saved))
        for field, value in config_lib.leaves(config):
            if field.startswith("run.") or value == old[field]:
                continue
            if field not in config_lib.INPUTS or not _same_content(value, old[field]):
                raise UserError(
                    f"--workdir: the run in {str(self.path)!r} has {field}={old[field]!r}, not "
                    f"{value!r}; keep --config.{field}={old[field]} or choose another --workdir"
                )

    @contextlib.contextmanager
    def lock(self, *, wait: bool = False) -> Iterator[None]:
        """Locks the directory for one training process.

        Args:
            wait: whether to wait for another training process to end.

        Raises:
            UserError: another process is training in the directory.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                raise UserError(
                    f"--workdir: another process is training in {str(self.path)!r}; wait for it or "
                    "choose another --workdir"
                ) from None
            yield
        finally:
            os.close(descriptor)

    def read_metrics(self) -> list[dict[str, Any]]:
        """Returns the rows of metrics.jsonl that are whole; a crash may have damaged some."""
        rows: list[dict[str, Any]] = []
        if self.metrics_file.is_file():
            for line in self.metrics_file.read_bytes().splitlines():
                with contextlib.suppress(ValueError):
                    row = json.loads(line)
                    if isinstance(row, dict) and "iteration" in row:
                        rows.append(row)
        return rows

    def keep_metrics(self, iterations: int) -> list[dict[str, Any]]:
        """Drops the rows of iterations after the restored checkpoint.

        Args:
            iterations: number of iterations in the restored state.

        Returns:
            The remaining rows.
        """
        rows = [row for row in self.read_metrics() if row["iteration"] <= iterations]
        files.write_text(self.metrics_file, "".join(json.dumps(row) + "\n" for row in rows))
        return rows

    def append_metrics(self, row: dict[str, Any]) -> None:
        """Appends one row; non-finite values become null."""
        with self.metrics_file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(_strict(row)) + "\n")


def copy_inputs(config: ConfigDict, folder: Path) -> None:
    """Copies the files that a configuration names to where `config.saved_at` reads them."""
    given = dict(config_lib.leaves(config))
    for field, name in config_lib.INPUTS.items():
        if given.get(field):
            files.write_bytes(folder / name, Path(given[field]).read_bytes())


def _same_content(one: str, other: str) -> bool:
    return bool(one and other) and Path(one).read_bytes() == Path(other).read_bytes()


def _is_foreign(path: Path) -> bool:
    """Whether a file may be another's: neither hidden nor what a killed `claim` leaves."""
    return not path.name.startswith(".") and path.name not in config_lib.INPUTS.values()


def _strict(row: dict[str, Any]) -> dict[str, Any]:
    def clean(value: Any) -> Any:
        finite = not isinstance(value, float) or abs(value) < float("inf")
        return value if finite else None

    return {name: clean(value) for name, value in row.items()}
