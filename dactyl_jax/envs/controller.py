"""From bins to motor commands: the controller and the actuation terms.

Without terms, the motors receive what the controller wants: unit actions, their average, targets
relative to the current angles. Terms add errors along the way: noise on the actions, delay of the
average, backlash between targets and motors.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import mujoco
from ml_collections import ConfigDict

from dactyl_jax import hand, randomization
from dactyl_jax.envs import actions
from dactyl_jax.envs.bank import Draw
from dactyl_jax.envs.readings import Readings
from dactyl_jax.envs.state import Episode
from dactyl_jax.randomization import actuation


class Control(NamedTuple):
    """Result of the controller in one control step, before physics.

    Attributes:
        action: unit actions as chosen, `[E, 20]`.
        targets: the controller's targets, `[E, 20]` rad.
        average, noisy_average, memory (of the actuation terms), command: see `state.Episode`.
    """

    action: jax.Array
    targets: jax.Array
    average: actions.Average
    noisy_average: actions.Average
    memory: randomization.Memory
    command: actuation.Command


class Controller:
    """The controller that `config.env` describes, for the hand in `model`; pure functions.

    Attributes:
        varies_time_step: whether the time step is drawn per command rather than fixed by the model.
    """

    def __init__(self, config: ConfigDict, model: mujoco.MjModel, substeps: int):
        """Takes the configuration, the model and the number of physics steps per control step."""
        self._model = model
        self._mode = config.env.action
        self._averages = config.env.smoothed == "action"
        self._kept = actions.kept_share(config.env.smoothing_kept, config.env.control_dt)
        self._control_dt = config.env.control_dt
        self._substeps = substeps
        self._layout = hand.layout(model)
        log_rates = actuation.log_rates(model, mirrored=self._averages)
        self._log_rates = jnp.asarray(log_rates, jnp.float32)
        self._on_actions, self._on_averages, self._on_motors = self._pipelines = tuple(
            randomization.Pipeline(terms, config)
            for terms in (actuation.ON_ACTIONS, actuation.ON_AVERAGES, actuation.ON_MOTORS)
        )
        self.varies_time_step = "time_step" in self._on_motors.names

    def begin(
        self, keys: jax.Array, draw: Draw, true: Readings
    ) -> tuple[randomization.Memory, actuation.Command]:
        """Memory of the terms at an episode's start, and a command that holds the hand still.

        Args:
            keys: `[E]`.
            draw: draw of the episode.
            true: readings of the first state, whose targets hold the hand.
        """
        none = actions.no_average(len(keys))
        idle = self._command(none.value if self._averages else true.targets, true.targets)
        scene = self._scene(draw, true)
        memory = {
            name: memory
            for terms in self._pipelines
            for name, memory in terms.begin(keys, draw.by_term(), idle, scene).items()
        }
        return memory, idle

    def control(
        self, keys: jax.Array, episode: Episode, action: jax.Array, true: Readings
    ) -> Control:
        """Turns bins `[E, 20]` into a motor command.

        Args:
            keys: keys of the terms' draws, `[E]`.
            episode: the episode before the step.
            action: bins, `[E, 20]` int32.
            true: readings before the step.
        """
        scene, strengths = self._scene(episode.draw, true), episode.draw.by_term()
        memory: randomization.Memory = {}

        def through(terms: randomization.Pipeline, command: actuation.Command):
            after, command = terms.apply(keys, strengths, episode.actuation, command, scene)
            memory.update(after)
            return command

        def targets(share: jax.Array) -> jax.Array:
            return actions.targets(self._layout, self._mode, share, true.joint_angles)

        unit = actions.unit_action(action)
        if not self._averages:
            wanted = actions.smoothed_targets(self._kept, targets(unit), true.targets)
            command = through(self._on_actions, self._command(wanted, wanted))
            command = through(self._on_averages, command)
            command = through(self._on_motors, command._replace(targets=command.asked))
            kept = episode.average, episode.noisy_average
            return Control(unit, wanted, *kept, memory, command)
        average = actions.average(self._kept, episode.average, unit)
        wanted = targets(average.value)
        command = through(self._on_actions, self._command(unit, wanted))
        noisy = actions.average(self._kept, episode.noisy_average, command.asked)
        command = through(self._on_averages, command._replace(asked=noisy.value))
        command = through(self._on_motors, command._replace(targets=targets(command.asked)))
        return Control(unit, wanted, average, noisy, memory, command)

    def _command(self, asked: jax.Array, targets: jax.Array) -> actuation.Command:
        """A command without force, at the model's time step."""
        num_envs = targets.shape[0]
        return actuation.Command(
            asked=asked,
            targets=targets,
            force=jnp.zeros((num_envs, 3), jnp.float32),
            timestep=jnp.full(num_envs, self._model.opt.timestep, jnp.float32),
        )

    def _scene(self, draw: Draw, true: Readings) -> actuation.ActuationScene:
        model = self._model
        num_envs = true.position.shape[0]
        low, high = jnp.asarray(self._layout.ctrl_range, jnp.float32).T
        angles = actions.actuator_angles(self._layout, true.joint_angles)
        unit = jnp.broadcast_to(0.5 * (high - low), angles.shape)
        body = model.body("object").id
        masses = draw.parameters.get("body_mass", jnp.asarray(model.body_mass, jnp.float32)[None])
        return actuation.ActuationScene(
            rest=jnp.zeros_like(angles) if self._averages else angles,
            unit=jnp.ones_like(angles) if self._averages else unit,
            angles=angles,
            object_mass=jnp.broadcast_to(masses[:, body], num_envs),
            log_rates=jnp.broadcast_to(self._log_rates, (num_envs, *self._log_rates.shape)),
            control_dt=jnp.full(num_envs, self._control_dt),
            substeps=jnp.full(num_envs, float(self._substeps)),
        )
