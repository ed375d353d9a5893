"""Checks that an ONNX file is a graph of plain operators that cannot loop or read files.

Parses the file as a protocol buffer (https://onnx.ai/onnx/repo-docs/IR.html). A robot host has no
library that reads ONNX without running it.
"""

from __future__ import annotations

from collections.abc import Iterator

_NAMES = """
    Abs Add And ArgMax AveragePool BatchNormalization Cast Ceil Clip Concat Constant
    ConstantOfShape Conv Cos CumSum Div Einsum Elu Equal Erf Exp Expand Flatten Floor Gather
    GatherND Gelu Gemm GlobalAveragePool Greater GreaterOrEqual Identity InstanceNormalization
    LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax MatMul Max MaxPool Mean Min Mod
    Mul Neg Not Or Pad Pow Range Reciprocal ReduceL2 ReduceMax ReduceMean ReduceMin ReduceProd
    ReduceSum ReduceSumSquare Relu Reshape Round Selu Shape Sigmoid Sign Sin Slice Softmax
    Softplus Split Sqrt Squeeze Sub Sum Tanh Transpose Unsqueeze Where
"""
OPERATORS = frozenset(_NAMES.split())
MOST_NODES = 10_000
# Field numbers of the protocol buffer.
_GRAPH, _FUNCTIONS = 7, 25
_NODE, _INITIALIZER, _SPARSE = 1, 5, 15
_ATTRIBUTE, _OPERATOR, _DOMAIN = 5, 4, 7
_SUBGRAPHS = (6, 11)
_EXTERNAL, _LOCATION = 13, 14


def check(content: bytes) -> None:
    """Checks a whole file.

    Raises:
        ValueError: it is not an ONNX file, or contains what no exported network does.
    """
    graphs = [part for number, part in _fields(content) if number == _GRAPH]
    if any(number == _FUNCTIONS for number, _ in _fields(content)) or len(graphs) != 1:
        raise ValueError("the network must be one graph, without functions of its own")
    nodes = 0
    for number, part in _fields(_bytes(graphs[0])):
        if number == _SPARSE:
            raise ValueError("the network contains sparse tensors")
        if number == _INITIALIZER:
            found = {number for number, _ in _fields(_bytes(part))}
            if found & {_EXTERNAL, _LOCATION}:
                raise ValueError("the network keeps its numbers in other files")
        if number == _NODE:
            nodes += 1
            _check_node(_bytes(part))
    if not 0 < nodes <= MOST_NODES:
        raise ValueError(f"the network has {nodes} nodes; it must have 1 to {MOST_NODES}")


def _check_node(node: bytes) -> None:
    operator, domain = "", ""
    for number, part in _fields(node):
        if number == _OPERATOR:
            operator = _bytes(part).decode("utf-8", "replace")
        elif number == _DOMAIN:
            domain = _bytes(part).decode("utf-8", "replace")
        elif number == _ATTRIBUTE and any(n in _SUBGRAPHS for n, _ in _fields(_bytes(part))):
            raise ValueError(f"the network's operator {operator!r:.40} has a graph of its own")
    if domain not in ("", "ai.onnx") or operator not in OPERATORS:
        raise ValueError(f"the network has an operator {operator!r:.40} that is not allowed")


def _bytes(part: bytes | int) -> bytes:
    if isinstance(part, int):
        raise ValueError("it is not an ONNX file: a field has the wrong type")
    return part


def _fields(message: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Yields number and content of each field of a message."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield number, value
            continue
        if kind == 2:
            length, at = _varint(message, at)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError("it is not an ONNX file: a field has an unknown type")
        if at + length > len(message):
            raise ValueError("it is not an ONNX file: a field is longer than the file")
        yield number, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            break
        byte = message[at]
        value, at = value | (byte & 127) << shift, at + 1
        if byte < 128:
            return value, at
    raise ValueError("it is not an ONNX file: a number does not end")
