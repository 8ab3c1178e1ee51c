"""Small pictures, and a look into a collection's file, for the tests of this folder."""

from __future__ import annotations

import io
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image

from sensorium import Collection
from sensorium.encoders import Encoder
from tests.agreement import assert_agree

ROOT = Path(__file__).parent.parent.parent
SIDE = 8  # pixels; the tiny encoder sees a coarse thumbnail


def png(seed: int) -> bytes:
    """An encoded picture; every seed has its own content and its own vector."""
    pixels = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def write(path: Path, seed: int, *, mtime: int | None = None) -> Path:
    """Write picture `seed`, with a modification time of `mtime` whole seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png(seed))
    if mtime is not None:
        os.utime(path, (mtime, mtime))
    return path


def write_many(folder: Path, seeds: range) -> list[Path]:
    return [write(folder / f"{seed:04}.png", seed) for seed in seeds]


def paths(collection: Collection) -> list[str]:
    """Paths of all items in the order of ids."""
    return [path for _, path in collection._store.paths()]


def names(collection: Collection) -> list[str]:
    return sorted(Path(path).name for path in paths(collection))


def check_file(path: Path) -> dict[str, np.ndarray]:
    """Check a collection's file from outside; returns the vectors of every item by path."""
    if path.is_dir():
        return check_table(path)
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        items = [row[0] for row in db.execute("SELECT path FROM items")]
        rows = db.execute(
            "SELECT path, vector FROM segments JOIN items ON items.id = item_id ORDER BY ordinal"
        ).fetchall()
    db.close()
    assert len(items) == len(set(items))
    assert len(rows) == len({name for name, _ in rows})  # a picture is one segment
    return {name: np.frombuffer(blob, "<f4") for name, blob in rows}


def check_table(path: Path) -> dict[str, np.ndarray]:
    """`check_file` of a collection in Lance."""
    import lance

    rows = lance.dataset(str(path)).to_table().to_pylist()
    items = {row["id"]: row["path"] for row in rows if row["kind"] == "items"}
    segments = [row for row in rows if row["kind"] == "segments"]
    keys = [(row["kind"], row["id"], row["name"]) for row in rows if row["kind"] != "gone"]
    assert len(keys) == len(set(keys))
    assert len(items) == len(set(items.values()))
    assert len(segments) == len({row["item_id"] for row in segments})
    return {items[row["item_id"]]: np.array(row["vector"], "<f4") for row in segments}


def check_vectors(collection: Collection, encoder: Encoder, contents: dict[str, bytes]) -> None:
    """Check that exactly these paths are stored, each with the vector of its content."""
    stored = check_file(collection.path)
    assert sorted(stored) == sorted(contents)
    assert sorted(paths(collection)) == sorted(contents)
    if contents:
        wanted = encoder.encode(list(contents.values()))
        found = np.stack([stored[path] for path in contents])
        assert_agree(found, wanted)


def start(program: str, *arguments: str | Path, **options: object) -> subprocess.Popen[str]:
    """Start a Python program in a process of its own, with our import path and home."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        **options,
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for a program to end well; returns what it printed."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out
