"""Command lines: flags, configurations, help and user errors."""

from experiments.command_line.config_files import Schema, load_config_file
from experiments.command_line.parsing import parse, refuse_overrides
from experiments.command_line.presets import (
    CONFIGS,
    config_name,
    device_overrides,
    device_preset,
    device_preset_name,
)
from experiments.command_line.running import (
    EXIT_INTERRUPTED,
    EXIT_PIPE_CLOSED,
    EXIT_USER_ERROR,
    program,
    recorded_program,
    run,
)
from experiments.command_line.shared_flags import (
    define_dump_flag,
    define_engine_flag,
    define_goal_timeout_flag,
    define_goals_flag,
    define_port_flag,
    define_renderer_flag,
    define_training_flags,
    define_trial_seed_flag,
)

__all__ = [
    "CONFIGS",
    "EXIT_INTERRUPTED",
    "EXIT_PIPE_CLOSED",
    "EXIT_USER_ERROR",
    "Schema",
    "config_name",
    "define_dump_flag",
    "define_engine_flag",
    "define_goal_timeout_flag",
    "define_goals_flag",
    "define_port_flag",
    "define_renderer_flag",
    "define_training_flags",
    "define_trial_seed_flag",
    "device_overrides",
    "device_preset",
    "device_preset_name",
    "load_config_file",
    "parse",
    "program",
    "recorded_program",
    "refuse_overrides",
    "run",
]
