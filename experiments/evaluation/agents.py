"""Agents for trials: a trained policy, or a baseline."""

from dactyl_jax.envs import Reorientation
from dactyl_jax.errors import UserError
from dactyl_jax.learning import Agent, PolicyCheckpoint, RandomAgent, ZeroAgent


def check_policy(checkpoint: PolicyCheckpoint, env: Reorientation) -> None:
    """Refuses a policy whose inputs do not match the environment's observation.

    Raises:
        UserError: the sizes differ; the message names the field to change.
    """
    inputs = checkpoint.agent.network.inputs
    if inputs != env.policy_size:
        raise UserError(
            f"config.env.policy_observation is {env.config.env.policy_observation!r} with "
            f"{env.policy_size} numbers, but the policy was trained on {inputs}; leave the field "
            "unchanged"
        )


def make_agent(name: str, checkpoint: PolicyCheckpoint | None, env: Reorientation) -> Agent:
    """Returns the agent `policy` (the checkpoint's), `zero` or `random`."""
    if checkpoint is not None and name == "policy":
        return checkpoint.agent
    kind = ZeroAgent if name == "zero" else RandomAgent
    return kind(env.num_actuators, env.num_bins)
