"""Which module imports which, read from the source: import circles, and floors that look down.

A floor is a group of rooms, a room a package or a single module. A module may import from its own
room and from floors below, neither from floors above nor from another room of its own floor.
Imports inside functions and under `TYPE_CHECKING` count as all others do.
"""

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

Graph = Mapping[str, Collection[str]]
"""The modules that each module imports, by name."""
Floors = Sequence[Sequence[str]]
"""Names of rooms, floor by floor, the lowest first."""


class Import(NamedTuple):
    """An import statement's share in a module.

    Attributes:
        name: of what is imported, in full: a module where one is known, else as it is written.
        line: where it stands.
        late: whether it stands inside a function.
    """

    name: str
    line: int
    late: bool


def modules(root: Path, package: str) -> dict[str, Path]:
    """The files of a package below `root`, by module name; a package's own name is its __init__."""
    found = {}
    for file in sorted((root / package).rglob("*.py")):
        parts = file.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imports(module: str, file: Path, known: Collection[str]) -> list[Import]:
    """What a module imports, wherever in its source.

    That a module's packages are imported with it is left out, as Python does that first.

    Args:
        module: its name.
        file: its source.
        known: names of modules; `from a import b` imports a.b where that is one of them, else a.
    """
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
    return [
        Import(name, node.lineno, late)
        for node, late in _walk(tree, late=False)
        for name in _names(node, package, known)
    ]


def graph(files: Mapping[str, Path]) -> dict[str, set[str]]:
    """The imports among modules, given their files by name."""
    return {
        name: {found.name for found in imports(name, file, files)} & files.keys()
        for name, file in files.items()
    }


def circles(edges: Graph) -> list[list[str]]:
    """The groups of modules that import one another, each sorted, by Tarjan's algorithm (1972)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(module: str) -> None:
        order[module] = low[module] = len(order)
        stack.append(module)
        for other in sorted(edges.get(module, ())):
            if other not in order:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], order[other])
        if low[module] == order[module]:
            at = stack.index(module)
            group = sorted(stack[at:])
            del stack[at:]
            if len(group) > 1 or module in edges.get(module, ()):
                found.append(group)

    for module in sorted(edges):
        if module not in order:
            visit(module)
    return found


def upward(edges: Graph, floors: Floors) -> list[str]:
    """Imports that do not look down, and modules without a room, a line each."""
    height = {room: number for number, rooms in enumerate(floors) for room in rooms}
    wrong = []
    for module in sorted(edges):
        room = room_of(module, height)
        if room is None:
            wrong.append(f"{module} is in no room")
            continue
        for other in sorted(edges[module]):
            there = room_of(other, height)
            if there not in (None, room) and height[there] >= height[room]:
                wrong.append(f"{module} imports {other}")
    return wrong


def room_of(module: str, rooms: Iterable[str]) -> str | None:
    """The innermost of the rooms that a module is in; None if it is in none of them."""
    around = [room for room in rooms if f"{module}.".startswith(f"{room}.")]
    return max(around, key=len, default=None)


def late(files: Mapping[str, Path]) -> set[str]:
    """The modules that import inside a function."""
    return {name for name, file in files.items() if any(i.late for i in imports(name, file, files))}


def importers(files: Mapping[str, Path], *packages: str) -> set[str]:
    """The modules that import from some packages, which may be others' ones."""
    return {
        name
        for name, file in files.items()
        if any(i.name.split(".")[0] in packages for i in imports(name, file, files))
    }


def crowded(files: Iterable[Path], most: int) -> list[str]:
    """Folders with more than so many files side by side, __init__.py left out."""
    folders = [file.parent for file in files if file.name != "__init__.py"]
    return sorted(f"{folder}" for folder in set(folders) if folders.count(folder) > most)


def long(files: Iterable[Path], most: int) -> list[str]:
    """Files of more than so many lines."""
    return [
        f"{file}" for file in files if len(file.read_text(encoding="utf-8").splitlines()) > most
    ]


def _walk(node: ast.AST, late: bool) -> Iterator[tuple[ast.AST, bool]]:
    """All nodes, each with whether it stands inside a function."""
    yield node, late
    late = late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, late)


def _names(node: ast.AST, package: str, known: Collection[str]) -> list[str]:
    """What a node imports; also a call such as `import_module("a.b")` of a known module."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        parts = package.split(".")
        above = parts[: len(parts) - node.level + 1] if node.level else []
        source = ".".join([*above, *([node.module] if node.module else [])])
        within = [f"{source}.{alias.name}" for alias in node.names]
        return [name if name in known else source for name in within]
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if called in ("import_module", "__import__") and node.args[0].value in known:
            return [str(node.args[0].value)]
    return []
