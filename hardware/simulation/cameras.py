"""Cameras of a simulated hand, rendered by MuJoCo's OpenGL, on which no network was trained."""

from __future__ import annotations

import importlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import mujoco
import numpy as np

from hardware.base.errors import UserError
from hardware.base.messages import Image
from hardware.bundle.store import Bundle
from hardware.sight import camera_tracker, cameras
from hardware.simulation import models
from hardware.simulation.hand import SimulatedHand

_REPORTED = 30.0  # s of wall-clock time between two lines on the frame rate
_MOST_GEOMS = 1000


class CameraRenderer:
    """Renders the pictures of a bundle's cameras; use it on one thread only.

    Args:
        bundle: bundle with a pose network.

    Raises:
        UserError: the bundle has no pose network, or OpenGL is missing.
    """

    def __init__(self, bundle: Bundle):
        self._names = [camera.name for camera in camera_tracker.known_cameras(bundle)]
        size = bundle.contract["vision"]["image_size"]
        self._model = models.build(bundle.scene, bundle.numbers("scene"))
        self._model.vis.global_.offwidth = self._model.vis.global_.offheight = size
        self._data = mujoco.MjData(self._model)
        self._gl = _context(size)
        self._gl.make_current()
        self._context = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._rectangle = mujoco.MjrRect(0, 0, size, size)
        self._scene = mujoco.MjvScene(self._model, maxgeom=_MOST_GEOMS)
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED

    def render(self, qpos: np.ndarray, stamp: float) -> list[Image]:
        """Renders the pictures of all cameras.

        Args:
            qpos: joint angles and the object's pose in the world, `[31]`.
            stamp: stamp of the pictures, s.
        """
        self._gl.make_current()
        self._data.qpos[:] = qpos
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_camlight(self._model, self._data)
        return [cameras.image(stamp, name, self._picture(name)) for name in self._names]

    def _picture(self, name: str) -> np.ndarray:
        """Renders the picture of one camera, `[size, size, 3]` uint8."""
        self._camera.fixedcamid = self._model.camera(name).id
        mujoco.mjv_updateScene(
            self._model,
            self._data,
            mujoco.MjvOption(),
            None,
            self._camera,
            mujoco.mjtCatBit.mjCAT_ALL,
            self._scene,
        )
        mujoco.mjr_render(self._rectangle, self._scene, self._context)
        size = self._rectangle.width
        picture = np.zeros((size, size, 3), np.uint8)
        mujoco.mjr_readPixels(picture, None, self._rectangle, self._context)
        return picture[::-1]


def _context(size: int) -> Any:
    """Creates an OpenGL context without a window.

    Raises:
        UserError: no library provides one.
    """
    failures = []
    for library in ("egl", "osmesa"):
        try:
            return importlib.import_module(f"mujoco.{library}").GLContext(size, size)
        # Missing libraries, missing drivers and unsuitable settings raise different exceptions.
        except Exception as error:
            failures.append(f"{library}: {type(error).__name__}")
    raise UserError(
        f"there is no OpenGL here ({', '.join(failures)}); install libegl1, libopengl0 and "
        "libgl1-mesa-dri"
    )


class DelayedCameras:
    """Cameras in process: take pictures at a fixed rate, and deliver them after a delay.

    Args:
        simulated: the hand.
        renderer: renders the pictures.
        period: time between pictures, s.
        delay: time from a picture to its delivery, s.
    """

    def __init__(
        self, simulated: SimulatedHand, renderer: CameraRenderer, period: float, delay: float
    ):
        self._hand, self._renderer = simulated, renderer
        self._period, self._delay = period, delay
        self._due = simulated.time + period
        self._on_their_way: deque[tuple[float, list[Image]]] = deque()

    def pass_on(self) -> Iterator[Image]:
        """Takes pictures if they are due, and yields those whose delay has passed."""
        now = self._hand.time + 1e-9
        if self._due <= now:
            images = self._renderer.render(self._hand.qpos(), self._hand.time)
            self._on_their_way.append((self._due + self._delay, images))
            self._due += self._period
        while self._on_their_way and self._on_their_way[0][0] <= now:
            yield from self._on_their_way.popleft()[1]


class CameraThread:
    """Cameras in real time: a separate thread renders, and skips pictures if it cannot keep up.

    Args:
        bundle: bundle with a pose network.
        period: time between pictures on the hand's clock, s.
        publish: called with all cameras' pictures of one time.

    Raises:
        UserError: as `CameraRenderer`.
    """

    def __init__(
        self,
        bundle: Bundle,
        period: float,
        publish: Callable[[list[Image]], None],
    ):
        self._period, self._publish = period, publish
        self._due = -np.inf
        self._jobs: queue.SimpleQueue[tuple[np.ndarray, float]] = queue.SimpleQueue()
        self._busy = threading.Event()
        ready: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()

        def work() -> None:
            try:
                renderer = CameraRenderer(bundle)  # in this thread, to which OpenGL is bound
            except Exception as error:
                ready.put(error)
                return
            ready.put(None)
            self._develop(renderer)

        threading.Thread(target=work, name="cameras", daemon=True).start()
        failure = ready.get()
        if failure is not None:
            raise failure

    def expose(self, simulated: SimulatedHand, offset: float) -> None:
        """Takes pictures if they are due and the thread is idle; call it often.

        Args:
            simulated: the hand.
            offset: time to add to the hand's for the stamps, s.
        """
        now = simulated.time
        if now >= self._due - 1e-9 and not self._busy.is_set():
            self._due = max(self._due + self._period, now)
            self._busy.set()
            self._jobs.put((simulated.qpos().copy(), now + offset))

    def _develop(self, renderer: CameraRenderer) -> None:
        """The thread's loop: renders, publishes, and prints the frame rate now and then."""
        began, sets, first = time.monotonic(), 0, None
        while True:
            qpos, stamp = self._jobs.get()
            first = stamp if first is None else first
            self._publish(renderer.render(qpos, stamp))
            self._busy.clear()
            sets += 1
            if time.monotonic() - began > _REPORTED and stamp > first:
                rate = (sets - 1) / (stamp - first)
                print(f"cameras: {rate:.1f} Hz of {1 / self._period:.1f} Hz", flush=True)
                began, sets, first = time.monotonic(), 1, stamp
