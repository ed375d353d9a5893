"""Trained networks as ONNX graphs, from the very functions that train."""

import logging
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import jax2onnx

from dactyl_jax import hand
from dactyl_jax.learning import PolicyAgent
from dactyl_jax.vision.estimator import Estimator

OPSET = 17  # that of onnxruntime 1.13; Python 3.8's last, 1.19, knows up to 21
POSE_OPSET = 18  # normalising needs it


def policy_graph(agent: PolicyAgent) -> bytes:
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


def pose_graph(estimator: Estimator) -> bytes:
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
