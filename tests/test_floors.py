"""Import layers: no circular imports, no upward imports, no late imports except where needed."""

from pathlib import Path

import pytest

from tests import floors
from tests.conftest import COMPILING

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


TRAINING_FLOORS = (
    ["dactyl_jax.errors", "dactyl_jax.cpus"],
    ["dactyl_jax.cache", "dactyl_jax.devices", "dactyl_jax.fields"],
    ["dactyl_jax.hand"],
    ["dactyl_jax.physics"],
    ["dactyl_jax.rendering", "dactyl_jax.randomization"],
    ["dactyl_jax.envs"],
    ["dactyl_jax.config"],
    ["dactyl_jax.learning"],
    ["dactyl_jax.vision"],
    ["dactyl_jax.pretrained"],
    ["dactyl_jax.evaluation"],
    ["dactyl_jax.registry", "dactyl_jax.viewer"],
    ["dactyl_jax.adapters"],
)


@pytest.fixture(scope="module")
def training() -> dict[str, Path]:
    files = floors.modules(ROOT, "dactyl_jax")
    del files["dactyl_jax"]  # it re-exports names lazily
    return files


def test_the_training_s_floors_look_down(training):
    edges = floors.graph(training)
    assert floors.circles(edges) == []
    assert floors.upward(edges, TRAINING_FLOORS) == []
    assert {room for rooms in TRAINING_FLOORS for room in rooms} <= training.keys()


def test_the_training_imports_late_what_is_slow_and_not_always_needed(training):
    """MJX and Warp, which the native engine does not need, and OpenCV, an extra."""
    assert floors.late(training) == {
        "dactyl_jax.evaluation.recording",
        "dactyl_jax.physics.engine",
        "dactyl_jax.physics.mjx",
        "dactyl_jax.physics.raw",
        "dactyl_jax.rendering.processes",
        "dactyl_jax.vision.calibration",
    }


def test_the_training_s_files_are_short(training):
    assert floors.long(training.values(), most=399) == []


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
    """A package `p` with modules by name."""

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


def test_the_modules_that_compile_are_there():
    missing = [name for name in COMPILING if not (ROOT / "tests" / name).is_file()]
    assert missing == []
