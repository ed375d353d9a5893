"""Makes a policy bundle of a trained run or of a policy of the package; runs where one trains.

With a pose network the policy needs no motion tracker but three cameras.
"""

import json
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import jax2onnx
import mujoco
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from dactyl_jax import envs, hand, pretrained
from dactyl_jax.envs import actions, drop, goals, readings, worlds
from dactyl_jax.hand import kinematics
from dactyl_jax.hand.model import make_spec
from dactyl_jax.learning import PolicyAgent, PolicyCheckpoint, categorical
from experiments import origin, runs
from experiments.workdir import WorkDirectory
from hardware import bundle, export_eyes, observation, program, safety, verify
from hardware.export_eyes import Eyes
from hardware.program import UserError

OPSET = 17  # that of onnxruntime 1.13; Python 3.8's last, 1.19, knows up to 21

_PARTS: dict[str, dict[str, Any]] = {
    "fingertips": {"size": 15, "unit": "m", "frame": "rh_forearm", "of": list(hand.FINGERTIPS)},
    "object_position": {"size": 3, "unit": "m", "frame": "rh_forearm"},
    "relative_goal": {"size": 4, "unit": "quaternion w x y z, w >= 0", "frame": "rh_forearm"},
    "joint_angles": {"size": 24, "unit": "rad", "of": list(hand.JOINTS)},
    "joint_velocities": {"size": 24, "unit": "rad/s", "of": list(hand.JOINTS)},
    "targets": {"size": 20, "unit": "rad", "of": list(hand.ACTUATORS)},
    "relative_goal_matrix": {"size": 9, "unit": "1, by rows", "frame": "rh_forearm"},
    "facing": {"size": 9, "unit": "1, by rows", "frame": "rh_forearm"},
}
_LAYOUTS = {"paper": observation.NAMES[:3], "proprioceptive": observation.NAMES}


def export(run: str, out: Path, eyes: Eyes | None = None) -> dict[str, float]:
    """Writes the bundle of a policy and verifies it.

    Args:
        run: as `experiments.runs` takes it.
        out: a folder that is not there yet.
        eyes: a pose network to go with the policy.

    Returns:
        What `verify.verify` found.

    Raises:
        UserError: the policy cannot leave the simulation, its export differs from it, or the
            pose network was trained for another task.
    """
    try:
        config, checkpoint = runs.load_config(run), runs.load_policy(run)
    except ValueError as error:
        raise UserError(str(error)) from None
    if config.env.policy_observation not in _LAYOUTS:
        raise UserError(
            f"config.env.policy_observation of {run!r} is {config.env.policy_observation!r}, which "
            f"no sensor gives: export a policy of one of {', '.join(_LAYOUTS)}"
        )
    if out.exists():
        raise UserError(f"--out: {str(out)!r} is there already; choose a new folder")
    if eyes is not None:
        export_eyes.check(eyes, config.env)
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
) -> dict[str, bytes]:
    """The files of a policy's bundle.

    Args:
        config: of the policy's training.
        checkpoint: the policy.
        training: where it came from, as strict JSON has it.
        eyes: a pose network to go with it.
        episodes, steps: size of the golden part.
    """
    golden = golden_episodes(config, checkpoint.agent, episodes, steps)
    vision = {} if eyes is None else {"vision": export_eyes.contract(eyes)}
    return {
        "bundle.json": _json(contract(config, checkpoint) | {"training": training} | vision),
        "policy.onnx": network(checkpoint.agent),
        "hand.xml": hand_xml(config),
        "golden.npz": bundle.pack_arrays(golden),
        **({} if eyes is None else export_eyes.contents(eyes)),
    }


