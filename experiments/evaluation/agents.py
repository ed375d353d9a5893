"""Who acts in trials: a trained policy, or an agent to compare it with."""

from dactyl_jax.envs import Reorientation
from dactyl_jax.errors import UserError
from dactyl_jax.learning import Agent, PolicyCheckpoint, RandomAgent, ZeroAgent


def check_policy(checkpoint: PolicyCheckpoint, env: Reorientation) -> None:
    """Refuses a policy that does not fit the environment.

    Raises:
        UserError: says what differs.
    """
    inputs = checkpoint.agent.network.inputs
    if inputs != env.policy_size:
        raise UserError(
            f"config.env.policy_observation is {env.config.env.policy_observation!r} with "
            f"{env.policy_size} numbers, the policy was trained on {inputs}; leave it as it was"
        )


def make_agent(name: str, checkpoint: PolicyCheckpoint | None, env: Reorientation) -> Agent:
    """The agent called `policy` (the checkpoint's), `zero` or `random`."""
    if checkpoint is not None and name == "policy":
        return checkpoint.agent
    kind = ZeroAgent if name == "zero" else RandomAgent
    return kind(env.num_actuators, env.num_bins)
