"""The lower part of an ONNX model, as a model of its own: what a middle layer makes of its input.

Written on the level of the file's fields, since the package `onnx` is no part of an installation;
weights of the upper part are left out.

Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto (numbers of fields), and
https://protobuf.dev/programming-guides/encoding/ (how fields are written).
"""

from __future__ import annotations

from pathlib import Path

from sensorium.encoders.onnx_files import fields_of
from sensorium.errors import EncoderError

GRAPH = 7
NODE, TENSOR, OUTPUT, VALUE_INFO = 1, 5, 12, 13
"""Fields of a model and of its graph."""

READS, WRITES, OPERATOR = 1, 2, 4
"""Fields of a node."""

NAME_OF_TENSOR = 8

FLOAT = 1


def lower_part(path: Path, operator: str, count: int, rank: int = 3) -> bytes:
    """The model up to one of its nodes, whose value is its only output.

    Parameters
    ----------
    path : Path
        An ONNX file; its nodes stand in the order in which they are computed, as ONNX demands.
    operator : str
        Kind of that node.
    count : int
        The how manieth of this kind it is, from 1.
    rank : int
        Dimensions of its value, which is float32.

    Returns
    -------
    bytes
        An ONNX model.

    Raises
    ------
    EncoderError
        When the file is no ONNX, or has fewer such nodes.
    """
    try:
        model = path.read_bytes()
        begin, end = next((a, b) for number, a, b in fields_of(model, 0, len(model))
                          if number == GRAPH)  # fmt: skip
        graph = _parts(model[begin:end])
        nodes, used, output = _nodes_up_to(graph, operator.encode(), count)
    except (OSError, ValueError, IndexError, StopIteration) as error:
        reason = f"it has fewer than {count} nodes {operator}" if not str(error) else str(error)
        raise EncoderError(f"{path}: its lower part cannot be read ({reason})") from error
    weights = [(TENSOR, one) for number, one in graph
               if number == TENSOR and _of(one, NAME_OF_TENSOR)[0] in used]  # fmt: skip
    rest = [one for one in graph if one[0] not in (NODE, TENSOR, OUTPUT, VALUE_INFO)]
    kept = _written([*nodes, *rest, *weights, (OUTPUT, _value(output, rank))])
    head = len(_field(GRAPH, model[begin:end])) - (end - begin)
    return model[: begin - head] + _field(GRAPH, kept) + model[end:]


def _nodes_up_to(
    graph: list[tuple[int, bytes]], operator: bytes, count: int
) -> tuple[list[tuple[int, bytes]], set[bytes], bytes]:
    """Nodes up to the one that is meant, what they read, and its output."""
    kept, used = list[tuple[int, bytes]](), set[bytes]()
    for number, node in graph:
        if number != NODE:
            continue
        kept.append((NODE, node))
        used |= {*_of(node, READS)}
        count -= _of(node, OPERATOR) == [operator]
        if count == 0:
            return kept, used, _of(node, WRITES)[0]
    raise StopIteration


def _parts(message: bytes) -> list[tuple[int, bytes]]:
    return [(number, message[a:b]) for number, a, b in fields_of(message, 0, len(message))]


def _of(message: bytes, wanted: int) -> list[bytes]:
    return [part for number, part in _parts(message) if number == wanted]


def _written(parts: list[tuple[int, bytes]]) -> bytes:
    return b"".join(_field(number, content) for number, content in parts)


def _field(number: int, content: bytes) -> bytes:
    return _number(number << 3 | 2) + _number(len(content)) + content


def _number(value: int) -> bytes:
    written = bytearray()
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    return bytes([*written, value])


def _value(name: bytes, rank: int) -> bytes:
    """A ``ValueInfoProto``: a float tensor of which no dimension is fixed."""
    shape = _written([(1, b"")] * rank)
    tensor = _number(1 << 3) + _number(FLOAT) + _field(2, shape)
    return _field(1, name) + _field(2, _field(1, tensor))
