"""The commands in README.md, WORKSPACE.md and docs/."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FILES = [
    *(ROOT / "README.md", ROOT / "WORKSPACE.md"),
    *sorted(file for file in ROOT.glob("docs/**/*.md") if file.parent.name != "api"),
]

_PROGRAM = re.compile(r"(?:\S*/)?python3? -m ((?:experiments|hardware)\.\w+)(?= |$)")
_BLOCK = re.compile(r"(?<=\n\n)((?: {4}[^\n]*\n+)+)|^```\w*\n(.*?)^```", re.M | re.S)
_SPAN = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")


class Command(NamedTuple):
    """One command of a file."""

    file: str
    words: tuple[str, ...]

    @property
    def program(self) -> str | None:
        """The project's module that the command runs, or None."""
        found = _PROGRAM.match(" ".join(self.words))
        return found and found[1]

    @property
    def arguments(self) -> list[str]:
        """The arguments of the program."""
        return list(self.words[3:])


def commands(others: tuple[str, ...]) -> Iterator[Command]:
    """Yields all commands in code blocks, and those in backticks that begin with `python -m`.

    Args:
        others: prefixes of code blocks that hold something else.
    """
    for file in FILES:
        for block in _BLOCK.finditer("\n" + file.read_text(encoding="utf-8")):
            text = block[1] or block[2]
            if not text.lstrip().startswith(others):
                yield from (Command(file.name, words) for words in _statements(text))
    for file, span in code_spans():
        if span.startswith("python -m "):
            yield from (Command(file, words) for words in _statements(span))


def mentioned_flags() -> Iterator[tuple[str, str | None, str]]:
    """Yields flags in backticks outside whole commands: file, program if named, flag."""
    for file, span in code_spans():
        program = re.match(r"((?:experiments|hardware)\.\w+)(?= |$)", span)
        if not span.startswith("python -m "):
            for flag in re.findall(r"(?:^|(?<=[ \[]))--([\w.]+)", span):
                yield file, program and program[1], flag


def code_spans() -> Iterator[tuple[str, str]]:
    """Yields the text of each code span, with the name of its file."""
    for file in FILES:
        text = _BLOCK.sub("\n", "\n" + file.read_text(encoding="utf-8"))
        for span in _SPAN.findall(text):
            yield file.name, span.replace("\n", " ").replace("\\|", "|")


def _statements(text: str) -> Iterator[tuple[str, ...]]:
    """Yields the commands of a shell snippet, without comments and `taskset` prefixes."""
    text = re.sub(r"\\\n", " ", text)
    for line in text.splitlines():
        lexer = shlex.shlex(_optional(line), posix=True, punctuation_chars="&;<>")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, "&"]:
            if word not in ("&", "&&", ";"):
                words.append(word)
                continue
            if words[:2] == ["taskset", "-c"]:
                words = words[3:]
            if words:
                yield tuple(words)
            words = []


def _optional(line: str) -> str:
    """Expands bracketed optional arguments and removes ellipses."""
    line = re.sub(r"\[(--[^\[\]]*(?:\[[^\[\]]*\])?[^\[\]]*)\]", r"\1", line)
    return re.sub(r"(?<= )\.\.\.(?= |$)", "", line)
