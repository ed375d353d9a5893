"""Runs exported networks with onnxruntime on one core."""

from __future__ import annotations

import onnxruntime


def session(graph: bytes) -> onnxruntime.InferenceSession:
    """Creates a session of onnxruntime from the bytes of an ONNX file."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only; warnings about unused constants are harmless
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
