"""A bundle for tests on any machine: Python 3.8, numpy and onnxruntime are enough."""

import json
from pathlib import Path

import pytest

from hardware import bundle

FOLDER = Path(__file__).parent / "bundle"


@pytest.fixture(scope="session")
def folder():
    """The folder of a small random policy's bundle with eyes, made by make_bundle.py."""
    return FOLDER


@pytest.fixture(scope="session")
def blind(tmp_path_factory):
    """The same without eyes."""
    files = {name: (FOLDER / name).read_bytes() for name in bundle.FILES}
    contract = json.loads(files["bundle.json"].decode())
    del contract["vision"]
    files["bundle.json"] = json.dumps(contract).encode()
    target = tmp_path_factory.mktemp("blind") / "bundle"
    bundle.write(target, files)
    return target


@pytest.fixture
def contents():
    """That bundle, read."""
    return bundle.load(str(FOLDER))
