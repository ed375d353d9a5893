"""Makes a policy bundle of a trained run or of a policy of the package; runs where one trains.

With a pose network the policy needs no motion tracker but three cameras.
"""

import dataclasses
import json
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import jax2onnx
import mujoco
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import devices, hand, pretrained
from dactyl_jax.envs import actions, drop, goals, observation, worlds
from dactyl_jax.hand import kinematics
from dactyl_jax.hand.model import make_spec
from dactyl_jax.learning import PolicyAgent, PolicyCheckpoint
from dactyl_jax.randomization import actuation
from dactyl_jax.vision import config as vision_config
from dactyl_jax.vision.checkpoints import restore_estimator
from dactyl_jax.vision.estimator import Estimator
from experiments import golden
from experiments.runs import policies
from experiments.runs.workdir import WorkDirectory
from experiments.vision import directory
from hardware import bundle, models, program, safety, verify
from hardware.program import UserError

OPSET = 17  # that of onnxruntime 1.13; Python 3.8's last, 1.19, knows up to 21
POSE_OPSET = 18  # normalising needs it

# What a robot host has to know of a part of the observation beside name, size and unit.
_MEANS: dict[str, dict[str, Any]] = {
    "fingertips": {"frame": "rh_forearm", "of": list(hand.FINGERTIPS)},
    "object_position": {"frame": "rh_forearm"},
    "relative_goal": {"frame": "rh_forearm", "sign": "w >= 0"},
    "joint_angles": {"of": list(hand.JOINTS)},
    "joint_velocities": {"of": list(hand.JOINTS)},
    "targets": {"of": list(hand.ACTUATORS)},
    "action_average": {"of": list(hand.ACTUATORS)},
    "relative_goal_matrix": {"frame": "rh_forearm"},
    "facing": {"frame": "rh_forearm", "order": "by rows"},
}
_KINDS = ("paper", "proprioceptive")  # of observations that sensors give
_LENS = ("matrix", "distortion", "size")


class Eyes(NamedTuple):
    """A trained pose network.

    Attributes:
        config: of its training.
        estimator: itself.
        training: where it came from, and its errors on held-out frames, as strict JSON has it.
    """

    config: ConfigDict
    estimator: Estimator
    training: dict[str, Any]


def export(run: str, out: Path, eyes: Eyes | None = None) -> dict[str, float]:
    """Writes the bundle of a policy and verifies it.

    Args:
        run: as `policies.load_policy` takes it.
        out: a folder that is not there yet.
        eyes: a pose network to go with the policy.

    Returns:
        What `verify.verify` found.

    Raises:
        UserError: the policy cannot leave the simulation, its export differs from it, or the
            pose network was trained for another task.
    """
    try:
        config, checkpoint = policies.load_config(run), policies.load_policy(run)
    except ValueError as error:
        raise UserError(str(error)) from None
    if config.env.policy_observation not in _KINDS:
        raise UserError(
            f"config.env.policy_observation of {run!r} is {config.env.policy_observation!r}, which "
            f"no sensor gives: export a policy of one of {', '.join(_KINDS)}"
        )
    if out.exists():
        raise UserError(f"--out: {str(out)!r} is there already; choose a new folder")
    if eyes is not None:
        check(eyes, config.env)
    files = contents(config, checkpoint, _training(run), eyes)
    with tempfile.TemporaryDirectory(dir=_existing(out)) as folder:
        finished = Path(folder) / out.name
        bundle.write(finished, files)
        off = verify.verify(bundle.load(str(finished)))
        out.parent.mkdir(parents=True, exist_ok=True)
        os.replace(finished, out)
    return off


