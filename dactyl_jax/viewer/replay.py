"""Replays a simulation that diverged, one physics step at a time."""

import mujoco
import numpy as np
import viser

from dactyl_jax import physics
from dactyl_jax.viewer.scene import Scene


def states(divergence: physics.Divergence, engine: physics.Engine) -> list[physics.State]:
    """States before each physics step of the call that diverged, and after the last one.

    State n is computed in one call from the start, as in the original run: an engine that rounds
    its state between calls would otherwise reach another one.
    """
    result = [divergence.state]
    for steps in range(1, divergence.num_steps + 1):
        state, _ = engine.step(divergence.parameters, divergence.state, steps)
        result.append(state)
    return result


def describe(state: physics.State, model: mujoco.MjModel) -> str:
    """Describes the fastest motion in a state `[1, ...]` in a few words."""
    qpos, qvel = np.asarray(state.qpos[0]), np.asarray(state.qvel[0])
    if not (np.isfinite(qpos).all() and np.isfinite(qvel).all()):
        return "no longer a number"
    fastest = int(np.abs(qvel).argmax())
    joint = model.joint(model.dof_jntid[fastest]).name
    return f"fastest: {joint} at {qvel[fastest]:.3g} m/s or rad/s"


class Replay:
    """A page with a slider over physics steps.

    Args:
        server: server of the page.
        scene: scene on the page.
        states: see `states`.
        model: model of the states.
    """

    def __init__(
        self,
        server: viser.ViserServer,
        scene: Scene,
        states: list[physics.State],
        model: mujoco.MjModel,
    ) -> None:
        self._scene, self._states, self._model = scene, states, model
        self._report = server.gui.add_html("")
        self._slider = server.gui.add_slider(
            "physics step", min=0, max=len(states) - 1, step=1, initial_value=0
        )
        self._slider.on_update(lambda _: self._show())
        self._show()

    def _show(self) -> None:
        """Draws the selected state, or the last drawable one before it."""
        number = int(self._slider.value)
        shown = [state for state in self._states[: number + 1] if np.isfinite(state.qpos).all()]
        self._scene.draw(np.asarray(shown[-1].qpos[0]), None)
        text = describe(self._states[number], self._model)
        self._report.content = f'<div id="replay" style="padding:0 0.8em">{text}</div>'
