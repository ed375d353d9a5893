"""Three cameras that look at a simulated hand; runs where one trains."""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from dactyl_jax import hand
from dactyl_jax.rendering import nominal
from dactyl_jax.vision import config as schema
from dactyl_jax.vision.frames import FrameSource
from dactyl_jax.vision.pool import Pool
from experiments import vision_frames
from hardware import cameras, eyes
from hardware.bundle import Bundle
from hardware.messages import Image
from hardware.program import UserError

if TYPE_CHECKING:
    from hardware.simulated_hand import SimulatedHand

_REPORTED = 30.0  # s of the wall clock between two lines about the rate


class Studio:
    """Draws what the cameras of a bundle see.

    Args:
        bundle: with a pose network.
        renderer: `warp` or `gl`.
        look: number of the frame of training whose looks the scene has for good: its colours,
            lights and errors of the cameras; None for the plain scene.

    Raises:
        UserError: the bundle has no pose network or one of another version, or there is no OpenGL.
    """

    def __init__(self, bundle: Bundle, renderer: str, look: int | None):
        known = eyes.known_cameras(bundle)
        vision = bundle.contract["vision"]
        try:
            config = config_lib.complete(
                ConfigDict(vision["config"]),
                origin=f"the pose network of the bundle {bundle.name!r}",
                expected=schema.default(),
            )
        except ValueError as error:
            raise UserError(f"{error}; or export it anew") from None
        rig = [
            hand.Camera(c.name, tuple(c.position), tuple(c.quaternion), c.field_of_view)
            for c in known
        ]
        model = hand.load_model(config.object, tilt=config.tilt, cameras=rig)
        self._names = [camera.name for camera in known]
        if look is None:
            self._looks: Any = jax.tree.map(lambda value: value[None], nominal(model))
        else:
            pool = Pool(vision_frames.resting_states(model, 1, 0), np.zeros(1, np.int32))
            source = FrameSource(config, model, pool, vision_frames.HELD_OUT)
            self._looks = source.draw_looks(np.array([look]))
        try:
            self._views = vision_frames.make_views(renderer, model, vision["image_size"], batch=1)
        except ValueError as error:
            raise UserError(str(error)) from None
        self.shoot(model.qpos0, 0.0)  # compiles

    def shoot(self, qpos: np.ndarray, stamp: float) -> list[Image]:
        """Pictures of all cameras.

        Args:
            qpos: joint angles and the object's pose in the world, `[31]`.
            stamp: of the pictures, s.
        """
        pictures = self._views.render(qpos[None], self._looks)[0]
        return [
            cameras.image(stamp, name, picture)
            for name, picture in zip(self._names, pictures, strict=True)
        ]


class Delayed:
    """Pictures in process: taken at a rate, and delivered some time later.

    Args:
        simulated: the hand.
        studio: draws them.
        period: s between pictures.
        delay: s from a picture to its delivery, of all but the first ones of a trial.
    """

    def __init__(self, simulated: "SimulatedHand", studio: Studio, period: float, delay: float):
        self._hand, self._studio = simulated, studio
        self._period, self._delay = period, delay
        self.restart()

    def restart(self) -> None:
        """A trial begins: the next picture is due now, and there at once."""
        self._due = self._hand.time
        self._on_their_way: deque[tuple[float, list[Image]]] = deque()
        self._first = True

    def pass_on(self) -> Iterator[Image]:
        """Takes pictures if it is time, and delivers those that have been on their way enough."""
        now = self._hand.time + 1e-9
        if self._due <= now:
            arrive = self._due + (0.0 if self._first else self._delay)
            images = self._studio.shoot(self._hand.qpos(), self._hand.time)
            self._on_their_way.append((arrive, images))
            self._due += self._period
            self._first = False
        while self._on_their_way and self._on_their_way[0][0] <= now:
            yield from self._on_their_way.popleft()[1]


class Film:
    """Pictures in real time, on a thread of its own that leaves out what it has no time for.

    Args:
        make_studio: makes what draws them; called on that thread, to which OpenGL is bound.
        period: s of the hand's time between pictures.
        publish: takes the pictures of one time.

    Raises:
        UserError: as `make_studio`.
    """

    def __init__(
        self,
        make_studio: Callable[[], Studio],
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
                studio = make_studio()
            except Exception as error:
                ready.put(error)
                return
            ready.put(None)
            self._develop(studio)

        threading.Thread(target=work, name="cameras", daemon=True).start()
        failure = ready.get()
        if failure is not None:
            raise failure

    def expose(self, simulated: "SimulatedHand", offset: float) -> None:
        """Takes pictures if it is time and the thread has nothing to do; to be called often.

        Args:
            simulated: the hand.
            offset: of stamps to the hand's time, s.
        """
        now = simulated.time
        if now >= self._due - 1e-9 and not self._busy.is_set():
            self._due = max(self._due + self._period, now)
            self._busy.set()
            self._jobs.put((simulated.qpos().copy(), now + offset))

    def _develop(self, studio: Studio) -> None:
        """The thread: draws, publishes, and says now and then at which rate it does."""
        began, sets, first = time.monotonic(), 0, None
        while True:
            qpos, stamp = self._jobs.get()
            first = stamp if first is None else first
            self._publish(studio.shoot(qpos, stamp))
            self._busy.clear()
            sets += 1
            if time.monotonic() - began > _REPORTED and stamp > first:
                rate = (sets - 1) / (stamp - first)
                print(f"cameras: {rate:.1f} of {1 / self._period:.1f} times a second", flush=True)
                began, sets, first = time.monotonic(), 1, stamp
