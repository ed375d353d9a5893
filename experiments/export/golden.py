"""Golden data: recorded computations of the training code, which a robot host must reproduce."""

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from dactyl_jax import envs, hand
from dactyl_jax.envs import actions, goals, readings
from dactyl_jax.hand import kinematics
from dactyl_jax.learning import PolicyAgent, categorical
from dactyl_jax.vision.estimator import Estimator
from experiments.vision import frames


def plain(config: ConfigDict) -> ConfigDict:
    """Returns the task on a CPU, in the training world, without randomisation."""
    task = config.copy_and_resolve_references()
    task.engine, task.randomization, task.env.world = "native", "none", "training"
    task.adr.enabled = False
    task.terms = config_lib.default().terms
    return task


def episodes(
    config: ConfigDict, agent: PolicyAgent, count: int, steps: int
) -> dict[str, np.ndarray]:
    """Rolls out the policy in the training code, without sensor or motor errors.

    When an episode ends, the next one continues in the same row.

    Args:
        config: training configuration of the policy.
        agent: the policy.
        count: number of rows of episodes.
        steps: length of each row, control steps.

    Returns:
        Arrays `[episode, step, ...]` by name: sensor readings and the values computed from them;
        angles and targets in rad, positions in m.
    """
    # Robot hosts reproduce CPU results bit for bit, so record on a CPU, not on the training device.
    cpu = jax.local_devices(backend="cpu")[0]
    with jax.default_device(cpu):
        return _episodes(plain(config), jax.device_put(agent, cpu), count, steps)


def _episodes(
    config: ConfigDict, agent: PolicyAgent, count: int, steps: int
) -> dict[str, np.ndarray]:
    config.env.bank_size = count
    env = envs.make_environment(config)
    layout, chain = hand.layout(env.engine.model), kinematics.chain(env.engine.model)
    kept = actions.kept_share(config.env.smoothing_kept, config.env.control_dt)
    distance = jnp.float32(goals.NEAREST + 0.4)
    memory = ("hidden", "cell") if agent.network.memory else ()

    def step(loop, key):
        state, carry, first = loop
        keys = jax.random.split(key, count)
        before = state.episode.average
        read = readings.read(layout, chain, state.episode.physics, before.value)
        logits, after = agent.logits(state.observation.policy, carry, first)
        action = categorical.sample(keys, logits)
        unit, mode = actions.unit_action(action), config.env.action
        if config.env.smoothed == "action":
            following = actions.average(kept, before, unit)
            targets = actions.targets(layout, mode, following.value, read.joint_angles)
        else:
            following = before
            asked = actions.targets(layout, mode, unit, read.joint_angles)
            targets = actions.smoothed_targets(kept, asked, read.targets)
        row = {
            "joint_angles": read.joint_angles,
            "joint_velocities": read.joint_velocities,
            "previous": read.targets,
            "position": read.position,
            "orientation": read.orientation,
            "average": before.value,
            "weight": before.weight,
            "goal": state.episode.goal,
            "observation": state.observation.policy,
            "first": first,
            "logits": logits,
            "uniform": jax.vmap(lambda key: jax.random.uniform(key, (agent.num_actuators,)))(keys),
            "greedy": categorical.mode(logits),
            "sampled": action,
            "next_average": following.value,
            "next_weight": following.weight,
            "targets": targets,
            **dict(zip(memory, carry, strict=True)),
        }
        state, outcome = env.step(state, action)
        return (state, after, outcome.done), row

    @jax.jit
    def act(key):
        start_key, act_key = jax.random.split(key)
        state = env.reset(start_key, count, distance)
        loop = state, agent.initial_carry(count), jnp.ones(count, bool)
        return jax.lax.scan(step, loop, jax.random.split(act_key, steps))[1]

    rows = jax.device_get(act(jax.random.key(0)))
    return {name: np.moveaxis(np.asarray(values), 0, 1) for name, values in rows.items()}


def pictures(config: ConfigDict, estimator: Estimator, count: int) -> dict[str, np.ndarray]:
    """Renders pictures and returns them with the training code's pose estimates.

    Args:
        config: training configuration of the network.
        estimator: the network.
        count: number of frames.

    Returns:
        Arrays by name, `[frame, ...]`: `pictures [frame, camera, size, size, 3]` uint8, the points
        in them (`place`, `deviation` and `weight`, see `solve.Seen`), and the fields of the
        estimator's poses.
    """
    model = frames.load_model(config)
    qpos = frames.resting_states(model, count, seed=0)
    source = frames.make_looks(config, model, frames.HELD_OUT)
    looks = source.draw_looks(np.arange(count))
    size = estimator.eyes.first.image_size
    drawn = frames.make_views("warp", model, size, batch=1).render(qpos, looks)
    poses = estimator.estimate(drawn)
    seen = jax.jit(estimator.look)(drawn).seen
    points = {name: np.asarray(part) for name, part in seen._asdict().items()}
    return {"pictures": drawn, **points, **poses._asdict()}
