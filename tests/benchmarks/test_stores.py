"""What collections in SQLite and in Lance cost."""

from __future__ import annotations

import argparse

import pytest

from benchmarks import stores


def test_both_are_asked_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "QUICK_ITEMS", 70)
    monkeypatch.setattr(stores, "ROUNDS", 1)
    rows = stores.run(argparse.Namespace(quick=True))
    of = {name: {row.metric for row in rows if row.system == name} for name in ("SQLite", "Lance")}
    assert of["SQLite"] == of["Lance"] and len(of["Lance"]) == 10
    assert all(row.value >= 0 for row in rows)
    assert (
        min(row.value for row in rows if row.metric == "size") > 70 * 4 * stores.DIMENSION / 2**20
    )
