"""Bundles of all kinds of policies, exported on the training machine."""

import json

import numpy as np
import pytest

pytest.importorskip("jax2onnx")

from dactyl_jax.envs import worlds
from dactyl_jax.errors import UserError
from experiments.export import contract, networks, vision
from experiments.export.models import hand_xml, scene_xml
from hardware import export
from hardware.base import errors, rotations
from hardware.bundle import graphs, store
from hardware.simulation import models
from hardware.trials import verification
from tests.hardware import make_bundle


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fields", "size", "memory"),
    [
        ({"policy_observation": "paper", "action": "absolute", "object": "sphere"}, 22, False),
        ({"smoothed": "target", "smoothing_kept": 0.7}, 108, True),
        ({"control_dt": 0.04, "action": "absolute"}, 128, True),
    ],
)
def test_a_bundle_verifies(tmp_path, fields, size, memory):
    """Policies without memory and with the paper's observation, absolute actions and a sphere; with
    smoothed targets; and at another rate. The committed bundle covers the other kinds."""
    store.write(tmp_path / "b", make_bundle.contents(memory=memory, **fields))
    contents = store.load(str(tmp_path / "b"))
    off = verification.verify(contents)
    assert off["steps"] == 16 and off["logits"] < 1e-4
    assert contents.contract["observation"]["size"] == size
    assert contents.contract["memory"]["inputs"] == (["hidden", "cell"] if memory else [])
    for name, value in fields.items():
        assert contents.contract["config"]["env"][name] == value
    golden = contents.golden()
    averages = fields.get("smoothed", "action") == "action"
    assert golden["next_average"].any() == golden["next_weight"].any() == averages


def test_smoothed_targets_have_rates_of_their_own():
    """Targets move 0.3 of the way in a step; backlash has the rates of the first version."""
    config, checkpoint = make_bundle.policy(smoothed="target", smoothing_kept=0.7)
    old = contract.describe(config, checkpoint)
    new = contract.describe(*make_bundle.policy())
    assert old["action"]["smoothed"] == "target" and old["action"]["smoothing_kept"] == 0.7
    for ours, theirs in zip(old["actuators"], new["actuators"], strict=True):
        assert ours["max_rate"] == pytest.approx(0.3 * theirs["max_rate"])
        mirrored = ours["name"][-4:] in ("FFJ4", "THJ2", "THJ1")
        assert ours["backlash"] == theirs["backlash"][:: -1 if mirrored else 1]
        assert mirrored == (ours["backlash"] != theirs["backlash"])


def test_the_parts_of_an_observation_say_what_they_are(contents):
    parts = {part["name"]: part for part in contents.contract["observation"]["parts"]}
    assert parts["action_average"] == {
        **{"name": "action_average", "label": "average of the actions so far"},
        **{"size": 20, "unit": "1", "of": contents.actuators},
    }
    assert parts["fingertips"]["frame"] == "rh_forearm" and parts["fingertips"]["unit"] == "m"


def test_the_committed_bundle_is_what_is_made_today(contents):
    """Compares all but the golden numbers, which take minutes to compute, and their network."""
    config, checkpoint = make_bundle.policy()
    seen = vision.describe(make_bundle.pose_network())
    made = contract.describe(config, checkpoint) | {"training": {"run": "random"}, "vision": seen}
    assert json.loads(json.dumps(made)) == contents.contract
    assert hand_xml(config) == contents.hand
    scene, numbers = scene_xml(make_bundle.pose_network().config)
    assert scene == contents.scene and numbers["tex_data"].any()
    for name, values in numbers.items():
        np.testing.assert_array_equal(contents.numbers("scene")[name], values)


@pytest.mark.parametrize("world", ["training", "surrogate"])
def test_a_bundle_s_models_are_those_of_the_worlds_to_the_last_digit(contents, world):
    config = make_bundle.policy(world=world)[0]
    built = models.build(contents.hand, contents.numbers(world))
    exact = worlds.build(config)[1]
    ours, theirs = (models.difference(model, contents.hand) for model in (built, exact))
    assert theirs and ours.keys() == theirs.keys()
    for field, values in theirs.items():
        np.testing.assert_array_equal(ours[field], values, field)
    assert built.opt.timestep == exact.opt.timestep


