"""``sensorium versions``."""

from __future__ import annotations

from pathlib import Path

from sensorium import Collection
from sensorium.encoders import Encoder
from tests.cli.conftest import Run
from tests.collection.test_bulk import some


def test_versions(run: Run, tmp_path: Path, encoder: Encoder) -> None:
    place = tmp_path / "c.lance"
    with Collection(f"lance://{place}", encoder) as library:
        library.add_vectors(some(2), ["a", "b"])
        library.keep_version("before")
        library.delete("a")
    listed = run("versions", "-c", place, "--keep", "after")
    rows = [line.split("\t") for line in listed.lines]
    assert listed.code == 0 and [row[2:] for row in rows if row[2:]] == [["before"], ["after"]]
    assert '"names": ["after"]' in run("versions", "-c", place, "--json").out
    told = run("info", "-c", f"lance://{place}?version=before")
    assert f"version      {next(row[0] for row in rows if row[2:])}\n" in told.out
    gone = run("versions", "-c", place, "--forget", "0")
    assert len(gone.lines) == 2 and "MB are free now" in gone.err
    assert run("versions", "-c", f"lance://{place}?version=x").code == 3
