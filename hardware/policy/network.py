"""Runs the policy network with onnxruntime on one core."""

from __future__ import annotations

from typing import Tuple

import numpy as np

from hardware.bundle import graphs
from hardware.bundle.store import Bundle

Memory = Tuple[np.ndarray, ...]
"""State of the LSTM: hidden and cell, `[1, size]` each; empty for a policy without memory."""


class Policy:
    """The policy network; it is stateless, the caller keeps the memory.

    Args:
        bundle: bundle of the policy.
    """

    def __init__(self, bundle: Bundle):
        memory = bundle.contract["memory"]
        self._memory = [(name, memory["size"]) for name in memory["inputs"]]
        self._bins = bundle.contract["action"]["bins"]
        self._session = graphs.session(bundle.network)

    def initial_memory(self) -> Memory:
        """The memory at the start of a trial, all zeros."""
        return tuple(np.zeros((1, size), np.float32) for _, size in self._memory)

    def logits(self, observation: np.ndarray, memory: Memory) -> tuple[np.ndarray, Memory]:
        """Runs one step of the network.

        Args:
            observation: observation before normalisation, `[size]`.
            memory: memory before the step.

        Returns:
            Logits `[bin, 20]` and the memory after the step.
        """
        inputs = {name: array for (name, _), array in zip(self._memory, memory)}
        inputs["observation"] = observation[None].astype(np.float32)
        logits, *after = self._session.run(None, inputs)
        return logits.reshape(self._bins, -1), tuple(after)
