"""Gymnasium's interfaces. Importing this module registers the tasks with Gymnasium.

    import gymnasium, dactyl_jax.adapters.gymnasium
    envs = gymnasium.make_vec("dactyl_jax/Block-v0", num_envs=64, randomization="all")

NumPy in and out. Actions are bins (`MultiDiscrete`), observations are what the policy sees.
Environments that end start again within the same step; the last observation before that is in
`info["final_obs"]`, by Gymnasium's convention for `AutoresetMode.SAME_STEP`.
"""

from typing import Any

import gymnasium
import jax
import numpy as np
from gymnasium import spaces
from gymnasium.vector.utils import batch_space

from dactyl_jax.envs import EnvState
from dactyl_jax.registry import make, tasks

# Gymnasium's names of the tasks: `locked_wrist` is `LockedWrist`.
TASKS = {task.title().replace("_", ""): task for task in tasks()}
_INFO = ("goal_reached", "dropped", "timed_out", "goals", "distance")  # fields of an outcome


class VectorEnv(gymnasium.vector.VectorEnv):
    """A batch of environments.

    Args:
        task: as for `dactyl_jax.make`.
        num_envs: how many environments.
        fields: other fields of the configuration, as for `dactyl_jax.make`.
    """

    def __init__(self, task: str = "block", num_envs: int = 64, **fields: Any):
        self.env = make(task, num_envs=num_envs, **fields)
        self.num_envs = num_envs
        self.metadata = {
            "autoreset_mode": gymnasium.vector.AutoresetMode.SAME_STEP,
            "render_modes": [],
            "render_fps": round(1 / self.env.control_dt),
        }
        bins = np.full(self.env.num_actuators, self.env.num_bins)
        self.single_action_space = spaces.MultiDiscrete(bins)
        self.single_observation_space = spaces.Box(-np.inf, np.inf, (self.env.policy_size,))
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self._key = jax.random.key(np.random.SeedSequence().generate_state(1)[0])
        self._reset, self._step = jax.jit(self.env.reset), jax.jit(self.env.step)
        self._state: EnvState | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Starts all environments again.

        Args:
            seed: seed of this and all later resets; without one, the random stream continues.
            options: ignored; there are none.

        Returns:
            Observations `[num_envs, size]` float32, and an empty info.
        """
        if seed is not None:
            self._key = jax.random.key(seed)
        self._key, key = jax.random.split(self._key)
        self._state = self._reset(key)
        return np.array(self._state.observation.policy), {}

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One control step.

        Args:
            actions: bins, `[num_envs, 20]`.

        Returns:
            Observations, rewards, terminated, truncated, and info: what happened, `[num_envs]`
            each, and the final observations of episodes that ended.

        Raises:
            gymnasium.error.ResetNeeded: before the first reset.
        """
        if self._state is None:
            raise gymnasium.error.ResetNeeded("call reset before step")
        self._state, outcome = self._step(self._state, np.asarray(actions, np.int32))
        done, truncated = np.array(outcome.done), np.array(outcome.truncated)
        info: dict[str, Any] = {name: np.array(getattr(outcome, name)) for name in _INFO}
        info |= {f"_{name}": np.ones(self.num_envs, bool) for name in _INFO}
        if done.any():  # few steps need the terminal observations on the host
            terminal = np.array(outcome.terminal_observation.policy)
            final = np.full(self.num_envs, None, object)
            for i in np.flatnonzero(done):
                final[i] = terminal[i]
            info |= {"final_obs": final, "_final_obs": done}
        return (
            np.array(self._state.observation.policy),
            np.array(outcome.reward, np.float64),
            done & ~truncated,
            truncated,
            info,
        )


class Env(gymnasium.Env):
    """A single environment; arguments as of `VectorEnv`."""

    def __init__(self, task: str = "block", **fields: Any):
        self.metadata = {"render_modes": []}
        self._batch = VectorEnv(task, num_envs=1, **fields)
        self.action_space = self._batch.single_action_space
        self.observation_space = self._batch.single_observation_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Starts an episode; see `VectorEnv.reset`."""
        super().reset(seed=seed)
        observation, info = self._batch.reset(seed=seed, options=options)
        return observation[0], info

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One control step; bins `[20]` in, see `VectorEnv.step`."""
        batch = np.asarray(action)[None]
        observation, reward, terminated, truncated, info = self._batch.step(batch)
        seen = info["final_obs"][0] if "final_obs" in info else observation[0]
        one = {name: info[name][0].item() for name in _INFO}
        return seen, float(reward[0]), bool(terminated[0]), bool(truncated[0]), one


for _name, _task in TASKS.items():
    gymnasium.register(
        f"dactyl_jax/{_name}-v0",
        entry_point="dactyl_jax.adapters.gymnasium:Env",
        vector_entry_point="dactyl_jax.adapters.gymnasium:VectorEnv",
        kwargs={"task": _task},
    )
