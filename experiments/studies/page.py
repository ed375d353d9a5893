"""The page docs/results.md, and the records that its tables are made from."""

import json
import re
from pathlib import Path
from typing import Any

from dactyl_jax import evaluation
from dactyl_jax.errors import UserError
from experiments.base import files
from experiments.evaluation import scoring


def rebuild(docs: Path, folders: list[str]) -> None:
    """Takes over the records of folders, draws the pictures and fills the page.

    Args:
        docs: the folder of results.md.
        folders: of studies and the like, see `take_over`.

    Raises:
        UserError: there is no page, no record, or no place on the page for one.
    """
    page = docs / "results.md"
    if not page.is_file():
        raise UserError(f"--docs: there is no {str(page)!r}; name the folder that holds it")
    for folder in folders:
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
