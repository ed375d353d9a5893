"""The page docs/results.md, and the records from which its tables are made."""

import json
import re
from pathlib import Path
from typing import Any

from dactyl_jax import evaluation
from dactyl_jax.errors import UserError
from experiments.base import files
from experiments.evaluation import scoring


def rebuild(docs: Path, folders: list[str]) -> None:
    """Copies records from folders, draws the figures and updates the page.

    Args:
        docs: folder of results.md.
        folders: folders with records, see `take_over`.

    Raises:
        UserError: the page, a record, or the record's place on the page is missing.
    """
    page = docs / "results.md"
    if not page.is_file():
        raise UserError(f"--docs: {str(page)!r} does not exist; name the folder of results.md")
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
    """Returns a record's section of the page: tables and figures."""
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
    """Copies the records in a study's work directory, and the figures beside them.

    Raises:
        UserError: the directory has no record.
    """
    records = {
        file.stem: json.loads(file.read_text(encoding="utf-8"))
        for file in sorted(workdir.glob("*.json"))
    }
    if not records:
        raise UserError(
            f"--add: {str(workdir)!r} holds no record of a study; run the study there first"
        )
    if all("pose" in record for record in records.values()):
        name = workdir.resolve().name
        records = {name: _told(name, [*records.values()])}
    for name, record in records.items():
        # Compact JSON, because records are committed to the repository.
        text = json.dumps(record, allow_nan=False, separators=(",", ":"))
        target = docs / "results" / f"{name}.json"
        files.write_text(target, text.replace('{"name"', '\n{"name"') + "\n")
        for picture in workdir.glob(f"{name}*.png"):
            files.write_bytes(docs / "figures" / picture.name, picture.read_bytes())


def _told(name: str, results: list[dict[str, Any]]) -> dict[str, Any]:
    """Combines results that differ in the pose source into one record.

    The simulator's sensors come first, and lower latency before higher.

    Raises:
        UserError: the results differ in trials, source or machine.
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
    """Replaces the content between the marks of a name.

    Raises:
        UserError: the page does not have these marks exactly once.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    pattern = re.compile(f"{re.escape(begin)}\n.*?{re.escape(end)}", re.DOTALL)
    filled, count = pattern.subn(lambda _: f"{begin}\n\n{content}\n\n{end}", text)
    if count != 1:
        raise UserError(f"results.md must contain the lines {begin!r} and {end!r} exactly once")
    return filled
