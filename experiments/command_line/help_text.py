"""The text that `--help` prints."""

from collections.abc import Callable

from absl import flags

from dactyl_jax import config as config_lib
from experiments.command_line.config_files import Schema
from experiments.command_line.parsing import own_flags

REQUESTS = ("-h", "-help", "--help", "-helpfull", "--helpfull", "-helpshort", "--helpshort")


def text(
    name: str,
    summary: str,
    define_flags: Callable[[flags.FlagValues], None],
    schema: Schema,
) -> str:
    """Formats a program's summary, its flags and the fields of its configuration."""
    values = own_flags(define_flags)
    lines = [f"python -m experiments.{name}: {summary.strip()}", "", "flags:"]
    for flag in sorted(values):
        entry = values[flag]
        shown = f"--{flag}" if entry.default is None else f"--{flag}={entry.default}"
        lines.append(f"  {shown:<28} {' '.join((entry.help or '').split())}")
    lines += ["", "configuration fields and their defaults (presets may differ):"]
    lines += [f"  --config.{field}={value}" for field, value in config_lib.leaves(schema.default())]
    return "\n".join(lines)
