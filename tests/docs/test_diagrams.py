"""The committed diagrams are those that the script draws."""

import runpy
from xml.etree import ElementTree

import pytest

from tests.docs.commands import ROOT


@pytest.mark.parametrize("name", ["pipeline", "control_step"])
def test_diagrams_are_drawn_by_the_script(name, tmp_path):
    script = runpy.run_path(str(ROOT / "docs/diagrams.py"))
    script["main"].__globals__["FIGURES"] = tmp_path
    script["main"]()
    drawn = (tmp_path / f"{name}.svg").read_text(encoding="utf-8")
    assert (ROOT / f"docs/figures/{name}.svg").read_text(encoding="utf-8") == drawn
    ElementTree.fromstring(drawn)
