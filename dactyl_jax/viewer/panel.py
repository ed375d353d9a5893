"""Buttons, sliders and plots beside the 3D view; user requests are queued until handled."""

import queue
from collections.abc import Sequence
from typing import Any

import numpy as np
import viser
from viser import uplot

from dactyl_jax.envs.actions import MIDDLE_BIN
from dactyl_jax.hand import ACTUATORS
from dactyl_jax.viewer.charts import action_bars
from dactyl_jax.viewer.play import LONGEST_DELAY, Adjustments, Felt
from dactyl_jax.viewer.pose_overlay import Look

_FACTORS = {  # label, minimum, maximum
    "friction": ("friction x", 0.2, 2.0),
    "mass": ("mass x", 0.2, 3.0),
    "gain": ("motor gains x", 0.3, 2.0),
    "gravity": ("gravity x", 0.0, 2.0),
}


class Panel:
    """The control panel of a page.

    Args:
        server: server of the page.
        agents, worlds: names to choose from; the first ones are selected initially.
        control_dt: duration of a control step, s; the unit of the delay.
        cameras: whether cameras are available.

    Attributes:
        requests: queue of unhandled user actions, by name: a button's, or that of a changed value:
            `agent`, `world`, `randomised`, `cameras`, `adjustments`.
    """

    def __init__(
        self,
        server: viser.ViserServer,
        agents: Sequence[str],
        worlds: Sequence[str],
        control_dt: float,
        cameras: bool,
    ) -> None:
        gui = server.gui
        self.requests: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._status = gui.add_html("")
        task = gui.add_button_group("task", ("New goal", "Push", "Drop in"))
        self._time = gui.add_button_group("time", ("Pause", "Step"))
        for buttons in (task, self._time):
            buttons.on_click(lambda event: self.requests.put(event.target.value))
        self._agent = gui.add_dropdown("agent", tuple(agents))
        self._world = gui.add_dropdown("world", tuple(worlds))
        self._randomised = gui.add_checkbox("randomisation", False)
        with gui.add_folder("Physics"):
            self._factors = {
                name: gui.add_slider(label, min=low, max=high, step=0.05, initial_value=1.0)
                for name, (label, low, high) in _FACTORS.items()
            }
            self._delay = gui.add_slider(
                f"delay x {1000 * control_dt:.0f} ms",
                min=0,
                max=LONGEST_DELAY,
                step=1,
                initial_value=0,
            )
            self._numbers = gui.add_html("")
        with gui.add_folder("Remaining angle to the goal [degrees]"):
            self._distance = gui.add_uplot(
                (np.zeros(1), np.zeros(1)),
                (uplot.Series(label="s"), uplot.Series(label="degrees", stroke="#2563b0", width=2)),
                scales={
                    "x": uplot.Scale(time=False, auto=True),
                    "y": uplot.Scale(auto=False, range=(0, 180)),
                },
                legend=uplot.Legend(show=False),
                height=130,
            )
        with gui.add_folder("Cameras", visible=cameras):
            self._cameras = gui.add_checkbox(
                "show views", False, hint="the pose network's input, and its estimate of the pose"
            )
            self._look = gui.add_html("")
            self._picture = gui.add_image(np.zeros((1, 3, 3), np.uint8), visible=False)
        with gui.add_folder("Action: bins relative to the middle"):
            self._action = gui.add_html(action_bars(np.full(len(ACTUATORS), MIDDLE_BIN)))
        changes: dict[str, list[Any]] = {
            "agent": [self._agent],
            "world": [self._world],
            "randomised": [self._randomised],
            "cameras": [self._cameras],
            "adjustments": [*self._factors.values(), self._delay],
        }
        for name, handles in changes.items():
            for handle in handles:
                handle.on_update(lambda _, name=name: self.requests.put(name))

    @property
    def agent(self) -> str:
        """The selected agent."""
        return self._agent.value

    @property
    def world(self) -> str:
        """The selected world."""
        return self._world.value

    @property
    def randomised(self) -> bool:
        """Whether randomisation is on."""
        return self._randomised.value

    @property
    def cameras(self) -> bool:
        """Whether the camera views are on."""
        return self._cameras.value

    @property
    def adjustments(self) -> Adjustments:
        """Values of the sliders."""
        factors = {name: slider.value for name, slider in self._factors.items()}
        return Adjustments(**factors, delay=self._delay.value)

    def say(self, text: str) -> None:
        """Shows a line of HTML above everything else."""
        self._status.content = (
            f'<div id="status" style="padding:0 0.8em; font-size:0.9em">{text}</div>'
        )

    def show_status(
        self,
        *,
        goals: int,
        best: int,
        drops: int,
        pace: float | None,
        pictures: float,
        waiting: bool,
    ) -> None:
        """Shows the status of the simulation.

        Args:
            goals: current number of consecutive goals.
            best: highest number so far.
            drops: number of drops so far.
            pace: simulated seconds per second; None if paused.
            pictures: frames per second.
            waiting: whether another world is being prepared.
        """
        clock = "paused" if pace is None else f"{pace:.2f} x real time"
        self.say(
            f'<b>Goals in a row: <span id="goals">{goals}</span></b> (best {best}); '
            f'drops: {drops}<br><span id="pace">{clock}</span>, '
            f'<span id="pictures">{pictures:.0f}</span> frames/s'
            + ("<br>preparing another world" if waiting else "")
        )

    def offer_randomisation(self, offered: bool) -> None:
        """Enables or disables the randomisation checkbox."""
        self._randomised.disabled = not offered

    def show_pause(self, paused: bool) -> None:
        """Labels the button with what it will do."""
        self._time.options = ("Resume" if paused else "Pause", "Step")

    def show_physics(self, felt: Felt) -> None:
        """Shows the physical parameters of the last step."""
        self._numbers.content = (
            '<div id="physics" style="padding:0 0.8em 0.4em; font-size:0.85em; opacity:0.75">'
            f"friction {felt.friction:.2f}, object {1000 * felt.mass:.0f} g, "
            f"gains x {felt.gain:.2f}, gravity {felt.gravity:.1f} m/s2</div>"
        )

    def show_look(self, look: Look | None) -> None:
        """Shows the camera views; None: they are being prepared, or are off."""
        self._picture.visible = look is not None
        if look is None:
            text = "preparing" if self.cameras else ""
        else:
            self._picture.image = look.picture
            angle, distance = np.degrees(look.angle), 1000 * look.distance
            text = f"the estimate is off by {angle:.0f} degrees and {distance:.0f} mm"
        self._look.content = (
            f'<div id="look" style="padding:0 0.8em; font-size:0.85em">{text}</div>'
        )

    def show_action(self, action: np.ndarray) -> None:
        """Shows bins `[20]`."""
        self._action.content = action_bars(action)

    def show_distance(self, times: np.ndarray, angles: np.ndarray) -> None:
        """Shows angles `[n]` in degrees at times `[n]` in s."""
        self._distance.data = (times, angles)
