"""Policies survive saving and loading; damaged files are named."""

import dataclasses
import json
import shutil

import jax
import numpy as np
import pytest

from dactyl_jax import config as config_lib
from dactyl_jax import hand, pretrained
from dactyl_jax.learning import Continuation, PolicyAgent, PolicyCheckpoint
from dactyl_jax.learning.networks import Network
from dactyl_jax.learning.normalization import Statistics
from dactyl_jax.pretrained import store, vision_store
from dactyl_jax.vision import config as vision_config

SHIPPED = [name for name in pretrained.NAMES if (store.ROOT / name).exists()]


def checkpoint(memory=True):
    network = Network(
        inputs=3, outputs=22, dense=(5, 4), lstm=6, memory=memory, activation="elu", head_scale=0.01
    )
    rng = np.random.default_rng(0)
    statistics = Statistics(*(np.float32(rng.random(shape)) for shape in ((), (3,), (3,))))
    parameters = network.initial_parameters(jax.random.key(0))
    return PolicyCheckpoint(PolicyAgent(parameters, statistics, network, 2, 11), 7, 1234, 0.9)


def training():
    """Returns a value function of another size, and the rest of the training state."""
    network = Network(
        inputs=7, outputs=1, dense=(5,), lstm=4, memory=False, activation="elu", head_scale=1.0
    )
    rng = np.random.default_rng(1)
    seen, predicted = (
        Statistics(*(np.float32(rng.random(shape)) for shape in ((), features, features)))
        for features in ((7,), ())
    )
    parameters = network.initial_parameters(jax.random.key(1))
    limits = {"friction": 0.5, "backlash": 0.25}
    return Continuation(parameters, network, seen, predicted, np.float32(2e-4), limits)


def keep(folder, kept, continuation=None):
    parameters, description = pretrained.pack(kept, continuation)
    folder.mkdir(exist_ok=True)
    (folder / "parameters.npz").write_bytes(parameters)
    (folder / "metrics.json").write_text(json.dumps(description | {"years": 0.5}))
    (folder / "config.json").write_text(json.dumps(config_lib.default().to_dict()))


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Makes a package with one policy."""
    monkeypatch.setattr(store, "ROOT", tmp_path)
    keep(tmp_path / "policy", checkpoint())
    return tmp_path


@pytest.mark.parametrize("memory", [True, False])
def test_a_policy_is_the_same_after_its_files(memory, root):
    kept = checkpoint(memory)
    keep(root / "policy", kept)
    found = pretrained.policy()
    assert (found.iteration, found.steps, found.goal_distance) == (7, 1234, 0.9)
    assert jax.tree.structure(found.agent) == jax.tree.structure(kept.agent)
    jax.tree.map(np.testing.assert_array_equal, found.agent, kept.agent)


def test_its_training_is_the_same_after_its_files(root):
    kept = training()
    keep(root / "policy", checkpoint(), kept)
    found = pretrained.continuation()
    assert found.network == kept.network and found.limits == kept.limits
    for field in ("parameters", "observation", "target", "learning_rate"):
        ours, theirs = getattr(found, field), getattr(kept, field)
        assert jax.tree.structure(ours) == jax.tree.structure(theirs)
        jax.tree.map(np.testing.assert_array_equal, ours, theirs)
    jax.tree.map(np.testing.assert_array_equal, pretrained.policy().agent, checkpoint().agent)
    _, parameters, _ = pretrained.load()
    assert set(parameters) == {"network", "statistics", "value", "learning_rate", "limits"}


def test_a_policy_published_alone_has_no_training(root):
    assert pretrained.continuation() is None


def test_a_value_function_of_another_network_is_refused(root):
    keep(root / "policy", checkpoint(), training())
    file = root / "policy" / "metrics.json"
    metrics = json.loads(file.read_text())
    metrics["value_network"]["lstm"] = 8
    file.write_text(json.dumps(metrics))
    with pytest.raises(ValueError, match="another network"):
        pretrained.continuation()
    pretrained.policy()


def test_what_is_loaded_is_plain(root):
    config, parameters, metrics = pretrained.load("policy")
    assert config == config_lib.default()
    assert isinstance(config.network.dense, tuple)
    assert metrics["years"] == 0.5
    assert parameters["network"]["dense"][1]["kernel"].shape == (5, 4)
    assert parameters["statistics"]["mean"].shape == (3,)
    for leaf in jax.tree.leaves(parameters):
        assert type(leaf) is np.ndarray and leaf.dtype == np.float32


def test_names_that_are_not_there_are_named(root):
    with pytest.raises(ValueError, match="'best'; it is one of policy, unrandomised"):
        pretrained.load("best")
    with pytest.raises(ValueError, match=r"experiments\.publish --workdir=DIR --name=unrandom"):
        pretrained.policy("unrandomised")


@pytest.mark.parametrize(
    ("file", "content", "named"),
    [
        ("parameters.npz", b"PK", "damaged"),
        ("parameters.npz", None, "damaged"),
        ("config.json", b"{", "damaged"),
        ("config.json", b'{"seed": 1}', "missing"),
        ("metrics.json", b'{"iteration": 1}', "network"),
        ("metrics.json", b"[]", "does not describe"),
    ],
)
def test_damaged_files_are_named_in_one_line(file, content, named, root):
    path = root / "policy" / file
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(ValueError, match=named) as error:
        pretrained.policy()
    assert str(root / "policy") in str(error.value)
    assert "\n" not in str(error.value)


def test_values_that_may_not_be_are_refused(root):
    config = config_lib.default()
    config.num_envs = 0
    (root / "policy" / "config.json").write_text(json.dumps(config.to_dict()))
    with pytest.raises(ValueError, match="num_envs"):
        pretrained.load()


def test_parameters_of_another_network_are_refused(root):
    file = root / "policy" / "metrics.json"
    metrics = json.loads(file.read_text())
    metrics["network"]["lstm"] = 8
    file.write_text(json.dumps(metrics))
    with pytest.raises(ValueError, match="another network"):
        pretrained.policy()


@pytest.mark.parametrize("name", SHIPPED)
def test_the_policies_of_the_package_can_be_used(name):
    config, _, metrics = pretrained.load(name)
    agent = pretrained.policy(name).agent
    observation = np.zeros((2, agent.network.inputs), np.float32)
    action, _ = agent.act(observation, agent.initial_carry(2), np.ones(2, bool), None)
    assert action.shape == (2, 20)
    assert metrics["origin"]["seed"] == config.seed
    assert (store.ROOT / name / "parameters.npz").stat().st_size <= 8_000_000


def test_a_network_of_calibrated_cameras_brings_them_along(tmp_path, monkeypatch):
    shutil.copytree(vision_store.FOLDER, tmp_path / "vision")
    monkeypatch.setattr(vision_store, "FOLDER", tmp_path / "vision")
    file = vision_store.FOLDER / "config.json"
    elsewhere = json.loads(file.read_text()) | {"cameras": "/nowhere/rig.json"}
    file.write_text(json.dumps(elsewhere))
    moved = [dataclasses.replace(camera, field_of_view=33.0) for camera in hand.RIG]
    hand.write_rig(vision_store.FOLDER / "cameras.json", moved)
    config, _, _ = pretrained.load_vision()
    assert list(vision_config.cameras(config)) == moved
