"""Training on frames: one iteration takes a number of frames and passes over minibatches."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from ml_collections import ConfigDict

from dactyl_jax.vision import points, solve, windows
from dactyl_jax.vision.estimator import Estimator
from dactyl_jax.vision.eyes import Eyes, look_closer
from dactyl_jax.vision.frames import Truth
from dactyl_jax.vision.layers import Parameters
from dactyl_jax.vision.loss import loss, places_loss


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class VisionState:
    """Everything that a run needs to continue.

    Attributes:
        parameters: parameters of the networks in training, by name.
        averaged: their running average, which is used for inference.
        optimizer: state of the optimiser.
        iteration: completed iterations, int32.
    """

    parameters: dict[str, Parameters]
    averaged: dict[str, Parameters]
    optimizer: Any
    iteration: jax.Array


class VisionTrainer:
    """Adam with decoupled weight decay and a learning rate that halves (OpenAI 2018, D.2).

    Args:
        config: configuration of vision.
        eyes: designs of the networks.
        vary: augments images for the network, from numbers `[n]` and the frames' images
            `[n, camera, size, size, 3]` uint8; the result depends on the number.
    """

    def __init__(
        self,
        config: ConfigDict,
        eyes: Eyes,
        vary: Callable[[jax.Array, jax.Array], jax.Array],
    ) -> None:
        self.config = config
        self.eyes = eyes
        self.rig = solve.rig(config)
        self._vary = vary
        law = config.training
        self._optimizer = optax.chain(
            optax.clip_by_global_norm(10.0),
            optax.adamw(
                optax.exponential_decay(law.learning_rate, law.halve_every, 0.5, staircase=True),
                weight_decay=law.weight_decay,
            ),
        )
        self._learn = jax.jit(self._minibatch, donate_argnums=0)

    def initial_state(self) -> VisionState:
        """Newly initialised networks."""
        parameters = self.eyes.initial_parameters(jax.random.key(self.config.seed))
        state = VisionState(
            parameters=parameters,
            averaged=jax.tree.map(jnp.copy, parameters),
            optimizer=self._optimizer.init(self._learning(parameters)),
            iteration=jnp.int32(0),
        )
        # Bound to a device, like a restored state, so that both run the same compiled code.
        return jax.device_put(state, jax.devices()[0])

    def iteration(
        self, state: VisionState, pictures: np.ndarray, truth: Truth
    ) -> tuple[VisionState, dict[str, float]]:
        """Trains on `training.frames` frames.

        Args:
            state: donated; its buffers are reused.
            pictures: `[frames, camera, size, size, 3]` uint8.
            truth: truth of the frames.

        Returns:
            The new state, and means over its minibatches.
        """
        law = self.config.training
        iteration = int(state.iteration)
        first = iteration * law.frames * law.passes
        rng = np.random.default_rng([self.config.seed, iteration])
        order = np.concatenate([rng.permutation(law.frames) for _ in range(law.passes)])
        rows = []
        # A loop on the host: in a compiled loop, XLA's code for the gradients of convolutions is 40
        # times slower on a CPU.
        for start in range(0, len(order), law.batch):
            chosen = order[start : start + law.batch]
            numbers = np.arange(first + start, first + start + law.batch)
            batch = jax.tree.map(lambda x, chosen=chosen: x[chosen], (pictures, truth))
            state, metrics = self._learn(state, numbers, *batch)
            rows.append(metrics)
        state = dataclasses.replace(state, iteration=state.iteration + 1)
        return state, jax.tree.map(lambda *values: float(np.mean(values)), *rows)

    def estimator(self, state: VisionState) -> Estimator:
        """The averaged networks of a state, for inference."""
        iteration, law = int(state.iteration), self.config.training
        frames = iteration * law.frames * law.passes
        return Estimator(self.eyes, self.rig, state.averaged, iteration, frames)

    def _minibatch(
        self, state: VisionState, numbers: jax.Array, pictures: jax.Array, truth: Truth
    ) -> tuple[VisionState, dict[str, jax.Array]]:
        law = self.config.training
        pictures = self._vary(numbers, pictures)

        def objective(learning):
            parts = state.parameters | learning
            return self._loss(parts, numbers[0], pictures, truth)

        learning = self._learning(state.parameters)
        gradient, metrics = jax.grad(objective, has_aux=True)(learning)
        metrics = metrics | {"gradient_norm": optax.tree.norm(gradient)}
        updates, optimizer = self._optimizer.update(gradient, state.optimizer, learning)
        learning = optax.apply_updates(learning, updates)
        # The average decays faster at first, above all to forget the initial parameters.
        number = numbers[0] // law.batch
        stays = jnp.minimum(law.averaging, (1 + number) / (10 + number))
        averaged = jax.tree.map(
            lambda old, new: stays * old + (1 - stays) * new,
            self._learning(state.averaged),
            learning,
        )
        state = VisionState(
            state.parameters | learning, state.averaged | averaged, optimizer, state.iteration
        )
        return state, metrics

    def _learning(self, parameters: dict[str, Parameters]) -> dict[str, Parameters]:
        """The parameters that training changes."""
        stays = () if self.config.training.learns == "all" else ("first",)
        return {name: part for name, part in parameters.items() if name not in stays}

    def _loss(
        self,
        parameters: dict[str, Parameters],
        number: jax.Array,
        pictures: jax.Array,
        truth: Truth,
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """Sum of the losses of the networks that learn, and their parts."""
        law = self.config.training
        total = jnp.float32(0.0)
        metrics: dict[str, jax.Array] = {}
        if law.learns == "all":
            estimate = self.eyes.first.apply(parameters["first"], pictures)
            total, metrics = loss(estimate, truth, law.keypoint_weight)
        key = jax.random.fold_in(jax.random.key(self.config.seed), number)
        centres = truth.keypoints[:, :, 0]
        centres += law.centre_noise * jax.random.normal(key, centres.shape)
        centres = windows.kept_in(centres)
        still = jnp.asarray(self.rig.windows)
        closer = look_closer(self.eyes, parameters, self.rig, pictures, centres)
        fixed = truth.landmarks[:, :, points.FIXED]
        for name, found, places, facing in (
            (
                "object",
                closer.object,
                windows.inside(truth.keypoints, centres[:, :, None]),
                truth.facing,
            ),
            (
                "forearm",
                closer.forearm,
                windows.inside(fixed, still[:, None]),
                jnp.ones(fixed.shape[:-1], bool),
            ),
        ):
            flat = places.reshape(-1, *places.shape[2:]), facing.reshape(-1, facing.shape[-1])
            more, parts = places_loss(found, *flat)
            total += more
            metrics |= {f"{name}/{part}": value for part, value in parts.items()}
        return total, metrics | {"loss": total}
