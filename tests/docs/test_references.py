"""References in README.md, WORKSPACE.md and docs/: figures have a source, and commits exist."""

import re
import subprocess

import pytest

from tests.docs.commands import FILES, ROOT, code_spans


def test_every_picture_has_what_makes_it():
    """A command names it, or a record of docs/results makes it."""
    pictures = r"!\[[^\]]*\]\(([^)]+)\)"
    told = re.sub(pictures, "", "".join(file.read_text(encoding="utf-8") for file in FILES))
    records = tuple(file.stem for file in ROOT.glob("docs/results/*.json"))
    shown = 0
    for file in FILES:
        for picture in re.findall(pictures, file.read_text(encoding="utf-8")):
            path = file.parent / picture
            assert path.is_file(), f"{file.name}: {picture}"
            made = path.name in told or path.name.startswith(records)
            assert made, f"{file.name}: what makes {picture}?"
            shown += 1
    assert shown > 5


def test_commits_that_are_quoted_exist():
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(ROOT), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    if git("rev-parse", "--is-shallow-repository") != "false":
        pytest.skip("needs a clone with its history")
    text = "".join(file.read_text(encoding="utf-8") for file in FILES)
    quoted = set(re.findall(r"commit `?([0-9a-f]{7,40})\b", text))
    quoted |= {span for _, span in code_spans() if re.fullmatch(r"[0-9a-f]{7}", span)}
    assert len(quoted) > 5
    assert not [name for name in sorted(quoted) if git("cat-file", "-t", name) != "commit"]
