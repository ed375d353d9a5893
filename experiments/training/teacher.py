"""The policy that a run imitates."""

from ml_collections import ConfigDict

from dactyl_jax.errors import UserError
from dactyl_jax.learning import PolicyCheckpoint
from experiments.runs import policies


def load(config: ConfigDict) -> PolicyCheckpoint:
    """The policy named by `config.imitation.teacher`.

    It must act as this run's does, and see what its value function sees.

    Raises:
        UserError: there is none, or it differs.
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
                f"env.{field}={theirs.env[field]!r}; give this run "
                f"--config.env.{field}={theirs.env[field]}"
            )
    return policies.load_policy(folder)
