"""Flags that several programs take."""

from absl import flags


def define_training_flags(values: flags.FlagValues) -> None:
    """Defines flags of where a run lives and when it ends."""
    flags.DEFINE_string(
        "workdir",
        None,
        "where the run lives; runs/NAME by default, NAME being the configuration file's",
        flag_values=values,
    )
    flags.DEFINE_float(
        "max_minutes",
        None,
        "stop after this many minutes of the whole run, resumptions included; 0: no limit",
        lower_bound=0.0,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "max_iterations",
        None,
        "stop after this many iterations of the whole run; 0: no limit",
        lower_bound=0,
        flag_values=values,
    )


def define_engine_flag(values: flags.FlagValues) -> None:
    """Defines `--engine`, short for `--config.engine`."""
    flags.DEFINE_enum(
        "engine",
        None,
        ["auto", "native", "mjx-jax", "mjx-warp"],
        "physics engine; auto: mjx-warp on CUDA, mjx-jax on a TPU, native on a CPU",
        flag_values=values,
    )


def define_trial_seed_flag(values: flags.FlagValues) -> None:
    """Defines `--seed` of trials."""
    flags.DEFINE_integer(
        "seed",
        0,
        "of starts, goals and draws",
        lower_bound=0,
        upper_bound=2**31 - 1,
        flag_values=values,
    )


def define_port_flag(values: flags.FlagValues) -> None:
    """Defines `--port` of a page."""
    flags.DEFINE_integer(
        "port",
        8080,
        "of the page on this machine",
        lower_bound=1,
        upper_bound=65535,
        flag_values=values,
    )


def define_renderer_flag(values: flags.FlagValues) -> None:
    """Defines `--renderer`."""
    flags.DEFINE_enum(
        "renderer",
        "warp",
        ["warp", "gl"],
        "the ray tracer that training uses, or MuJoCo's OpenGL, which it never saw",
        flag_values=values,
    )


def define_dump_flag(values: flags.FlagValues) -> None:
    """Defines `--dump_nan`."""
    flags.DEFINE_string(
        "dump_nan",
        None,
        "a folder for the state and the parameters of environments whose physics diverges; "
        "experiments.replay_nan shows them",
        flag_values=values,
    )


def define_goals_flag(values: flags.FlagValues, default: str = "uniform") -> None:
    """Defines `--goals`, the distribution of goals."""
    flags.DEFINE_enum(
        "goals",
        default,
        ["uniform", "aligned", "final", "near"],
        "uniform over orientations, upright poses of a block at any angle about the palm's normal, "
        "the run's last curriculum stage, or 0.5 to 0.9 rad away",
        flag_values=values,
    )


def define_goal_timeout_flag(values: flags.FlagValues, default: str) -> None:
    """Defines `--goal_timeout_s`, short for `--config.env.goal_timeout_s`."""
    flags.DEFINE_float(
        "goal_timeout_s",
        None,
        f"simulated seconds that a goal may take; default: {default}",
        lower_bound=0.0,
        flag_values=values,
    )
