"""Exported networks, run by onnxruntime on one core."""

from __future__ import annotations

import onnxruntime


def session(graph: bytes) -> onnxruntime.InferenceSession:
    """What runs an ONNX graph."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors; a graph's unused constants are nobody's concern
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