def contract(config: ConfigDict, checkpoint: PolicyCheckpoint) -> dict[str, Any]:
    """What the robot host has to know of a policy and its hand, but for where it came from."""
    model = worlds.build(_plain(config))[1]
    layout, env = hand.layout(model), config.env
    chain = kinematics.chain(model)
    network = checkpoint.agent.network
    names = _LAYOUTS[env.policy_observation]
    memory = ["hidden", "cell"] if network.memory else []
    return {
        "format": bundle.FORMAT,
        "version": bundle.VERSION,
        "object": env.object,
        "control_dt": env.control_dt,
        "observation": {
            "kind": env.policy_observation,
            "size": network.inputs,
            "parts": [{"name": name, **_PARTS[name]} for name in names],
        },
        "memory": {"inputs": memory, "size": network.lstm},
        "action": {
            "mode": env.action,
            "bins": checkpoint.agent.num_bins,
            "smoothing": env.smoothing,
        },
        "joints": [_joint(model, name) for name in hand.JOINTS],
        "actuators": _actuators(layout, env),
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


def hand_xml(config: ConfigDict) -> bytes:
    """The training's hand and object as MJCF, which keeps six digits of its numbers."""
    spec = make_spec(
        config.env.object,
        tilt=config.env.tilt,
        finger_collisions=config.env.finger_collisions,
        locked_wrist=config.env.locked_wrist,
        goal=False,
        patch=config.env.model_patch,
    )
    spec.option.timestep = config.env.sim_dt
    spec.compile()
    return spec.to_xml().encode()


def golden_episodes(
    config: ConfigDict, agent: PolicyAgent, episodes: int, steps: int
) -> dict[str, np.ndarray]:
    """The policy at work in the training code, without errors of sensors or motors.

    An episode that ends is followed by another in its row.

    Returns:
        What `verify.verify` takes, `[episode, step, ...]`.
    """
    config = _plain(config)
    config.env.bank_size = episodes
    env = envs.make_environment(config)
    layout, chain = hand.layout(env.engine.model), kinematics.chain(env.engine.model)
    distance = jnp.float32(goals.NEAREST + 0.4)
    memory = ("hidden", "cell") if agent.network.memory else ()

    def step(loop, key):
        state, carry, first = loop
        keys = jax.random.split(key, episodes)
        read = readings.read(layout, chain, state.physics)
        logits, after = agent.logits(state.observation.policy, carry, first)
        action = categorical.sample(keys, logits)
        row = {
            "joint_angles": read.joint_angles,
            "joint_velocities": read.joint_velocities,
            "previous": read.targets,
            "position": read.position,
            "orientation": read.orientation,
            "goal": state.goal,
            "observation": state.observation.policy,
            "first": first,
            "logits": logits,
            "uniform": jax.vmap(lambda key: jax.random.uniform(key, (agent.num_actuators,)))(keys),
            "greedy": categorical.mode(logits),
            "sampled": action,
            "targets": actions.targets(
                layout,
                config.env.action,
                config.env.smoothing,
                action,
                read.joint_angles,
                read.targets,
            ),
            **dict(zip(memory, carry, strict=True)),
        }
        state, outcome = env.step(state, action, distance)
        return (state, after, outcome.done), row

    @jax.jit
    def act(key):
        start_key, act_key = jax.random.split(key)
        state = env.reset(start_key, episodes, distance)
        loop = state, agent.initial_carry(episodes), jnp.ones(episodes, bool)
        return jax.lax.scan(step, loop, jax.random.split(act_key, steps))[1]

    rows = jax.device_get(act(jax.random.key(0)))
    return {name: np.moveaxis(np.asarray(values), 0, 1) for name, values in rows.items()}


def _plain(config: ConfigDict) -> ConfigDict:
    """The configuration's task on a CPU, in the training's world, with nothing randomised."""
    plain = config.copy_and_resolve_references()
    plain.engine, plain.randomization, plain.env.world = "native", "none", "training"
    plain.adr.enabled = False
    plain.terms = config_lib.default().terms
    return plain


def _joint(model: mujoco.MjModel, name: str) -> dict[str, Any]:
    low, high = model.joint(name).range
    return {"name": name, "low": float(low), "high": float(high)}


def _actuators(layout: hand.Layout, env: ConfigDict) -> list[dict[str, Any]]:
    """The actuators; their fastest rate is what the action map can ask for, and no more."""
    result = []
    for row, name in enumerate(hand.ACTUATORS):
        low, high = map(float, layout.ctrl_range[row])
        result.append(
            {
                "name": name,
                "joints": [hand.JOINTS[i] for i in np.flatnonzero(layout.coupling[row])],
                "low": low,
                "high": high,
                "max_rate": env.smoothing * (high - low) / (safety.LEAST_PERIOD * env.control_dt),
                "start": float(layout.start_targets[row]),
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
    found: dict[str, Any] = {"run": run, "origin": origin.read(workdir)}
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
        if flags.pretrained_name and not flags.pretrained:
            raise UserError("--pretrained_name goes with --pretrained; add it")
        name = flags.pretrained_name or pretrained.NAMES[0]
        wanted = flags.vision or flags.vision_workdir
        eyes = export_eyes.load(flags.vision_workdir) if wanted else None
        off = export(flags.workdir or f"pretrained:{name}", Path(flags.out), eyes)
        print(f"{flags.out}: a policy of {off['steps']:g} golden steps")
        print(verify.report(off))

    return program.run(export_run, parser, argv)


if __name__ == "__main__":
    sys.exit(main())
