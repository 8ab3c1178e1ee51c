"""Small pictures are kept up to a limit; whatever was asked for last stays."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from sensorium.serve.http.media import SIDES
from sensorium.serve.settings import Limits
from sensorium.serve.thumbnails import Thumbnails
from tests.serve.conftest import Serve

SIZE = 1000


def name_of(number: int) -> str:
    return f"{number * 37 % 256:02x}{number:06d}"


def kept_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_the_latest_stay(tmp_path: Path) -> None:
    kept = Thumbnails(tmp_path, 20 * SIZE)
    for number in range(60):
        kept.keep(name_of(number), bytes([number]) * SIZE)
        for path in tmp_path.rglob("*.webp"):  # as if each was written a minute after the other
            os.utime(path, (path.stat().st_atime - 100, path.stat().st_mtime - 100))
        assert kept.get(name_of(0)) == bytes(SIZE)  # who is asked for is young again
        assert kept_bytes(tmp_path) <= 21 * SIZE
    found = [number for number in range(60) if kept.get(name_of(number)) is not None]
    assert len(found) >= 17 and found == [0, *range(61 - len(found), 60)]
    assert kept.get(name_of(59)) == bytes([59]) * SIZE


def test_what_others_have_kept_counts(tmp_path: Path) -> None:
    """Processes of one server share a folder, and one that is started anew finds it full."""
    Thumbnails(tmp_path, 100 * SIZE).keep(name_of(0), bytes(SIZE))
    for _ in range(3):
        processes = [Thumbnails(tmp_path, 20 * SIZE) for _ in range(2)]

        def write(number: int, processes: list[Thumbnails] = processes) -> None:
            processes[number % 2].keep(name_of(number), bytes(SIZE))

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(write, range(200)))
        assert kept_bytes(tmp_path) <= 26 * SIZE  # four may be written while room is made


def test_none_is_kept(tmp_path: Path) -> None:
    kept = Thumbnails(tmp_path, 0)
    kept.keep(name_of(1), bytes(SIZE))
    assert kept.get(name_of(1)) is None and not list(tmp_path.iterdir())


def test_the_server_keeps_no_more(
    serve: Serve, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path))
    client = serve(photos, limits=Limits(thumbnail_megabytes=1))

    def ask(number: int) -> httpx.Response:
        side, item = SIDES[-1 - number // 12], number % 12 + 1
        return client.get(f"/api/collections/library/items/{item}/thumbnail", params={"side": side})

    first = [ask(number).content for number in range(60)]
    assert sum(map(len, first)) > 1 << 20  # else this tries nothing
    assert 1 << 19 < kept_bytes(tmp_path / "thumbnails") <= (1 << 20) * 1.05
    assert [ask(number).content for number in (0, 59)] == [first[0], first[59]]