def contents(
    config: ConfigDict,
    checkpoint: PolicyCheckpoint,
    training: dict[str, Any],
    eyes: Eyes | None = None,
    *,
    episodes: int = 4,
    steps: int = 50,
    frames: int = 4,
) -> dict[str, bytes]:
    """The files of a policy's bundle.

    Args:
        config: of the policy's training.
        checkpoint: the policy.
        training: where it came from, as strict JSON has it.
        eyes: a pose network to go with it.
        episodes, steps, frames: size of the golden part.
    """
    described = contract(config, checkpoint) | {"training": training}
    xml = hand_xml(config)
    numbers = {"training": models.difference(_world(config, "training"), xml)}
    numbers["surrogate"] = models.difference(_world(config, "surrogate"), xml)
    files = {
        "policy.onnx": network(checkpoint.agent),
        "hand.xml": xml.encode(),
        "golden.npz": bundle.pack_arrays(
            golden.episodes(config, checkpoint.agent, episodes, steps)
        ),
    }
    if eyes is not None:
        described["vision"] = vision_contract(eyes)
        scene, numbers["scene"] = scene_xml(eyes.config)
        files["scene.xml"] = scene.encode()
        files["pose.onnx"] = pose_network(eyes.estimator)
        files["pictures.npz"] = bundle.pack_arrays(
            golden.pictures(eyes.config, eyes.estimator, frames)
        )
    files["numbers.npz"] = bundle.pack_arrays(
        {f"{model}/{name}": a for model, arrays in numbers.items() for name, a in arrays.items()}
    )
    return files | {"bundle.json": _json(described)}


def contract(config: ConfigDict, checkpoint: PolicyCheckpoint) -> dict[str, Any]:
    """What the robot host has to know of a policy and its hand, but for where it came from."""
    model = _world(config, "training")
    layout, env = hand.layout(model), config.env
    chain = kinematics.chain(model)
    network = checkpoint.agent.network
    memory = ["hidden", "cell"] if network.memory else []
    return {
        "format": bundle.FORMAT,
        "version": bundle.VERSION,
        "object": env.object,
        "control_dt": env.control_dt,
        "observation": {
            "kind": env.policy_observation,
            "size": network.inputs,
            "parts": [_part(part) for part in observation.policy_parts(env)],
        },
        "memory": {"inputs": memory, "size": network.lstm},
        "action": {
            "mode": env.action,
            "bins": checkpoint.agent.num_bins,
            # What an exponential moving average is of, and its share that is kept per 80 ms.
            "smoothed": env.smoothed,
            "smoothing_kept": env.smoothing_kept,
        },
        "joints": [_joint(model, name) for name in hand.JOINTS],
        "actuators": _actuators(model, layout, env),
        "frames": {
            "policy": "rh_forearm of hand.xml",
            "forearm_in_world": {
                "position": layout.forearm_position.tolist(),
                "quaternion": layout.forearm_quaternion.tolist(),
            },
            "palm_in_world": layout.palm_position.tolist(),
        },
        "kinematics": {
            name: np.asarray(getattr(chain, name)).tolist()
            for name in ("position", "quaternion", "axis", "joint", "tip")
        },
        "task": {
            "goal_threshold": env.goal_threshold,
            "goal_timeout_s": env.goal_timeout_s,
            "max_goals": env.max_goals,
            # The object's centre about the palm's, in world axes: [axis][low, high] m.
            "drop_box": np.asarray(drop.BOX, float).round(6).tolist(),
            "nearest_goal": goals.NEAREST,
            "last_goal_distance": checkpoint.goal_distance,
        },
        "config": config.to_dict(),
        "steps": checkpoint.steps,
    }


def network(agent: PolicyAgent) -> bytes:
    """The policy as an ONNX graph: raw observation and memory to logits and memory.

    Inputs `observation [1, size]`, `hidden` and `cell` `[1, lstm]`; outputs `logits [1, bin, 20]`,
    `next_hidden` and `next_cell`. A policy without memory has neither.
    """
    design = agent.network
    memory = ["hidden", "cell"] if design.memory else []

    def step(seen, *carry):
        logits, carry = agent.logits(seen, carry, jnp.zeros(1, bool))
        return logits, *carry

    logging.getLogger("onnx_ir").setLevel(logging.ERROR)  # it warns of shapes that nobody asks for
    shapes: list[Sequence[int]] = [(1, design.inputs), *[(1, design.lstm)] * len(memory)]
    graph: Any = jax2onnx.to_onnx(
        step,
        shapes,
        model_name="policy",
        opset=OPSET,
        input_names=["observation", *memory],
        output_names=["logits", *(f"next_{name}" for name in memory)],
    )
    return graph.SerializeToString()