def test_a_model_of_another_mujoco_is_refused_in_words(contents):
    for numbers in ({"body_mass": np.zeros(3)}, {"no_such_field": np.zeros(3)}):
        with pytest.raises(
            errors.UserError, match=r"cannot build the bundle's model .*; export the bundle with"
        ):
            models.build(contents.hand, numbers)


def test_a_policy_that_sees_what_no_sensor_gives_is_refused(tmp_path, capsys, monkeypatch):
    from experiments.runs import policies

    config, checkpoint = make_bundle.policy(policy_observation="state")
    monkeypatch.setattr(policies, "load_config", lambda run: config)
    monkeypatch.setattr(policies, "load_policy", lambda run: checkpoint)
    assert export.main(["--workdir=teacher", f"--out={tmp_path}/b"]) == 2
    error = capsys.readouterr().err
    assert "config.env.policy_observation of 'teacher' is 'state'" in error
    assert "paper, proprioceptive" in error and not (tmp_path / "b").exists()


def test_nothing_hidden_leaves_with_a_policy():
    """The value function saw the hidden state; contract and graph have only the policy's inputs."""
    import jax
    import onnx

    from dactyl_jax.envs import make_environment, observation
    from dactyl_jax.learning import PolicyAgent, PolicyCheckpoint, normalization
    from dactyl_jax.learning.networks import make_networks

    config, _ = make_bundle.policy(value_observation="privileged", bank_size=16)
    config.engine = "native"
    config.network.dense, config.network.lstm = (16,), 16
    env = make_environment(config)
    made = make_networks(config, env)
    hidden = {part.name for part in env.hidden_parts}
    assert {"drawn", "backlash.position", "motor_targets"} <= hidden
    assert made.value.inputs == 142 + sum(part.size for part in env.hidden_parts)
    agent = PolicyAgent(
        made.policy.initial_parameters(jax.random.key(0)),
        normalization.initial((made.policy.inputs,)),
        made.policy,
        env.num_actuators,
        env.num_bins,
    )

    described = contract.describe(config, PolicyCheckpoint(agent, 0, 0, 0.9))["observation"]
    sizes = {part["name"]: part["size"] for part in described["parts"]}
    seen = observation.policy_parts(config.env)
    assert sizes == {part.name: part.size for part in seen} and not hidden & sizes.keys()
    assert described["size"] == sum(sizes.values()) == made.policy.inputs == 128
    graph = onnx.load_from_string(networks.policy_graph(agent)).graph
    inputs = {i.name: [d.dim_value for d in i.type.tensor_type.shape.dim] for i in graph.input}
    assert inputs == {"observation": [1, 128], "hidden": [1, 16], "cell": [1, 16]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out=b"], "one of the arguments --workdir --pretrained is required"),
        (["--workdir=nowhere", "--out=b"], "there is no folder 'nowhere'"),
        (["--workdir=a", "--pretrained", "--out=b"], "not allowed with"),
        (["--workdir=a", "--pretrained_name=policy", "--out=b"], "goes with --pretrained"),
        (["--workdir=a", "--vision_workdir=no", "--out=b"], "--vision_workdir: there is no folder"),
        (["--workdir=a", "--vision", "--vision_workdir=c", "--out=b"], "not allowed with"),
    ],
)
def test_mistakes_are_answered_in_one_line(arguments, message, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert export.main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1


def test_a_run_s_pose_network_leaves_with_its_cameras_and_errors(tmp_path):
    """Exports from a work directory with calibrated cameras; the graph matches the estimator."""
    import dataclasses

    import jax.numpy as jnp

    from dactyl_jax import hand
    from dactyl_jax.vision.checkpoints import VisionCheckpoints
    from dactyl_jax.vision.trainer import VisionState
    from experiments.vision import directory

    pose = make_bundle.pose_network()
    lens = {"matrix": np.eye(3).tolist(), "distortion": [0.1] * 5, "size": [640, 480]}
    rows = [{**dataclasses.asdict(camera), **lens} for camera in hand.RIG]
    (tmp_path / "rig.json").write_text(json.dumps(rows))
    pose.config.cameras = str(tmp_path / "rig.json")
    run = tmp_path / "run"
    directory.work_directory(str(run)).claim(pose.config, {})
    (tmp_path / "rig.json").unlink()  # the run has its own copy
    metrics = [{"iteration": 1, "rotation_deg": 40.0, "position_mm": 9.0}, {"iteration": 2}]
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in metrics))
    estimator = dataclasses.replace(pose.estimator, iteration=2, frames=512)
    checkpoints = VisionCheckpoints(run)
    state = VisionState(estimator.parameters, estimator.parameters, {}, jnp.int32(2))
    checkpoints.save(state, estimator)
    checkpoints.close()

    loaded = vision.load(str(run))
    described = vision.describe(loaded)
    assert described["training"]["errors"] == {"rotation_deg": 40.0, "position_mm": 9.0}
    assert described["training"]["frames_learned"] == 512 and described["image_size"] == 32
    assert json.loads(json.dumps(described["cameras"])) == json.loads(json.dumps(rows))
    pictures = np.random.default_rng(0).integers(0, 256, (1, 3, 32, 32, 3), dtype=np.uint8)
    outputs = graphs.session(networks.pose_graph(loaded.estimator)).run(
        None, {"pictures": pictures}
    )
    poses = loaded.estimator.estimate(pictures)
    look = loaded.estimator.look(pictures)
    for ours, theirs in zip((look.position, look.matrix, *look.seen), outputs, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert rotations.nearest(outputs[1][0])[1] == pytest.approx(poses.doubt[0], abs=1e-3)


def test_a_package_without_a_pose_network_says_how_to_make_one(monkeypatch, tmp_path):
    from dactyl_jax.pretrained import vision_store

    monkeypatch.setattr(vision_store, "FOLDER", tmp_path)
    with pytest.raises(UserError, match=r"no pretrained pose network .*publish_vision --workdir="):
        vision.load(None)


def test_a_pose_network_of_another_object_is_refused():
    pose, config = make_bundle.pose_network(), make_bundle.policy(object="prism")[0]
    with pytest.raises(UserError, match=r"object='block', the policy with 'prism'; .*object=prism"):
        vision.check(pose, config.env)


def test_onnx_needs_no_newer_runtime_than_python_38_has(contents):
    import onnx

    def inputs(graph):
        return {
            value.name: [d.dim_value for d in value.type.tensor_type.shape.dim]
            for value in graph.graph.input
        }

    for content, opset in (
        (contents.network, networks.OPSET),
        (contents.pose_network, networks.POSE_OPSET),
    ):
        graph = onnx.load_from_string(content)
        assert [entry.version for entry in graph.opset_import] == [opset]
        assert opset <= 21 and graph.ir_version <= 10
    assert inputs(graph) == {"pictures": [1, 3, 32, 32, 3]}
    graph = onnx.load_from_string(contents.network)
    assert inputs(graph) == {"observation": [1, 128], "hidden": [1, 16], "cell": [1, 16]}
    assert np.prod([d.dim_value for d in graph.graph.output[0].type.tensor_type.shape.dim]) == 220


@pytest.mark.parametrize("memory", [True, False])
def test_other_runtimes_run_a_policy_s_graph(memory):
    """The LSTM's step has no loop, which TensorRT and the reference evaluator do not support."""
    import jax.numpy as jnp
    import onnx
    from onnx.reference import ReferenceEvaluator

    agent = make_bundle.policy(memory=memory)[1].agent
    graph = onnx.load_from_string(networks.policy_graph(agent))
    assert not {"Loop", "If", "Scan"} & {node.op_type for node in graph.graph.node}
    rng, runtime = np.random.default_rng(0), ReferenceEvaluator(graph)
    seen = rng.normal(0, 0.3, (1, agent.network.inputs)).astype(np.float32)
    carry = [rng.normal(0, 0.5, (1, 16)).astype(np.float32) for _ in range(2 * memory)]
    names = [value.name for value in graph.graph.input]
    logits, *after = runtime.run(None, dict(zip(names, [seen, *carry], strict=True)))
    expected, carried = agent.logits(jnp.asarray(seen), tuple(carry), jnp.zeros(1, bool))
    np.testing.assert_allclose(logits, expected, atol=1e-5)
    for ours, theirs in zip(after, carried, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
