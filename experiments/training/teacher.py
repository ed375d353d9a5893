"""The teacher policy that a run imitates."""

from ml_collections import ConfigDict

from dactyl_jax.errors import UserError
from dactyl_jax.learning import PolicyCheckpoint
from experiments.runs import policies


def load(config: ConfigDict) -> PolicyCheckpoint:
    """Loads the policy named by `config.imitation.teacher`.

    It must have this run's action space, and observe what this run's value function observes.

    Raises:
        UserError: the policy is missing or incompatible.
    """
    folder = config.imitation.teacher
    theirs = policies.load_config(folder)
    if theirs.env.policy_observation != "state":
        raise UserError(
            f"config.imitation.teacher: the policy in {folder!r} was trained with "
            f"env.policy_observation={theirs.env.policy_observation!r}; train a teacher with "
            "--config.env.policy_observation=state"
        )
    for field in ("action", "smoothed", "value_observation"):
        if theirs.env[field] != config.env[field]:
            raise UserError(
                f"config.imitation.teacher: the policy in {folder!r} was trained with "
                f"env.{field}={theirs.env[field]!r}; set "
                f"--config.env.{field}={theirs.env[field]} for this run"
            )
    return policies.load_policy(folder)