def vision_contract(eyes: Eyes) -> dict[str, Any]:
    """What the robot host has to know of the cameras and the network."""
    return {
        "image_size": eyes.estimator.network.image_size,
        "pictures": "uint8, [1, camera, row, column, red green blue], undistorted and cropped",
        "frame": "rh_forearm",
        # Poses there; they look along their -z, with y upwards in the picture. Vertical field of
        # view of the square picture, degrees. The lens, of cameras that were calibrated: OpenCV's.
        "cameras": _cameras(eyes.config),
        "doubt": "rad, how far the orientations that the pictures leave possible lie from their "
        "mean: 0 where one is, 2.09 where all are; its cosine is (largest eigenvalue of "
        "Davenport's matrix - 1) / 2",
        "config": eyes.config.to_dict(),
        "training": eyes.training,
    }


def _cameras(config: ConfigDict) -> list[dict[str, Any]]:
    """The cameras of the training, with their lenses where its file has them."""
    if not config.cameras:
        return [dataclasses.asdict(camera) for camera in hand.RIG]
    try:
        rows = [dataclasses.asdict(camera) for camera in hand.read_rig(config.cameras)]
    except ValueError as error:
        raise UserError(str(error)) from None
    given = json.loads(Path(config.cameras).read_text(encoding="utf-8"))
    return [
        {**row, **{name: more[name] for name in _LENS if name in more}}
        for row, more in zip(rows, given, strict=True)
    ]


def pose_network(estimator: Estimator) -> bytes:
    """The pose network as an ONNX graph: pictures as cameras give them to a pose.

    Input `pictures [1, camera, size, size, 3]` uint8; outputs `position [1, 3]` m and `matrix
    [1, 3, 3]`, the mean of the orientations that are possible.
    """
    size = estimator.network.image_size
    graph: Any = jax2onnx.to_onnx(
        estimator.mean_pose,
        [jax.ShapeDtypeStruct((1, len(hand.RIG), size, size, 3), jnp.uint8)],
        model_name="pose",
        opset=POSE_OPSET,
        input_names=["pictures"],
        output_names=["position", "matrix"],
    )
    return graph.SerializeToString()


def hand_xml(config: ConfigDict) -> str:
    """The training's hand and object as MJCF, which keeps six digits of its numbers."""
    spec = make_spec(
        config.env.object,
        tilt=config.env.tilt,
        motors=config.env.motors,
        finger_collisions=config.env.finger_collisions,
        locked_wrist=config.env.locked_wrist,
        goal=False,
        patch=config.env.model_patch,
    )
    spec.option.timestep = config.env.sim_dt
    spec.compile()
    return spec.to_xml()


def scene_xml(config: ConfigDict) -> tuple[str, dict[str, np.ndarray]]:
    """What the cameras of a pose network see, as MJCF, and what `models.build` needs beside it."""
    spec = make_spec(
        config.object,
        tilt=config.tilt,
        finger_collisions=False,
        locked_wrist=False,
        goal=False,
        patch="",
        cameras=vision_config.cameras(config),
    )
    # A quarter of the work of OpenGL in software, and hardly to be seen.
    quality = spec.visual.quality
    quality.numslices, quality.numstacks, quality.shadowsize = 16, 8, 1024
    model = spec.compile()
    for texture in spec.textures:  # XML has no room for pictures
        texture.data, texture.builtin = b"", mujoco.mjtBuiltin.mjBUILTIN_FLAT
    spec.compile()
    xml = spec.to_xml()
    return xml, models.difference(model, xml)


def load_eyes(workdir: str | None) -> Eyes:
    """The network of a run's newest checkpoint, or, None, the package's.

    Raises:
        UserError: there is none, or it cannot be read.
    """
    try:
        if workdir is None:
            config, estimator, metrics = pretrained.load_vision()
            return Eyes(config, estimator, {"run": "pretrained", **metrics})
        run = directory.work_directory(workdir)
        config, estimator = run.load_config(), restore_estimator(workdir)
    except ValueError as error:
        problem = str(error)
        if problem.startswith("--workdir:"):  # as it is called where networks are trained
            problem = f"--vision_{problem[2:]}"
        raise UserError(problem) from None
    looked = [row for row in run.read_metrics() if "rotation_deg" in row]
    training = {
        "run": workdir,
        "origin": run.read_origin(),
        "iteration": estimator.iteration,
        "frames_learned": estimator.frames,
        "errors": {k: looked[-1][k] for k in ("rotation_deg", "position_mm")} if looked else None,
    }
    return Eyes(config, estimator, training)


