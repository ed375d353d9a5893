"""Trees of arrays on disk, by iteration.

Orbax writes a checkpoint under a temporary name and renames it once complete. A process killed at
any moment thus leaves earlier checkpoints intact. Arrays are stored on the host by their path in
the tree, so a checkpoint from one device can be used on another.
"""

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils

from dactyl_jax import devices
from dactyl_jax.errors import UserError

FOLDER = "checkpoints"
KEEP = 3
_DESCRIPTION = "description"

Tree = TypeVar("Tree")


class Store:
    """Checkpoints in a run's work directory; keeps the last `KEEP`."""

    def __init__(self, workdir: str | os.PathLike, *, create: bool = True):
        """Opens `workdir/checkpoints`.

        Args:
            workdir: work directory of the run.
            create: creates the directory if missing, and removes incomplete files of a killed
                process.

        Raises:
            ValueError: the directory cannot be created, or does not exist.
        """
        self.folder = os.path.join(os.path.abspath(workdir), FOLDER)
        if not create and not os.path.isdir(self.folder):
            raise UserError(f"{workdir} holds no checkpoint; give the work directory of a run.")
        options = ocp.CheckpointManagerOptions(
            max_to_keep=KEEP,
            create=create,
            cleanup_tmp_directories=create,
            enable_async_checkpointing=False,
        )
        try:
            self._manager = ocp.CheckpointManager(self.folder, options=options)
        except (OSError, ValueError) as error:
            raise UserError(f"{self.folder} cannot hold checkpoints: {one_line(error)}") from error

    @staticmethod
    def has_any(workdir: str | os.PathLike) -> bool:
        """Whether a work directory holds a complete checkpoint."""
        folder = os.path.join(os.path.abspath(workdir), FOLDER)
        return os.path.isdir(folder) and any(name.isdigit() for name in os.listdir(folder))

    @staticmethod
    def copy_last(workdir: str | os.PathLike, target: str | os.PathLike, name: str) -> None:
        """Copies one tree of the last checkpoint, with its description, to another directory.

        Args:
            workdir: work directory of the run; it has a checkpoint.
            target: work directory of the copy.
            name: name under which the tree was stored.
        """
        folder = Path(workdir, FOLDER)
        last = max((path for path in folder.iterdir() if path.name.isdigit()), key=_number)
        for part in (name, _DESCRIPTION):
            shutil.copytree(last / part, Path(target, FOLDER, last.name, part))
        for file in filter(Path.is_file, last.iterdir()):
            shutil.copy(file, Path(target, FOLDER, last.name))

    def latest_iteration(self) -> int | None:
        """Iteration of the last complete checkpoint; None before the first."""
        return self._manager.latest_step()

    def save(self, iteration: int, description: Mapping[str, Any], **trees: Any) -> None:
        """Stores trees by name; returns once they are complete on disk.

        Skips an iteration that is already stored.

        Args:
            iteration: iteration under which to store them.
            description: JSON that describes the trees.
            **trees: trees of arrays and keys.

        Raises:
            OSError: the disk is full or fails; earlier checkpoints stay whole.
        """
        if iteration == self._manager.latest_step():
            return
        items = {name: ocp.args.StandardSave(_to_arrays(tree)) for name, tree in trees.items()}
        items[_DESCRIPTION] = ocp.args.JsonSave(dict(description))
        try:
            self._manager.save(iteration, args=ocp.args.Composite(**items))
        except ValueError as error:  # of TensorStore; it calls a full disk RESOURCE_EXHAUSTED
            code = re.search(r"os_error_code='(\d+)'", str(error))
            if code is None:
                raise
            raise OSError(int(code[1]), os.strerror(int(code[1])), self.folder) from error

    def restore(self, name: str, template: Tree) -> Tree:
        """Restores a tree of the last checkpoint.

        Args:
            name: name under which it was stored.
            template: a tree of the same shape.

        Raises:
            ValueError: there is no checkpoint, it cannot be read, or its shapes differ.
        """
        return _from_arrays(template, self._read(name, ocp.args.StandardRestore()), self.folder)

    def describe(self) -> dict[str, Any]:
        """The description of the last checkpoint; raises like `restore`."""
        return self._read(_DESCRIPTION, ocp.args.JsonRestore())

    def close(self) -> None:
        """Releases Orbax's resources."""
        self._manager.close()

    def _read(self, name: str, how: Any) -> Any:
        iteration = self._manager.latest_step()
        if iteration is None:
            raise UserError(f"{self.folder} holds no complete checkpoint.")
        try:
            return self._manager.restore(iteration, args=ocp.args.Composite(**{name: how}))[name]
        # Orbax and its dependencies raise many kinds of error for a damaged file.
        except Exception as error:
            raise UserError(
                f"The checkpoint {os.path.join(self.folder, str(iteration))} cannot be read: "
                f"{one_line(error)} Remove that folder to go back to the previous checkpoint."
            ) from error


def one_line(error: Exception) -> str:
    """The first line of an error message, shortened if necessary."""
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0][:200].rstrip(".") + "."


def _number(path: Path) -> int:
    return int(path.name)


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _to_arrays(tree: Any) -> dict[str, np.ndarray]:
    """All non-empty leaves by path, on the host; keys as integers."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    data = {
        jax.tree_util.keystr(path): jax.random.key_data(leaf) if _is_key(leaf) else leaf
        for path, leaf in leaves
        if leaf.size
    }
    if jax.process_count() > 1:
        data = multihost_utils.process_allgather(data, tiled=True)
    return {path: np.asarray(leaf) for path, leaf in jax.device_get(data).items()}


def _from_arrays(template: Tree, arrays: Mapping[str, Any], folder: str) -> Tree:
    """Inverse of `_to_arrays` for a tree of the template's shape, on the template's devices."""

    def leaf(path, like):
        name = jax.tree_util.keystr(path)
        expected = jax.eval_shape(jax.random.key_data, like) if _is_key(like) else like
        stored = arrays.get(name) if like.size else np.zeros(expected.shape, expected.dtype)
        if stored is None or stored.shape != expected.shape or stored.dtype != expected.dtype:
            found = "nothing" if stored is None else f"{stored.dtype}{list(stored.shape)}"
            raise UserError(
                f"{folder} holds {found} for {name.lstrip('.')} instead of "
                f"{expected.dtype}{list(expected.shape)}; it belongs to another configuration."
            )
        if _is_key(like):
            stored = jax.random.wrap_key_data(jnp.array(stored), impl=jax.random.key_impl(like))
        return devices.place(stored, like.sharding)

    return jax.tree_util.tree_map_with_path(leaf, template)
