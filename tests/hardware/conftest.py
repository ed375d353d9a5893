"""Bundles for tests on any machine with Python 3.8, numpy and onnxruntime."""

import json
from pathlib import Path

import pytest

from hardware.bundle import store

FOLDER = Path(__file__).parent / "bundle"


@pytest.fixture(scope="session")
def folder():
    """Folder of a small random policy's bundle with vision, made by make_bundle.py."""
    return FOLDER


@pytest.fixture(scope="session")
def blind(tmp_path_factory):
    """Folder of the same bundle without vision."""
    target = tmp_path_factory.mktemp("blind") / "bundle"
    write_changed(FOLDER, target, lambda contract: contract.pop("vision"))
    return target


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Folder of a packaged policy's bundle, exported on the training machine."""
    pytest.importorskip("jax2onnx")
    from dactyl_jax import pretrained
    from experiments.export import bundle

    if not (pretrained.folder("unrandomised") / "metrics.json").is_file():
        pytest.skip("the package has no such policy yet")
    target = tmp_path_factory.mktemp("trained") / "bundle"
    bundle.export("pretrained:unrandomised", target)
    return target


def write_changed(folder, target, change):
    """Writes a bundle without vision: the files of a folder with a changed contract."""
    files = {name: (folder / name).read_bytes() for name in store.FILES}
    contract = json.loads(files["bundle.json"].decode())
    change(contract)
    files["bundle.json"] = json.dumps(contract).encode()
    store.write(target, files)


@pytest.fixture
def contents():
    """The bundle with vision, loaded."""
    return store.load(str(FOLDER))