def check(eyes: Eyes, env: ConfigDict) -> None:
    """Refuses a network that was trained for another hand or object than the policy.

    Raises:
        UserError: names the field.
    """
    for name in ("object", "tilt"):
        if eyes.config[name] != env[name]:
            raise UserError(
                f"the pose network was trained with {name}={eyes.config[name]!r}, the policy with "
                f"{env[name]!r}; train one with --config.{name}={env[name]}"
            )


def _world(config: ConfigDict, world: str) -> mujoco.MjModel:
    config = golden.plain(config)
    config.env.world = world
    return worlds.build(config)[1]


def _part(part: observation.Part) -> dict[str, Any]:
    known = {"name": part.name, "label": part.label, "size": part.size, "unit": part.unit}
    return known | _MEANS[part.name]


def _joint(model: mujoco.MjModel, name: str) -> dict[str, Any]:
    low, high = model.joint(name).range
    return {"name": name, "low": float(low), "high": float(high)}


def _actuators(model: mujoco.MjModel, layout: hand.Layout, env: ConfigDict) -> list[dict[str, Any]]:
    """The actuators; their fastest rate is what the action map can ask for, and no more.

    An average can turn about in one control step, in its first steps above all, and the angle
    that targets lie about may be anywhere: what is averaged are actions, and the whole range is
    in reach. Smoothed targets go a share of the way.
    """
    result = []
    averages = env.smoothed == "action"
    backlash = np.exp(actuation.log_rates(model, mirrored=averages))
    kept = 0.0 if averages else actions.kept_share(env.smoothing_kept, env.control_dt)
    duration = safety.LEAST_PERIOD * env.control_dt
    for row, name in enumerate(hand.ACTUATORS):
        low, high = map(float, layout.ctrl_range[row])
        result.append(
            {
                "name": name,
                "joints": [hand.JOINTS[i] for i in np.flatnonzero(layout.coupling[row])],
                "low": low,
                "high": high,
                "max_rate": (1 - kept) * (high - low) / duration,
                "start": float(layout.start_targets[row]),
                "backlash": backlash[row].tolist(),  # 1/(rad s), down and up
            }
        )
    return result


def _training(run: str) -> dict[str, Any]:
    """Where the policy came from and how it did there; what is not known is left out."""
    word, _, name = run.partition(":")
    if word == "pretrained":
        return {"run": run, **pretrained.load(name or pretrained.NAMES[0])[2]}
    workdir = WorkDirectory(run)
    report = workdir.report / "evaluation.json"
    found: dict[str, Any] = {"run": run, "origin": workdir.read_origin()}
    if report.is_file():
        found["evaluation"] = json.loads(report.read_text(encoding="utf-8"))
    return found


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, allow_nan=False) + "\n").encode()


def _existing(path: Path) -> Path:
    parent = path.absolute().parent
    while not parent.is_dir():
        parent = parent.parent
    return parent


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; see `program.run`."""
    parser = program.Parser("export", __doc__ or "")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--workdir", help="work directory of a trained run")
    source.add_argument(
        "--pretrained", action="store_true", help="a policy of the package in place of a run's"
    )
    parser.add_argument(
        "--pretrained_name",
        choices=pretrained.NAMES,
        help="with --pretrained: the one trained under all randomisations, or under none",
    )
    sight = parser.add_mutually_exclusive_group()
    sight.add_argument("--vision_workdir", help="work directory of a trained pose network")
    sight.add_argument(
        "--vision", action="store_true", help="the package's pose network in place of a run's"
    )
    parser.add_argument("--out", required=True, help="the folder to make")

    def export_run(flags):
        devices.pin_defaults()
        if flags.pretrained_name and not flags.pretrained:
            raise UserError("--pretrained_name goes with --pretrained; add it")
        name = flags.pretrained_name or pretrained.NAMES[0]
        wanted = flags.vision or flags.vision_workdir
        eyes = load_eyes(flags.vision_workdir) if wanted else None
        off = export(flags.workdir or f"pretrained:{name}", Path(flags.out), eyes)
        print(f"{flags.out}: a policy of {off['steps']:g} golden steps")
        print(verify.report(off))

    return program.run(export_run, parser, argv)


if __name__ == "__main__":
    sys.exit(main())
