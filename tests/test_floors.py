"""Imports look down: no circle, no import from a floor above, none inside a function but where it
must be."""

from pathlib import Path

import pytest

from tests import floors

ROOT = Path(__file__).parents[1]
TRAINING = ("dactyl_jax", "experiments", "jax", "flax")
PROGRAMS = [
    f"hardware.{name}"
    for name in ("calibrate", "export", "replay", "run_trials", "simulated_hand", "verify")
]
HARDWARE = (
    ["hardware.base"],
    ["hardware.bundle"],
    ["hardware.policy", "hardware.sight", "hardware.safety"],
    ["hardware.robots"],
    ["hardware.trials"],
    ["hardware.simulation"],
    ["hardware.calibration"],
    PROGRAMS,
)


@pytest.fixture(scope="module")
def hardware() -> dict[str, Path]:
    files = floors.modules(ROOT, "hardware")
    del files["hardware"]  # a docstring
    return files


def test_hardware_s_floors_look_down(hardware):
    edges = floors.graph(hardware)
    assert floors.circles(edges) == []
    assert floors.upward(edges, HARDWARE) == []
    assert {room for rooms in HARDWARE for room in rooms} <= hardware.keys()


def test_hardware_s_programs_alone_import_late(hardware):
    assert floors.late(hardware) == {
        "hardware.calibrate",
        "hardware.run_trials",
        "hardware.simulated_hand",
        "hardware.verify",
    }


def test_hardware_s_files_are_few_and_short(hardware):
    assert floors.crowded(hardware.values(), most=13) == []
    assert floors.long(hardware.values(), most=399) == []


def test_hardware_s_rooms_need_no_more_than_they_should(hardware):
    assert floors.importers(hardware, *TRAINING) == {"hardware.export"}
    assert floors.importers(hardware, "rospy", "rosgraph") == {
        *(
            f"hardware.robots.ros.{name}"
            for name in ("client", "conversions", "node", "preflight", "watch")
        ),
        "hardware.simulation.ros_server",
    }
    simulating = floors.importers(hardware, "mujoco")
    assert simulating == {
        *(f"hardware.simulation.{name}" for name in ("cameras", "hand", "models")),
        "hardware.calibration.identification",
    }


def test_the_export_alone_of_the_training_imports_hardware():
    files = floors.modules(ROOT, "dactyl_jax") | floors.modules(ROOT, "experiments")
    importing = floors.importers(files, "hardware")
    assert importing and all(name.startswith("experiments.export.") for name in importing)
    edges = floors.graph(floors.modules(ROOT, "experiments/export"))
    assert floors.circles(edges) == []


class Code:
    """A package `p` of modules by name."""

    def __init__(self, folder: Path, **texts: str):
        self.folder = folder
        for name, text in texts.items():
            file = folder / "p" / f"{name.replace('__', '/')}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        for package in [folder / "p", *(p for p in (folder / "p").iterdir() if p.is_dir())]:
            (package / "__init__.py").touch()
        self.files = floors.modules(folder, "p")


def test_what_is_imported_is_found_wherever_it_stands(tmp_path):
    code = Code(
        tmp_path,
        low="import os.path\nvalue = 1\n",
        room__a="from p import low\nfrom . import b\nfrom ..low import value\n",
        room__b="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p.room.a import x\n",
        room__c="def f():\n    from p.room import a as other\n",
        room__d="class D:\n    def f(self):\n        importlib.import_module('p.low')\n",
    )
    assert floors.graph(code.files) == {
        "p": set(),
        "p.low": set(),
        "p.room": set(),
        "p.room.a": {"p.low", "p.room.b"},
        "p.room.b": {"p.room.a"},
        "p.room.c": {"p.room.a"},
        "p.room.d": {"p.low"},
    }
    assert floors.circles(floors.graph(code.files)) == [["p.room.a", "p.room.b"]]
    assert floors.late(code.files) == {"p.room.c", "p.room.d"}
    assert floors.importers(code.files, "os") == {"p.low"}


def test_circles():
    edges = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": {"e"}, "e": {"d"}, "f": {"f", "a"}}
    assert floors.circles(edges) == [["d", "e"], ["b", "c"], ["f"]]
    assert floors.circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_imports_that_do_not_look_down():
    edges = {
        "p.low": set(),
        "p.left.a": {"p.low", "p.left.b", "p.right"},
        "p.left.b": {"p.top"},
        "p.right": {"elsewhere"},
        "p.top": {"p.left", "p.left.a"},
        "p.topmost": set(),
    }
    rooms = (["p.low"], ["p.left", "p.right"], ["p.top"])
    assert floors.upward(edges, rooms) == [
        "p.left.a imports p.right",
        "p.left.b imports p.top",
        "p.topmost is in no room",
    ]


def test_crowds_and_lengths(tmp_path):
    code = Code(tmp_path, a="\n" * 5, b="", room__a="\n" * 6)
    assert floors.crowded(code.files.values(), most=1) == [f"{tmp_path / 'p'}"]
    assert floors.long(code.files.values(), most=5) == [f"{tmp_path / 'p/room/a.py'}"]
