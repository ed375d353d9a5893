"""Draws the learning curves of several runs in one picture, and prints what each came to.

    python -m experiments.compare [NAME=]DIR [NAME=]DIR ... --out=FILE.png

DIR is a work directory, or a study's, which stands for all of its runs. Runs without a NAME whose
configurations differ in nothing but the seed are one family of one colour, as are runs whose names
end in #2, #3, ... and the one before them. Of studies' runs the trials that all have played are
compared, too, and FILE_goals.png shows them.
"""

import json
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from dactyl_jax.errors import UserError
from experiments import cli, files
from experiments.workdir import WorkDirectory

_NAME = r"[\w. +-]*[\w.+-](#\d+)?"


def define_flags(values: flags.FlagValues) -> None:
    """This program's own flags."""
    flags.DEFINE_multi_string(
        "run", [], "[NAME=]DIR; the same as DIR without the flag", flag_values=values
    )
    flags.DEFINE_string("out", None, "the PNG file to draw to", flag_values=values)
    flags.DEFINE_string("title", "Learning curves", "of the picture", flag_values=values)
    flags.DEFINE_enum(
        "x",
        "wall",
        ["wall", "steps"],
        "along minutes on the clock, or control steps",
        flag_values=values,
    )


def base_config(values: flags.FlagValues) -> ConfigDict:
    """The defaults, which stay: each run has its own configuration. Checks the flags first."""
    if not values.run:
        raise UserError("no run is named: write experiments.compare [NAME=]DIR [NAME=]DIR ...")
    if values.out is not None and not values.out.endswith(".png"):
        raise UserError(f"--out: {values.out!r} must end in .png")
    return config_lib.default()


def run(values: flags.FlagValues, config: ConfigDict, command: str) -> None:
    """Draws and prints."""
    cli.refuse_overrides(values, config, config_lib.default())
    target = files.check_output("out", values.out) if values.out else None
    named = _named(values.run)
    for name, workdir, _ in named:
        if not workdir.read_metrics():
            raise UserError(f"{name}: {str(workdir.path)!r} has no iteration yet; leave it out")
    if values.x == "steps" and len({theirs.env.control_dt for _, _, theirs in named}) > 1:
        raise UserError("--x=steps: the runs differ in config.env.control_dt; take --x=wall")
    from dactyl_jax import evaluation

    record = _record(named, values.title, command, values.x)
    print(evaluation.study_markdown(record))
    if target is not None:
        pictures = evaluation.study_pictures(record)
        pictures[f"_{values.x}"](target)
        print(f"Picture: {target}")
        if record["tests"]:
            goals = target.with_stem(f"{target.stem}_goals")
            pictures[""](goals)
            print(f"Picture: {goals}")


def _record(
    named: Sequence[tuple[str, WorkDirectory, ConfigDict]], title: str, command: str, x: str
) -> dict[str, Any]:
    """The runs as a study's record, its variants being their families."""
    from experiments import study

    measured = {name: study.evaluations(workdir.path) for name, workdir, _ in named}
    everywhere = set.intersection(*(set(found) for found in measured.values()))
    first = measured[named[0][0]]
    alike = [
        test
        for test in first
        if test in everywhere and len({_played(found[test]) for found in measured.values()}) == 1
    ]
    variants: dict[str, dict[str, Any]] = {}
    for name, workdir, _ in named:
        family = name.partition("#")[0]
        evaluations = {test: measured[name][test] for test in alike}
        variants.setdefault(family, {"label": family, "runs": []})["runs"].append(
            study.describe(name, workdir.path, evaluations)
        )
    reference, *others = variants
    return study.assemble(
        name="compare",
        title=title,
        command=command,
        engine=named[0][2].engine,
        trials=first[alike[0]]["trials"] if alike else 0,
        tests={
            test: {
                "label": test,
                "goals": first[test]["goal_distribution"],
                "goal_timeout_s": first[test]["goal_timeout_s"],
            }
            for test in alike
        },
        variants=variants,
        pairs=[(other, reference) for other in others],
        x=[x],
    )


def _played(result: dict[str, Any]) -> tuple[Any, ...]:
    """What must be equal for two results to be of the same kind of trials."""
    from experiments import scoring

    return tuple(result[name] for name in scoring.KIND)


def _named(items: Sequence[str]) -> list[tuple[str, WorkDirectory, ConfigDict]]:
    """Name, folder and configuration of every run."""
    result: list[tuple[str, WorkDirectory, ConfigDict]] = []
    families: dict[str, list[str]] = {}  # names by what the members have in common
    for name, folder in _folders(items):
        workdir = WorkDirectory(folder)
        try:
            config = workdir.load_config()
        except ValueError as error:
            raise UserError(str(error).removeprefix("--workdir: ")) from None
        if name is None:
            fields = dict(config_lib.leaves(config))
            seed = fields.pop("seed")
            own = {k: v for k, v in fields.items() if not k.startswith("run.")}
            family = families.setdefault(json.dumps(own), [])
            first = family[0] if family else workdir.path.name.removesuffix(f"-{seed}")
            name = first + (f"#{len(family) + 1}" if family else "")
            family.append(name)
        if name in (known for known, _, _ in result):
            raise UserError(f"{name!r} is named twice; give each its own name, NAME=DIR")
        result.append((name, workdir, config))
    return result


def _folders(items: Sequence[str]) -> Iterator[tuple[str | None, str]]:
    """Names, where they are given, and work directories; those of a study one by one."""
    for item in items:
        name, equals, folder = item.rpartition("=")
        if equals and not (folder and re.fullmatch(_NAME, name)):
            raise UserError(f"{item!r} is not NAME=DIR or DIR")
        inside = Path(folder) / "runs"
        if not equals and inside.is_dir():
            yield from ((None, str(each)) for each in sorted(inside.iterdir()))
        else:
            yield name or None, folder


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; see `cli.run`."""
    arguments = sys.argv[1:] if argv is None else argv
    command = shlex.join(["python", "-m", "experiments.compare", *arguments])

    def program(values: flags.FlagValues, config: ConfigDict) -> None:
        run(values, config, command)

    return cli.run(
        program,
        summary=__doc__ or "",
        define_flags=define_flags,
        base_config=base_config,
        argv=[each if each.startswith("-") else f"--run={each}" for each in arguments],
    )


if __name__ == "__main__":
    sys.exit(main())
