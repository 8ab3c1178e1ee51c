"""A collection that is divided is measured beside one process."""

from __future__ import annotations

import argparse
import sys

import pytest

pytest.importorskip("uvicorn", reason="extra `serve` is not installed")

if sys.platform != "linux":
    pytest.skip("reads /proc", allow_module_level=True)

from benchmarks import shards


@pytest.mark.slow
def test_all_are_asked_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "PARTS", (1, 2))
    monkeypatch.setattr(shards, "QUICK_ASKED", 3)
    rows = shards.run(argparse.Namespace(quick=True, rows=500))
    same = [row for row in rows if row.metric.endswith("same hits")]
    assert {row.system for row in same} == {shards.ONE, "1 shard", "2 shards"}
    assert all(row.value == 1 for row in same) and len(same) == 9
    asked = {row.system for row in rows if row.metric == "10 nearest, processor"}
    assert asked == {shards.ONE, "1 shard", "2 shards", shards.FLAT, "FAISS, 2 shards"}
    assert all(row.value >= 0 for row in rows)
