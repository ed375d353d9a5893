"""Buttons, sliders and plots beside the picture; what people ask for waits until it is taken."""

import queue
from collections.abc import Sequence
from typing import Any

import numpy as np
import viser
from viser import uplot

from dactyl_jax.envs.actions import MIDDLE_BIN
from dactyl_jax.hand import ACTUATORS
from dactyl_jax.viewer.charts import action_bars
from dactyl_jax.viewer.eyes import Look
from dactyl_jax.viewer.play import LONGEST_DELAY, Adjustments, Felt

_FACTORS = {  # label, lowest, highest
    "friction": ("friction x", 0.2, 2.0),
    "mass": ("mass x", 0.2, 3.0),
    "gain": ("motor gains x", 0.3, 2.0),
    "gravity": ("gravity x", 0.0, 2.0),
}


class Panel:
    """The panel of a page.

    Args:
        server: of the page.
        agents, worlds: names to choose from; the first ones are chosen at first.
        control_dt: s, the unit of the delay.
        cameras: whether there are any.

    Attributes:
        requests: what people did and nobody answered yet, by name: of a button, or of what has
            another value now: `agent`, `world`, `randomised`, `cameras`, `adjustments`.
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
        with gui.add_folder("Rotation left to the goal [degrees]"):
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
                "look", False, hint="what the pose network sees, and where it takes the block to be"
            )
            self._look = gui.add_html("")
            self._picture = gui.add_image(np.zeros((1, 3, 3), np.uint8), visible=False)
        with gui.add_folder("Action: bins from the middle"):
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
        """Who is to act."""
        return self._agent.value

    @property
    def world(self) -> str:
        """Where."""
        return self._world.value

    @property
    def randomised(self) -> bool:
        """Whether with randomisation."""
        return self._randomised.value

    @property
    def cameras(self) -> bool:
        """Whether to look through them."""
        return self._cameras.value

    @property
    def adjustments(self) -> Adjustments:
        """What the sliders say."""
        factors = {name: slider.value for name, slider in self._factors.items()}
        return Adjustments(**factors, delay=self._delay.value)

    def say(self, text: str) -> None:
        """Shows a line of text, HTML, above everything else."""
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
        """Shows how it goes.

        Args:
            goals: in a row now.
            best: the most of them so far.
            drops: so far.
            pace: simulated seconds a second; None while it is paused.
            pictures: a second.
            waiting: whether another world is being made.
        """
        clock = "paused" if pace is None else f"{pace:.2f} x real time"
        self.say(
            f'<b>Goals in a row: <span id="goals">{goals}</span></b> (most {best}); '
            f'drops: {drops}<br><span id="pace">{clock}</span>, '
            f'<span id="pictures">{pictures:.0f}</span> pictures/s'
            + ("<br>another world is being made" if waiting else "")
        )

    def offer_randomisation(self, offered: bool) -> None:
        """Whether people may switch it."""
        self._randomised.disabled = not offered

    def show_pause(self, paused: bool) -> None:
        """Says on the button what it will do."""
        self._time.options = ("Go on" if paused else "Pause", "Step")

    def show_physics(self, felt: Felt) -> None:
        """Shows the numbers that the last step was simulated with."""
        self._numbers.content = (
            '<div id="physics" style="padding:0 0.8em 0.4em; font-size:0.85em; opacity:0.75">'
            f"friction {felt.friction:.2f}, object {1000 * felt.mass:.0f} g, "
            f"gains x {felt.gain:.2f}, gravity {felt.gravity:.1f} m/s2</div>"
        )

    def show_look(self, look: Look | None) -> None:
        """Shows what the cameras saw; None: that they are being prepared, or not asked for."""
        self._picture.visible = look is not None
        if look is None:
            text = "being prepared" if self.cameras else ""
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
