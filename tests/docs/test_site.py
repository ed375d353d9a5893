"""The documentation site builds without warnings, and its pages need no internet access."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.commands import ROOT

# Packages documented module by module; other packages are documented by their exported names.
ONE_BY_ONE = ("dactyl_jax/vision", "hardware")


def _build(source: Path, target: Path) -> subprocess.CompletedProcess:
    flags = ["-q", "-W", "--keep-going", "-c", str(ROOT / "docs")]
    command = [sys.executable, "-m", "sphinx", *flags, str(source), str(target)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_all_of_the_api_is_there():
    pages = "".join(page.read_text(encoding="utf-8") for page in ROOT.glob("docs/api/*.md"))
    documented = re.findall(r"automodule:: ([\w.]+)", pages)
    packages = {f"dactyl_jax.{file.parent.name}" for file in ROOT.glob("dactyl_jax/*/__init__.py")}
    modules = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for folder in ONE_BY_ONE
        for file in (ROOT / folder).rglob("*.py")
        if file.stem != "__init__"
    }
    assert len(documented) == len(set(documented))
    assert set(documented) == packages - {"dactyl_jax.vision"} | modules | {"dactyl_jax.config"}


@pytest.mark.slow
def test_the_site_builds_and_loads_nothing_from_elsewhere(tmp_path):
    done = _build(ROOT, tmp_path)
    assert done.returncode == 0, done.stderr
    pages = {page: page.read_text(encoding="utf-8") for page in tmp_path.rglob("*.html")}
    assert {"index.html", "README.html", "WORKSPACE.html"} <= {page.name for page in pages}
    loaded = re.compile(r"<(?:script|link|img|source)\b[^>]*?(?:src|href)=\"((?:https?:)?//[^\"]+)")
    styles = "".join(file.read_text(encoding="utf-8") for file in tmp_path.rglob("*.css"))
    assert not [address for text in pages.values() for address in loaded.findall(text)]
    assert not re.findall(r"url\([\"']?(?:https?:)?//|@import", styles)


def test_a_broken_link_fails(tmp_path):
    (tmp_path / "README.md").write_text("# A page\n\n[another](docs/nowhere.md)\n")
    done = _build(tmp_path, tmp_path / "site")
    assert done.returncode == 1
    assert "docs/nowhere.md" in done.stderr and "xref_missing" in done.stderr
