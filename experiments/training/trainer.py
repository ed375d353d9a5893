"""Makes the trainer of a configuration, and checks that it fits in the device's memory."""

import jax
from ml_collections import ConfigDict

from dactyl_jax.envs import Reorientation, curriculum
from dactyl_jax.errors import UserError
from dactyl_jax.learning import PolicyAgent, Trainer
from experiments.base import machine


def make_trainer(
    config: ConfigDict,
    env: Reorientation,
    start: curriculum.CurriculumState | None = None,
    teacher: PolicyAgent | None = None,
    steps_before: int = 0,
) -> Trainer:
    """Makes the trainer of a configuration.

    Args:
        config: configuration of the run.
        env: its environment.
        start: initial curriculum state; by default as configured.
        teacher, steps_before: see `Trainer`.
    """
    return Trainer(
        config,
        env,
        curriculum.initial(config) if start is None else start,
        lambda state, events: curriculum.update(
            config, state, events.goals, events.minutes, events.counters
        ),
        teacher,
        steps_before=steps_before,
    )


def check_memory(trainer: Trainer) -> None:
    """Refuses a run whose state and roll-out exceed the device's memory.

    Raises:
        UserError: gives the required and available memory, and the fields to lower.
    """
    config = trainer.config
    state = sum(leaf.size * leaf.dtype.itemsize for leaf in _leaves(trainer))
    numbers = trainer.env.policy_size + trainer.env.value_size + 16
    needed = state + 4 * numbers * config.num_envs * config.ppo.horizon
    limit = machine.memory()
    if needed > limit:
        raise UserError(
            f"config.num_envs is {config.num_envs}: training state and one roll-out need at least "
            f"{needed / 2**30:.1f} GiB, the device has {limit / 2**30:.1f}; lower config.num_envs, "
            "config.ppo.horizon or config.env.bank_size"
        )


def _leaves(trainer: Trainer) -> list[jax.ShapeDtypeStruct]:
    """Returns the shapes of the state's arrays, without its few random keys."""
    leaves = jax.tree.leaves(trainer.state_shape())
    return [x for x in leaves if not jax.dtypes.issubdtype(x.dtype, jax.dtypes.extended)]
