"""Three cameras and the pose networks behind them, in place of a motion tracker.

Messages are only kept when they come; `CameraTracker.look`, to be called often on a thread of its
own (`robot.Robot.every`), does the work, so that no control step waits for it.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from hardware.base.errors import UserError
from hardware.base.messages import Image
from hardware.bundle.store import Bundle
from hardware.sight.cameras import Camera, Square, pixels, rig
from hardware.sight.estimator import Estimate, Estimator

LOOK_PERIOD = 0.005  # s between two looks for new pictures
TOGETHER = 0.02  # s between the first and the last of three pictures that are seen as one
_KEPT = 4  # pictures of each camera that wait for the others'
_PATIENCE = 0.5  # s without a set of pictures until it is said why
_SAID = 5.0  # s until the same is said again
_FUTURE = 0.02  # s that another machine's clock may be ahead
_OF_THE_FUTURE = "its pictures are from the future: are the machines' clocks synchronised?"


class Acceptance(NamedTuple):
    """Which estimates are accepted.

    Attributes:
        doubt: rad, largest uncertainty, see `estimator.Estimate`.
        misfit: largest misfit of a camera, see `solve.Solution`.
    """

    doubt: float
    misfit: float


USUAL = Acceptance(doubt=1.0, misfit=8.0)


class CameraTracker:
    """Poses from the newest three pictures that belong together.

    Args:
        bundle: whose network looks.
        cameras: as they are in this lab, in the bundle's order.
        now: the robot's clock, s.
        report: takes each estimate: the stamp of the oldest of its pictures, what it is, whether it
            is to be believed, and how long it took, s.
        on_event: told about what cannot be used, in words.
        acceptance: which estimates are accepted.

    Raises:
        UserError: the bundle has no pose network.
    """

    def __init__(
        self,
        bundle: Bundle,
        cameras: Sequence[Camera],
        now: Callable[[], float],
        report: Callable[[float, Estimate, bool, float], None],
        on_event: Callable[[str], None],
        acceptance: Acceptance = USUAL,
    ):
        known, size = known_cameras(bundle), bundle.contract["vision"]["image_size"]
        self._estimator = Estimator(bundle, cameras)
        self._squares = [
            Square(camera, there.field_of_view, size) for camera, there in zip(cameras, known)
        ]
        self._now, self._report, self._event = now, report, on_event
        self._acceptance = acceptance
        self._lock = threading.Lock()
        self._names = [camera.name for camera in cameras]
        self._waiting: dict[str, deque[Image]] = {
            camera.name: deque(maxlen=_KEPT) for camera in cameras
        }
        self._heard = dict.fromkeys(self._waiting, -math.inf)  # stamps of the newest pictures
        self._since: float | None = None  # when there was a set last, or the first look
        self._said: dict[str, float] = {}

    def on_image(self, image: Image) -> None:
        """Takes a message; returns at once."""
        now = self._now()
        with self._lock:
            if image.stamp > now + _FUTURE:
                self._say("future", f"{image.camera}: {_OF_THE_FUTURE}")
            elif image.stamp > self._heard[image.camera]:  # not repeated, out of order or NaN
                self._heard[image.camera] = image.stamp
                self._waiting[image.camera].append(image)

    def look(self) -> None:
        """Estimates and reports the pose in the newest set of pictures, if there is a new one."""
        now = self._now()
        with self._lock:
            if self._since is None:
                self._since = now
            chosen = self._newest()
            if chosen is None:
                if now - self._since > _PATIENCE:
                    self._complain(now)
                return
            self._since = now
            stamp = min(image.stamp for image in chosen)
            for image, waiting in zip(chosen, self._waiting.values()):
                while waiting and waiting[0].stamp <= image.stamp:
                    waiting.popleft()
        began = time.perf_counter()
        try:
            squares = [square(pixels(image)) for square, image in zip(self._squares, chosen)]
        except ValueError as error:
            self._say("pictures", f"pictures left out: {error}")
            return
        estimate = self._estimator.estimate(np.stack(squares))
        took = time.perf_counter() - began
        refusal = self._refusal(estimate)
        if refusal:
            self._say("refused", f"object pose left out: {refusal}")
        self._report(stamp, estimate, not refusal, took)

    def _refusal(self, estimate: Estimate) -> str:
        """Why an estimate is not accepted; empty if it is."""
        if not estimate.doubt <= self._acceptance.doubt:  # True for NaN
            return (
                f"the network doubts it by {estimate.doubt:.2f} rad, more than "
                f"{self._acceptance.doubt:g}"
            )
        misfit, worst = float(estimate.misfit.max()), self._names[int(estimate.misfit.argmax())]
        if not misfit <= self._acceptance.misfit:
            return (
                f"it does not explain what camera {worst} shows (misfit {misfit:.1f}, more than "
                f"{self._acceptance.misfit:g}): was a camera moved, or confused with another?"
            )
        return ""

    def _newest(self) -> tuple[Image, ...] | None:
        """Of the sets of pictures that belong together, one of each camera, the newest."""
        sets = [
            chosen
            for chosen in itertools.product(*self._waiting.values())
            if _spread(chosen) <= TOGETHER
        ]
        return max(sets, key=lambda chosen: min(i.stamp for i in chosen), default=None)

    def _complain(self, now: float) -> None:
        """Says why there is no set of pictures."""
        silent = [name for name, stamp in self._heard.items() if stamp < now - _PATIENCE]
        if silent:
            cameras = " and ".join(silent)
            self._say("silent", f"no picture came of camera {cameras} for {_PATIENCE:g} s")
        else:
            apart = max(self._heard.values()) - min(self._heard.values())
            self._say(
                "apart",
                f"pictures left out: the newest are {1000 * apart:.0f} ms apart, more than "
                f"{1000 * TOGETHER:g}: let one trigger start all cameras",
            )

    def _say(self, kind: str, text: str) -> None:
        """An event, unless one of its kind was said just now."""
        now = self._now()
        if now - self._said.get(kind, -math.inf) > _SAID:
            self._said[kind] = now
            self._event(text)


def known_cameras(bundle: Bundle) -> list[Camera]:
    """The cameras that a bundle's network learned with.

    Raises:
        UserError: it has no pose network.
    """
    if "vision" not in bundle.contract:
        raise UserError(
            f"the bundle {bundle.name!r} has no pose network; export it with --vision_workdir, or "
            "take --pose=tracker"
        )
    return rig(bundle.contract["vision"]["cameras"])


def _spread(images: Sequence[Image]) -> float:
    """Seconds between the first and the last of pictures."""
    stamps = [image.stamp for image in images]
    return max(stamps) - min(stamps)
