"""The import graph, read from the source: circular imports and layers ("floors").

A floor is a group of packages or single modules ("rooms"). A module may import from its own room
and from lower floors, but not from higher floors or from other rooms on its floor. Imports inside
functions and under `TYPE_CHECKING` count like any other.
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
    """One imported name.

    Attributes:
        name: full name: a module if known, else as written.
        line: line of the import.
        late: whether it is inside a function.
    """

    name: str
    line: int
    late: bool


def modules(root: Path, package: str) -> dict[str, Path]:
    """Returns the files of a package below `root` by module name; __init__ is the package."""
    found = {}
    for file in sorted((root / package).rglob("*.py")):
        parts = file.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imports(module: str, file: Path, known: Collection[str]) -> list[Import]:
    """Returns a module's imports, anywhere in its source.

    The implicit imports of its parent packages are omitted.

    Args:
        module: name of the module.
        file: its source.
        known: module names; `from a import b` imports a.b if it is a module, else a.
    """
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
    return [
        Import(name, node.lineno, late)
        for node, late in _walk(tree, late=False)
        for name in _names(node, package, known)
    ]


def graph(files: Mapping[str, Path]) -> dict[str, set[str]]:
    """Returns the imports among modules, given their files by name."""
    return {
        name: {found.name for found in imports(name, file, files)} & files.keys()
        for name, file in files.items()
    }


def circles(edges: Graph) -> list[list[str]]:
    """Returns groups of circular imports, each sorted, by Tarjan's algorithm (1972)."""
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
    """Returns one line per import that violates the layers, or per module without a room."""
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
    """Returns the innermost room of a module, or None."""
    around = [room for room in rooms if f"{module}.".startswith(f"{room}.")]
    return max(around, key=len, default=None)


def late(files: Mapping[str, Path]) -> set[str]:
    """Returns the modules that import inside functions."""
    return {name for name, file in files.items() if any(i.late for i in imports(name, file, files))}


def importers(files: Mapping[str, Path], *packages: str) -> set[str]:
    """Returns the modules that import from the given packages, including third-party ones."""
    return {
        name
        for name, file in files.items()
        if any(i.name.split(".")[0] in packages for i in imports(name, file, files))
    }


def crowded(files: Iterable[Path], most: int) -> list[str]:
    """Returns folders with more files than the limit, not counting __init__.py."""
    folders = [file.parent for file in files if file.name != "__init__.py"]
    return sorted(f"{folder}" for folder in set(folders) if folders.count(folder) > most)


def long(files: Iterable[Path], most: int) -> list[str]:
    """Returns files with more lines than the limit."""
    return [
        f"{file}" for file in files if len(file.read_text(encoding="utf-8").splitlines()) > most
    ]


def _walk(node: ast.AST, late: bool) -> Iterator[tuple[ast.AST, bool]]:
    """Yields all nodes, and whether each is inside a function."""
    yield node, late
    late = late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, late)


def _names(node: ast.AST, package: str, known: Collection[str]) -> list[str]:
    """Yields the names that a node imports, including `import_module("a.b")` of known modules."""
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
