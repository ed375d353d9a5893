"""Rebuilds the tables of docs/results.md, and studies' pictures, from the records in docs/results.

`--add=DIR,DIR` first takes over the records and pictures of studies' work directories, of the
folder of experiments.grasps or experiments.sensitivity, or of one with the --json files of
experiments.evaluate that differ in what tells the object's pose. Between the lines
`<!-- NAME -->` and `<!-- /NAME -->` the page holds what the record NAME.json says, and nothing else
is touched.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from dactyl_jax.errors import UserError
from experiments import cli, files

_DOCS = Path(__file__).parents[1] / "docs"


def define_flags(values: flags.FlagValues) -> None:
    """This program's own flags."""
    flags.DEFINE_list(
        "add", [], "folders whose records and pictures are taken over", flag_values=values
    )
    flags.DEFINE_string("docs", str(_DOCS), "the folder of results.md", flag_values=values)


def base_config(values: flags.FlagValues) -> ConfigDict:
    """The defaults, which stay."""
    del values
    return config_lib.default()


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Takes over, draws and writes."""
    cli.refuse_overrides(values, config, config_lib.default())
    docs = Path(values.docs)
    page = docs / "results.md"
    if not page.is_file():
        raise UserError(f"--docs: there is no {str(page)!r}; name the folder that holds it")
    from dactyl_jax import evaluation

    for folder in values.add:
        take_over(Path(folder), docs)
    text = page.read_text(encoding="utf-8")
    for file in sorted((docs / "results").glob("*.json")):
        record = json.loads(file.read_text(encoding="utf-8"))
        text = fill(text, file.stem, content(record))
        if "variants" in record:
            for ending, draw in evaluation.study_pictures(record).items():
                draw(docs / "figures" / f"{file.stem}{ending}.png")
        print(f"{file.stem}: {record['date']}, commit {(record['commit'] or 'unknown')[:7]}")
    files.write_text(page, text)


def content(record: dict[str, Any]) -> str:
    """What the page says of a record, and shows."""
    from dactyl_jax import evaluation

    if "variants" in record:
        tables, endings = evaluation.study_sections(record), [*evaluation.study_pictures(record)]
    elif "results" in record:
        return evaluation.told_markdown(record)
    elif "conditions" in record:
        tables, endings = evaluation.sensitivity.markdown(record), [""]
    else:
        tables, endings = evaluation.grasps.markdown(record), [""]
    name, title = record["study"], record["title"]
    return "\n\n".join([tables, *(f"![{title}](figures/{name}{end}.png)" for end in endings)])


def take_over(workdir: Path, docs: Path) -> None:
    """Copies the records in a study's work directory, and the pictures beside them.

    Raises:
        UserError: there is none.
    """
    records = {
        file.stem: json.loads(file.read_text(encoding="utf-8"))
        for file in sorted(workdir.glob("*.json"))
    }
    if not records:
        raise UserError(f"--add: {str(workdir)!r} holds no record of a study; run one there first")
    if all("pose" in record for record in records.values()):
        name = workdir.resolve().name
        records = {name: _told(name, [*records.values()])}
    for name, record in records.items():
        # Lists of numbers on one line: records are kept with the source.
        text = json.dumps(record, allow_nan=False, separators=(",", ":"))
        target = docs / "results" / f"{name}.json"
        files.write_text(target, text.replace('{"name"', '\n{"name"') + "\n")
        for picture in workdir.glob(f"{name}*.png"):
            files.write_bytes(docs / "figures" / picture.name, picture.read_bytes())


def _told(name: str, results: list[dict[str, Any]]) -> dict[str, Any]:
    """The record of trials that were told the pose in several ways: by the sensors first, what
    comes at once before what is late.

    Raises:
        UserError: they are not all of the same trials, source and machine.
    """
    from experiments import scoring

    same = (*scoring.KIND, "agent", "checkpoint_step", "engine", "greedy", "commit", "machine")
    for field in same:
        if len(values := {result[field] for result in results}) > 1:
            raise UserError(f"--add: the results differ in {field}: {sorted(map(str, values))}")
    order = ("pose", "renderer", "pose_latency")
    results = sorted(results, key=lambda result: [result.get(field, "") for field in order])
    first = results[0]
    made = {field: first[field] for field in ("commit", "date", "machine")}
    return {"study": name, **made, "results": results}


def fill(text: str, name: str, content: str) -> str:
    """A page with the content between the marks of a name replaced.

    Raises:
        UserError: it has no such marks.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    pattern = re.compile(f"{re.escape(begin)}\n.*?{re.escape(end)}", re.DOTALL)
    filled, count = pattern.subn(lambda _: f"{begin}\n\n{content}\n\n{end}", text)
    if count != 1:
        raise UserError(f"results.md must hold the lines {begin!r} and {end!r} once")
    return filled


main = cli.program(run, __doc__, define_flags, base_config)


if __name__ == "__main__":
    sys.exit(main())
