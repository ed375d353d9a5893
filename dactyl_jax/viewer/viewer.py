"""Connects simulation, scene and panel, in real time."""

import collections
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import viser

from dactyl_jax.viewer.panel import Panel
from dactyl_jax.viewer.play import Play, World
from dactyl_jax.viewer.pose_overlay import Look, PoseOverlay
from dactyl_jax.viewer.scene import Scene, blend

_PICTURES = 60.0  # frames per second
_PLOTS = 5.0  # updates per second, of plots and camera views
_SPAN = 30.0  # s shown by the plot of the remaining angle
_MEASURED = 2.0  # s over which pace and frame rate are measured


class Viewer:
    """Runs the simulation while the page is open, and pauses while nobody watches.

    Args:
        server: server of the page.
        scene: scene on the page.
        panel: panel on the page.
        play: the simulation, initially in the first of the worlds.
        worlds: makes a world by name, in another thread; may be called repeatedly for a name.
        eyes: makes the camera views, in the same way.
    """

    def __init__(
        self,
        server: viser.ViserServer,
        scene: Scene,
        panel: Panel,
        play: Play,
        worlds: Callable[[str], World],
        eyes: Callable[[], PoseOverlay],
    ) -> None:
        self._server, self._scene, self._panel, self._play = server, scene, panel, play
        self._worlds, self._eyes = worlds, eyes
        self._control_dt = play.control_dt
        self._workshop, self._watch = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
        self._coming: Future[World] | None = None
        self._look: Future[Look] | None = None
        self._paused = False
        panel.offer_randomisation(play.randomisable)
        self._before = play.now.qpos
        self._trace = collections.deque[tuple[float, float]](maxlen=round(_SPAN / play.control_dt))
        self._step_due = self._picture_due = self._plot_due = time.perf_counter()
        self._steps, self._pictures = _Rate(), _Rate()
        self._answers = {
            "New goal": play.new_goal,
            "Push": play.push,
            "Drop in": play.restart,
            "Pause": self._pause,
            "Resume": self._pause,
            "Step": self._take_step,
            "agent": self._change_agent,
            "world": self._ask_for_world,
            "randomised": self._ask_for_world,
            "adjustments": self._adjust,
            "cameras": self._open_eyes,
        }

    def run(self) -> None:
        """Runs until interrupted."""
        while True:
            self._advance()

    def _advance(self) -> None:
        """Performs all due actions, then sleeps until the next one."""
        while not self._panel.requests.empty():
            self._answers[self._panel.requests.get()]()
        if self._coming is not None and self._coming.done():
            self._play.enter(self._coming.result(), self._panel.randomised)
            self._panel.offer_randomisation(self._play.randomisable)
            self._coming = None
        if not self._server.get_clients():
            time.sleep(0.05)
            return
        now = time.perf_counter()
        if not self._paused and now >= self._step_due:
            self._take_step()
            # After a delay of more than one step, do not catch up.
            self._step_due = max(self._step_due, now - self._control_dt) + self._control_dt
        if now >= self._picture_due:
            self._draw(now)
            self._picture_due = max(self._picture_due, now - 1 / _PICTURES) + 1 / _PICTURES
        if now >= self._plot_due:
            self._plot()
            self._look_on()
            self._plot_due = now + 1 / _PLOTS
        due = min(self._picture_due, self._plot_due)
        due = due if self._paused else min(due, self._step_due)
        time.sleep(max(due - time.perf_counter(), 0.0))

    def _take_step(self) -> None:
        self._before = self._play.now.qpos
        step = self._play.step()
        self._steps.count()
        self._trace.append((self._play.steps * self._control_dt, np.degrees(step.distance)))
        self._panel.show_action(step.action)
        self._panel.show_physics(step.felt)

    def _draw(self, now: float) -> None:
        """Draws the state at the current time between the last two steps, one step behind."""
        step = self._play.now
        before = step.qpos if self._play.fresh else self._before
        left = 0.0 if self._paused else (self._step_due - now) / self._control_dt
        share = min(max(1 - left, 0.0), 1.0)
        self._scene.draw(blend(before, step.qpos, share), step.goal)
        self._pictures.count()

    def _plot(self) -> None:
        play = self._play
        self._panel.show_status(
            goals=int(play.now.goals),
            best=play.best,
            drops=play.drops,
            pace=None if self._paused else self._steps.rate * self._control_dt,
            pictures=self._pictures.rate,
            waiting=self._coming is not None,
        )
        if self._trace:
            times, angles = np.array(self._trace).T
            self._panel.show_distance(times, angles)

    def _pause(self) -> None:
        self._paused = not self._paused
        self._step_due = time.perf_counter()
        self._panel.show_pause(self._paused)

    def _change_agent(self) -> None:
        self._play.agent = self._panel.agent

    def _adjust(self) -> None:
        self._play.adjustments = self._panel.adjustments

    def _ask_for_world(self) -> None:
        self._coming = self._workshop.submit(self._worlds, self._panel.world)

    def _open_eyes(self) -> None:
        self._panel.show_look(None)

    def _look_on(self) -> None:
        """Updates the camera views while they are on, in a separate thread that does not block the
        simulation."""
        if self._look is not None and self._look.done():
            look, self._look = self._look.result(), None
            self._panel.show_look(look if self._panel.cameras else None)
        if self._look is None and self._panel.cameras:
            qpos = self._play.now.qpos
            self._look = self._watch.submit(lambda: self._eyes().look(qpos))


class _Rate:
    """Recent rate of an event, per second."""

    def __init__(self) -> None:
        self._times: collections.deque[float] = collections.deque()

    def count(self) -> None:
        """Counts one event."""
        now = time.perf_counter()
        self._times.append(now)
        while now - self._times[0] > _MEASURED:
            self._times.popleft()

    @property
    def rate(self) -> float:
        """1/s, over the recent events; 0 before the second one."""
        if len(self._times) < 2:
            return 0.0
        return (len(self._times) - 1) / (self._times[-1] - self._times[0])
