"""Camera views rendered by several processes, because Warp's calls from JAX are serialised."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection

import jax
import mujoco
import numpy as np

from dactyl_jax.cpus import available_cpus
from dactyl_jax.rendering.looks import Looks
from dactyl_jax.rendering.views import Views, default_batch, take


class ParallelViews:
    """Like `Views`, with the same images, rendered by this process and several others.

    A program that creates one must guard its main code with `if __name__ == "__main__"`, because
    the other processes import it.

    Args:
        model: model with cameras.
        size: width and height of an image, pixels.
        processes: number of processes, including this one; the number of CPUs by default.
        batch: frames that a process renders at a time; see `Views`.

    Raises:
        ValueError: as `Views`.
    """

    name = "warp"

    def __init__(
        self,
        model: mujoco.MjModel,
        size: int,
        *,
        processes: int | None = None,
        batch: int | None = None,
    ) -> None:
        self._batch = batch or default_batch()
        count = (processes or available_cpus()) - 1
        self._others = [_Process(model, size, self._batch) for _ in range(count)]
        self._own = Views(model, size, batch=self._batch)

    def render(self, qpos: np.ndarray, looks: Looks) -> np.ndarray:
        """See `Views.render`.

        Raises:
            RuntimeError: a process ended.
        """
        frames = np.asarray(qpos, np.float32), jax.device_get(looks)
        count = len(qpos)
        starts = range(0, count, self._batch)
        left = iter(starts)  # the next idle process takes the next batch
        pictures: dict[int, np.ndarray] = {}

        def work(views: "Views | _Process") -> None:
            for start in left:
                chosen = np.arange(start, min(start + self._batch, count))
                pictures[start] = views.render(*take(frames, chosen))

        helping = self._others[: len(starts) - 1]
        with ThreadPoolExecutor(len(helping) + 1) as pool:
            shares = [pool.submit(work, process) for process in helping]
            work(self._own)
            for share in shares:
                share.result()
        return np.concatenate([pictures[start] for start in starts])

    def close(self) -> None:
        """Ends the other processes."""
        for process in self._others:
            process.close()


class _Process:
    """Renders frames in a separate process, which ends with this one."""

    def __init__(self, model: mujoco.MjModel, size: int, batch: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, model, size, batch), daemon=True
        )
        self._process.start()
        theirs.close()

    def render(self, qpos: np.ndarray, looks: Looks) -> np.ndarray:
        try:
            self._connection.send((qpos, looks))
            return self._connection.recv()
        except (EOFError, OSError):
            self._process.join(timeout=5)
            raise RuntimeError(
                f"a rendering process ended (status {self._process.exitcode}); "
                "its output above gives the reason"
            ) from None

    def close(self) -> None:
        self._connection.close()
        self._process.join()


def _serve(connection: Connection, model: mujoco.MjModel, size: int, batch: int) -> None:
    import warp

    warp.config.log_level = warp.LOG_ERROR
    views = Views(model, size, batch=batch)
    while True:
        try:
            frames = connection.recv()
        except EOFError:
            return
        connection.send(views.render(*frames))
