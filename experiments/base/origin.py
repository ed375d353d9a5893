"""Where a run came from: its command, the source it ran from, the day and the machine."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

from experiments.base import machine

_SOURCE = Path(__file__).parents[2]
UNKNOWN = dict.fromkeys(("command", "commit", "date", "machine"))  # of a run that left none


def describe(command: str) -> dict[str, str | None]:
    """What `origin.json` holds of a run that starts now.

    Args:
        command: quoted for a shell.
    """
    return {"command": command, **here()}


def here() -> dict[str, str | None]:
    """The source that this program runs from, the day, and the machine."""
    return {
        "commit": commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine.device(),
    }


def commit(source: Path = _SOURCE) -> str | None:
    """The git commit of a source tree, `+changes` after it where tracked files differ from it.

    Returns:
        None for a folder that is not the root of a git checkout, such as an installed package's.
    """
    if not (source / ".git").exists():
        return None
    describe = ("describe", "--always", "--exclude=*", "--abbrev=40", "--dirty=+changes")
    try:
        git = subprocess.run(
            ["git", "-C", source, *describe], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):  # no git, or a tree that it refuses to read
        return None
    return git.stdout.strip()
