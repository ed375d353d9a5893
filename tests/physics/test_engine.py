"""Engine selection: the default per device, and one-line errors."""

import importlib.util

import jax
import pytest

from dactyl_jax import physics


def test_auto_is_native_on_a_cpu(untouched_model, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    assert physics.make_engine("auto", untouched_model).name == "native"


@pytest.mark.parametrize("name", physics.ENGINES)
def test_engines_carry_their_names(untouched_engine, name):
    assert untouched_engine(name).name == name


def test_auto_follows_the_device(untouched_model, monkeypatch):
    for platform, name in (("gpu", "mjx-warp"), ("tpu", "mjx-jax")):
        with monkeypatch.context() as patch:
            patch.setattr(jax, "default_backend", lambda platform=platform: platform)
            assert physics.make_engine("auto", untouched_model).name == name


def test_an_unknown_engine_is_refused(untouched_model):
    with pytest.raises(ValueError, match="engine: must be auto, native, mjx-jax, mjx-warp"):
        physics.make_engine("bullet", untouched_model)


def test_warp_on_a_tpu_is_refused(untouched_model, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "tpu")
    with pytest.raises(ValueError, match="engine: mjx-warp runs on CUDA devices and CPUs"):
        physics.make_engine("mjx-warp", untouched_model)


def test_warp_without_its_package_is_refused(untouched_model, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "warp" else find(name, *a)
    )
    with pytest.raises(ValueError, match="engine: mjx-warp needs the package warp-lang"):
        physics.make_engine("mjx-warp", untouched_model)
