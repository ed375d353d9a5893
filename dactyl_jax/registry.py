"""Tasks and policies by name: the entry points for your own programs.

env = dactyl_jax.make("block", randomization="all", num_envs=1024)
state = env.reset(jax.random.key(0))
state, outcome = jax.jit(env.step)(state, action)
"""

from collections.abc import Callable
from typing import Any

from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from dactyl_jax import pretrained
from dactyl_jax.envs import Reorientation, make_environment
from dactyl_jax.errors import UserError
from dactyl_jax.learning import PolicyAgent

_builders: dict[str, Callable[[], ConfigDict]] = {}


def register(name: str, builder: Callable[[], ConfigDict]) -> None:
    """Registers a task under a name for `make`.

    Args:
        name: replaces any task of the same name.
        builder: returns a complete configuration, such as a modified
            `dactyl_jax.config.default()`.
    """
    _builders[name] = builder


def tasks() -> tuple[str, ...]:
    """Names of the registered tasks."""
    return tuple(_builders)


def make(
    task: str | ConfigDict = "block",
    *,
    randomization: str | None = None,
    engine: str | None = None,
    num_envs: int | None = None,
    **overrides: Any,
) -> Reorientation:
    """Makes a batch of environments with pure functions `reset(key)` and `step(state, action)`.

    Args:
        task: a name from `tasks()`, or a complete configuration such as `load_policy` returns.
        randomization: `none`, `basic`, `all` or another preset of `dactyl_jax.randomization`.
        engine: `native`, `mjx-jax`, `mjx-warp`, or `auto` to choose by device.
        num_envs: number of environments that `reset` starts.
        overrides: other fields of the configuration, with two underscores for a dot:
            `env__goal_timeout_s=80.0`.

    Raises:
        UserError: the task or a field is unknown, or a field's value is not allowed.
    """
    if isinstance(task, str):
        if task not in _builders:
            raise UserError(f"there is no task {task!r}; it is one of {', '.join(_builders)}")
        config = _builders[task]()
    else:
        config = task.copy_and_resolve_references()
    given = {"randomization": randomization, "engine": engine, "num_envs": num_envs}
    fields = {name: value for name, value in given.items() if value is not None}
    fields |= {name.replace("__", "."): value for name, value in overrides.items()}
    known = dict(config_lib.leaves(config))
    for field in fields:
        if field not in known:
            raise UserError(config_lib.unknown_field(field, known))
    with config.ignore_type():  # `complete` checks types, and says so in words
        config.update_from_flattened_dict(fields)
    config = config_lib.complete(config, origin="make")
    config_lib.validate_task(config)
    return make_environment(config)


def load_policy(name: str = "policy") -> tuple[PolicyAgent, ConfigDict]:
    """Loads a trained policy from the package, and the configuration it was trained with.

    Args:
        name: `policy`, trained with all randomisations, `unrandomised`, or `long_run`, whose
            training on today's task goes on.

    Raises:
        UserError: the policy is unknown.
    """
    config, _, _ = pretrained.load(name)
    return pretrained.policy(name).agent, config


def _task(**fields: Any) -> Callable[[], ConfigDict]:
    """A builder of the default configuration, without randomisation and with fields changed."""

    def build() -> ConfigDict:
        config = config_lib.default()
        config.randomization, config.num_envs = "none", 64
        config.env.policy_observation = "proprioceptive"
        config.env.update(fields)
        return config

    return build


register("block", _task())
register("prism", _task(object="prism"))
register("sphere", _task(object="sphere"))
register("locked_wrist", _task(locked_wrist=True))
