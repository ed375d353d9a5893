"""Trained networks as ONNX graphs, traced from the functions used in training."""

import logging
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import jax2onnx

from dactyl_jax import hand
from dactyl_jax.learning import PolicyAgent
from dactyl_jax.vision.estimator import Estimator

OPSET = 17  # supported by onnxruntime 1.13; the last one for Python 3.8, 1.19, supports up to 21
POSE_OPSET = 18  # normalisation layers need it


def policy_graph(agent: PolicyAgent) -> bytes:
    """Exports the policy as an ONNX graph from raw observation and memory to logits and memory.

    Inputs: `observation [1, size]`, `hidden` and `cell` `[1, lstm]`. Outputs: `logits
    [1, bin, 20]`, `next_hidden` and `next_cell`. A policy without memory has only `observation` and
    `logits`.
    """
    design = agent.network
    memory = ["hidden", "cell"] if design.memory else []

    def step(seen, *carry):
        logits, carry = agent.logits(seen, carry, jnp.zeros(1, bool))
        return logits, *carry

    logging.getLogger("onnx_ir").setLevel(logging.ERROR)  # it warns about unused shapes
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


def pose_graph(estimator: Estimator) -> bytes:
    """Exports the pose networks as an ONNX graph from camera pictures to the places of points.

    Input: `pictures [1, camera, size, size, 3]` uint8. Outputs: the first look's `position [1, 3]`,
    m, and `matrix [1, 3, 3]`, the mean over the possible orientations; `place [1, camera, 21, 2]`,
    `deviation` and `weight` `[1, camera, 21]` of the points, see `solve.Seen`.
    """
    size = estimator.eyes.first.image_size

    def outputs(pictures):
        position, matrix, seen = estimator.look(pictures)
        return position, matrix, *seen

    graph: Any = jax2onnx.to_onnx(
        outputs,
        [jax.ShapeDtypeStruct((1, len(hand.RIG), size, size, 3), jnp.uint8)],
        model_name="pose",
        opset=POSE_OPSET,
        input_names=["pictures"],
        output_names=["position", "matrix", "place", "deviation", "weight"],
    )
    return graph.SerializeToString()
