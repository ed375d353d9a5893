"""What programs need before they start: the device, the engine, an agent, enough memory."""

import os
from types import ModuleType

import jax
from ml_collections import ConfigDict

from dactyl_jax import physics
from dactyl_jax.cpus import available_cpus
from dactyl_jax.envs import Reorientation
from dactyl_jax.errors import UserError
from dactyl_jax.learning import (
    Agent,
    PolicyCheckpoint,
    RandomAgent,
    Trainer,
    ZeroAgent,
)


def device() -> str:
    """The devices that JAX computes on, in words."""
    first = jax.devices()[0]
    if first.platform == "cpu":
        cpus, hosts = available_cpus(), jax.process_count()
        cores = f"{cpus} CPU core{'s' if cpus > 1 else ''}"
        return cores + (f" in {hosts} processes" if hosts > 1 else "")
    count = jax.device_count()
    return f"{count} x {first.device_kind}" if count > 1 else first.device_kind


def engine_name(config: ConfigDict) -> str:
    """The engine that `config.engine` means on this device.

    Raises:
        ValueError: the device cannot run it.
    """
    return physics.resolve_engine(config.engine)


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


def import_viewer() -> ModuleType:
    """`dactyl_jax.viewer`, whose packages not everyone installs.

    Raises:
        UserError: they are not installed.
    """
    try:
        from dactyl_jax import viewer
    except ModuleNotFoundError as error:
        raise UserError(f'{error}: install the viewer with pip install -e ".[viewer]"') from None
    return viewer


def check_memory(trainer: Trainer) -> None:
    """Refuses a run whose state and roll-out alone exceed the device's memory.

    Raises:
        UserError: says how much there is and what to lower.
    """
    config = trainer.config
    state = sum(leaf.size * leaf.dtype.itemsize for leaf in _leaves(trainer))
    numbers = trainer.env.policy_size + trainer.env.value_size + 16
    needed = state + 4 * numbers * config.num_envs * config.ppo.horizon
    limit = _memory()
    if needed > limit:
        raise UserError(
            f"config.num_envs is {config.num_envs}: its state and one roll-out need at least "
            f"{needed / 2**30:.1f} GiB, the device has {limit / 2**30:.1f}; lower config.num_envs, "
            "config.ppo.horizon or config.env.bank_size"
        )


def peak_device_memory() -> int | None:
    """The most bytes that the fullest of this process's devices held; None for a CPU."""
    peaks = [
        (device.memory_stats() or {}).get("peak_bytes_in_use") for device in jax.local_devices()
    ]
    return max((peak for peak in peaks if peak is not None), default=None)


def _leaves(trainer: Trainer) -> list[jax.ShapeDtypeStruct]:
    """Shapes of the state's arrays, without its few keys."""
    leaves = jax.tree.leaves(trainer.state_shape())
    return [x for x in leaves if not jax.dtypes.issubdtype(x.dtype, jax.dtypes.extended)]


def _memory() -> int:
    """Bytes that the device has; the host's for a CPU."""
    limit = (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit")
    return limit or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
