"""Error messages of `experiments.play`."""

import sys

import pytest

from dactyl_jax.errors import UserError
from experiments import play
from experiments.base import extras


def test_users_errors(tmp_path, capsys):
    assert play.main(["--port=0"]) == 2
    assert play.main([f"--workdir={tmp_path}"]) == 2
    assert play.main([f"--workdir={tmp_path}", "--pretrained"]) == 2
    port, empty, both = capsys.readouterr().err.splitlines()
    assert "port" in port and "65535" in port
    assert "has no config.json" in empty
    assert "each name a policy" in both


def test_without_its_packages(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("dactyl_jax.viewer")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("dactyl_jax.viewer", raising=False)
    monkeypatch.setitem(sys.modules, "viser", None)
    with pytest.raises(UserError, match=r'pip install -e "\.\[viewer\]"'):
        extras.viewer()
