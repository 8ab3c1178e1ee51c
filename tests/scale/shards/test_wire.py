"""What is sent between processes comes as it was, and nothing else is taken."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sensorium.scale.shards.wire import ALIGNED, pack, unpack


def test_arrays_come_as_they_were() -> None:
    arrays = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array([-1, 1 << 62]),
        "c": np.packbits(np.ones(13, bool)), "d": np.empty((0, 5), np.float64),
        "e": np.array([(1 << 64) - 1], np.uint64),
    }  # fmt: skip
    facts, found = unpack(pack({"k": 3, "none": None, "x": 0.1 + 0.2}, **arrays))
    assert facts == {"k": 3, "none": None, "x": 0.1 + 0.2}
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype and np.array_equal(found[name], array)
        assert found[name].ctypes.data % ALIGNED == found["a"].ctypes.data % ALIGNED
    with pytest.raises(TypeError, match="are not sent"):
        pack({}, a=np.array(["text"]))


def test_what_is_no_message() -> None:
    whole = pack({}, a=np.arange(10))
    header = json.dumps({"facts": {}, "arrays": {"a": ["|O", [1]]}}).encode()
    of_objects = len(header).to_bytes(4, "little") + header + bytes(8)
    huge = whole.replace(b"[10]", b"[-9]")
    for wrong in (b"", b"abc", whole[:-8], whole[:20], of_objects, huge, b"\xff" * 40):
        with pytest.raises(ValueError, match=r"no message of a shard|are not taken"):
            unpack(wrong)
