"""A text description of what a configuration simulates and learns."""

from collections.abc import Iterable, Sequence
from typing import Any

import jax
import mujoco
from ml_collections import ConfigDict

from dactyl_jax import hand, randomization
from dactyl_jax.envs import Reorientation, make_environment, observation
from dactyl_jax.learning.networks import ActorCritic, make_networks

# Units of the terms' parameters; parameters of unlisted terms are factors, shares or probabilities.
_UNITS = {
    **{"joint_limits": "rad", "gravity": "m/s2", "orientation_noise": "rad"},
    **{"marker_placement": "m", "fingertip_noise": "m", "position_noise": "m"},
    **{"marker_occlusion": "m", "marker_dropout": "1/s and s", "time_step": "1/s"},
    **{"backlash": "1; 1/(rad s)", "object_force": "1; m/s2"},
}


def describe(config: ConfigDict) -> str:
    """Formats tables of joints, actuators, observations, randomisation and networks."""
    config = config.copy_and_resolve_references()
    config.env.bank_size = 4  # a few initial states suffice
    config.engine = "native"
    env = make_environment(config)
    sections = (
        _model(env),
        _joints(env.engine.model),
        _actuators(env.engine.model),
        _action(env),
        *_observations(env),
        _randomisation(env.config),
        _networks(make_networks(config, env)),
    )
    return "\n\n".join("\n".join(section) for section in sections)


def _model(env: Reorientation) -> list[str]:
    model, task = env.engine.model, env.config.env
    return [
        f"The hand with a {task.object}, world {task.world}",
        f"  {model.nq} positions, {model.nv} velocities, {model.nbody - 1} bodies, "
        f"{model.ngeom} geoms; the palm is tilted by {task.tilt:g} rad",
        f"  a control step is {1000 * task.control_dt:g} ms: {env.substeps} physics steps of "
        f"{1000 * model.opt.timestep:g} ms",
        f"  a goal is reached within {task.goal_threshold:g} rad; its time limit is "
        f"{task.goal_timeout_s:g} s, and an episode ends after {task.max_goals} goals",
    ]


def _joints(model: mujoco.MjModel) -> list[str]:
    layout = hand.layout(model)
    rows = []
    for name, qpos, qvel in zip(hand.JOINTS, layout.joint_qpos, layout.joint_qvel, strict=True):
        low, high = model.joint(name).range
        damping, loss = model.dof_damping[qvel], model.dof_frictionloss[qvel]
        row = (qpos, qvel, f"{low:.3f}", f"{high:.3f}", f"{damping:.3g}", f"{loss:.3g}")
        rows.append((name, *row))
    head = ("qpos", "qvel", "low rad", "high rad", "damping N m s/rad", "friction N m")
    return [f"{len(rows)} joints", *_table(("joint", *head), rows)]


def _actuators(model: mujoco.MjModel) -> list[str]:
    layout = hand.layout(model)
    rows = []
    for i, name in enumerate(hand.ACTUATORS):
        actuator = model.actuator(name)
        driven = " + ".join(
            joint.removeprefix("rh_")
            for joint, share in zip(hand.JOINTS, layout.coupling[i], strict=True)
            if share
        )
        low, high = layout.ctrl_range[i]
        force = actuator.forcerange[1]
        row = (f"{low:.3f}", f"{high:.3f}", f"{actuator.gainprm[0]:.3g}", f"{force:.3g}")
        rows.append((name, driven, *row))
    head = ("drives", "low rad", "high rad", "gain N m/rad", "limit N m")
    return [f"{len(rows)} actuators, position targets", *_table(("actuator", *head), rows)]


def _action(env: Reorientation) -> list[str]:
    task = env.config.env
    averaged = {"action": "actions", "target": "targets"}[task.smoothed]
    return [
        f"Action: {env.num_actuators} actuators x {env.num_bins} bins, {task.action}; a moving "
        f"average of {averaged} keeps {task.smoothing_kept:g} per 80 ms"
    ]


def _observations(env: Reorientation) -> Iterable[list[str]]:
    task = env.config.env
    value = [(part.size, part.unit, part.label) for part in observation.value_parts(task)]
    value += [(part.size, part.unit, f"hidden: {part.label}") for part in env.hidden_parts]
    policy = [(part.size, part.unit, part.label) for part in observation.policy_parts(task)]
    if task.policy_observation == "state":
        policy = value
    for who, kind, shown in (
        ("policy", task.policy_observation, policy),
        ("value function", task.value_observation, value),
    ):
        rows, offset = [], 0
        for size, unit, label in shown:
            rows.append((str(offset), str(size), unit, label))
            offset += size
        yield [
            f"Observation of the {who}, {kind!r}: {offset} numbers, in the frame of rh_forearm",
            *_table(("offset", "size", "unit", "what"), rows),
        ]


def _randomisation(config: ConfigDict) -> list[str]:
    rows = [
        (
            term.name,
            "on" if term.enabled(config) else "off",
            term.family,
            ", ".join(f"{name} {config.terms[term.name][name]:g}" for name in term.law),
            _UNITS.get(term.name, ""),
            term.source,
        )
        for term in randomization.TERMS
    ]
    head = ("term", "", "family", "law", "unit", "source")
    return [f"Randomisation, preset {config.randomization!r}", *_table(head, rows)]


def _networks(networks: ActorCritic) -> list[str]:
    rows = []
    for name, network in (("policy", networks.policy), ("value", networks.value)):
        shapes = jax.eval_shape(network.initial_parameters, jax.random.key(0))
        count = sum(leaf.size for leaf in jax.tree.leaves(shapes))
        memory = f"LSTM {network.lstm}" if network.memory else f"dense {network.lstm}"
        layers = [str(network.inputs), *(f"dense {width}" for width in network.dense), memory]
        layers.append(str(network.outputs))
        rows.append((name, " - ".join(layers), network.activation, f"{count:,}"))
    return ["Networks", *_table(("network", "layers", "activation", "parameters"), rows)]


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """Formats aligned, indented columns."""
    lines = [tuple(map(str, row)) for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  " + "  ".join(cell.ljust(n) for cell, n in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
