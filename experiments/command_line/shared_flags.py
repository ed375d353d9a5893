"""Flags that several programs share."""

from absl import flags


def define_training_flags(values: flags.FlagValues) -> None:
    """Defines the flags for a run's work directory and its limits."""
    flags.DEFINE_string(
        "workdir",
        None,
        "work directory of the run; default: runs/NAME, named after the configuration file",
        flag_values=values,
    )
    flags.DEFINE_float(
        "max_minutes",
        None,
        "stop after this many minutes of training, summed over all resumptions; 0: no limit",
        lower_bound=0.0,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "max_iterations",
        None,
        "stop after this many training iterations, summed over all resumptions; 0: no limit",
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
    """Defines `--seed` for trials."""
    flags.DEFINE_integer(
        "seed",
        0,
        "seed of initial states, goals and randomisation",
        lower_bound=0,
        upper_bound=2**31 - 1,
        flag_values=values,
    )


def define_port_flag(values: flags.FlagValues) -> None:
    """Defines `--port` for the viewer's web page."""
    flags.DEFINE_integer(
        "port",
        8080,
        "local port that serves the page",
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
        "warp: the ray tracer used in training; gl: MuJoCo's OpenGL, not used in training",
        flag_values=values,
    )


def define_dump_flag(values: flags.FlagValues) -> None:
    """Defines `--dump_nan`."""
    flags.DEFINE_string(
        "dump_nan",
        None,
        "folder for the states and parameters of environments whose physics diverges; "
        "experiments.replay_nan replays them",
        flag_values=values,
    )


def define_goals_flag(values: flags.FlagValues, default: str = "uniform") -> None:
    """Defines `--goals`, the goal distribution."""
    flags.DEFINE_enum(
        "goals",
        default,
        ["uniform", "aligned", "final", "near"],
        "goal distribution. uniform: over all orientations; aligned: upright poses of a block, at "
        "any angle about the palm's normal; final: the run's last curriculum stage; near: 0.5 to "
        "0.9 rad away",
        flag_values=values,
    )


def define_goal_timeout_flag(values: flags.FlagValues, default: str) -> None:
    """Defines `--goal_timeout_s`, short for `--config.env.goal_timeout_s`."""
    flags.DEFINE_float(
        "goal_timeout_s",
        None,
        f"time limit per goal, simulated s; default: {default}",
        lower_bound=0.0,
        flag_values=values,
    )
