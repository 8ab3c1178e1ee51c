"""What a shard's process says to messages that nobody who asks it would send."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from sensorium.encoders import FolderEncoder
from sensorium.scale.shards import server
from sensorium.scale.shards.wire import pack
from tests.scale.shards.conftest import TOKEN, Divide, Replica, unit

RIGHT = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def replica(filled: Path, tiny_folder: FolderEncoder, divide: Divide) -> Replica:
    ((one,),) = divide(filled, 1)[1]
    one.shard.follow()
    return one


def test_what_makes_no_sense_is_refused(
    replica: Replica, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    held = replica.shard.held
    assert held is not None
    rows, queries = len(held.segment_ids), unit(np.random.default_rng(0), 2)
    whole = np.packbits(np.ones(rows, bool))
    none = np.empty(0, np.int64)
    search: dict[str, Any] = {"instance": held.instance, "rows": rows, "k": 3}
    scale = [{"image": [0.0, 0.1]}, ["image"], {}]
    parts = {**search, "parts": [[1.0, [scale, scale]]], "names": ["image"], "depth": 3}
    with httpx.Client(base_url=f"http://{replica.address}", headers=RIGHT, timeout=20) as client:

        def answer(path: str, facts: dict[str, Any], **arrays: Any) -> httpx.Response:
            return client.post(path, content=pack(facts, **arrays))

        assert answer("/search", search, queries=queries, allowed=whole).status_code == 200
        measured = {"vectors": queries, "likely": none}
        told = answer("/measure", parts, **measured)
        assert told.status_code == 200, told.text
        for facts, arrays in (
            ({**search, "rows": 1 << 40}, {"queries": queries, "allowed": whole}),
            ({**search, "rows": -1}, {"queries": queries, "allowed": whole}),
            ({**search, "rows": 8}, {"queries": queries, "allowed": whole[:1]}),
            ({**search, "k": "x"}, {"queries": queries}),
            (search, {"queries": queries[:, :5]}),
            (search, {}),
        ):
            assert answer("/search", facts, **arrays).status_code == 400, facts
        for wrong in ([[1.0, [[5, 5, 5]]]], [[1.0, [[None, None, None]]]], 5, [[1.0]]):
            assert answer("/measure", {**parts, "parts": wrong}, **measured).status_code == 400
        monkeypatch.setattr(server, "MOST_BYTES", 1000)
        # In pieces nothing says how long it is.
        sent = client.post("/search", content=(b"x" * 500 for _ in range(3)))
        assert sent.status_code == 413
        assert client.post("/search", content=b"x" * 1001).status_code == 413
    with socket.create_connection(("127.0.0.1", replica.port)) as leaving:
        head = f"POST /search HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n"
        leaving.sendall(f"{head}content-length: 900\r\n\r\nno more".encode())
    with httpx.Client(base_url=f"http://{replica.address}", timeout=20) as client:
        assert client.get("/state", headers=RIGHT).status_code == 200
        for wrong in ({}, {"authorization": "Basic x"}, {"authorization": f"Bearer {TOKEN}x"}):
            assert client.get("/state", headers=wrong).status_code == 401
    replica.end()
    assert not [one for one in caplog.records if one.exc_info]
