"""``sensorium index --ray`` as a process of its own: what it prints, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sensorium import Collection
from tests.collection.pictures import png, write_many
from tests.scale.test_tables import write_parquet


def sensorium(*words: str | Path, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **({} if home is None else {"HOME": str(home)})}
    command = [sys.executable, "-m", "sensorium", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.mark.slow
def test_it_prints_what_indexing_prints(folder: Path, tmp_path: Path, tiny: Path) -> None:
    pytest.importorskip("ray", reason="needs the extra scale")
    write_many(folder, range(5))
    (folder / "bad.png").write_bytes(b"bad")
    home = tmp_path / "home"
    home.mkdir()
    table = write_parquet(tmp_path / "a.parquet", [{"key": "a", "image": png(9)}])
    place = f"lance://{tmp_path}/c.lance"
    words = ["index", folder, table, "-c", place, "--encoder", tiny, "--ray", "local"]
    done = sensorium(*words, "--workers", "1", home=home)
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    assert line.startswith("6 added, 1 skipped in ") and line.endswith("holds 6")
    told = [line for line in done.stderr.splitlines() if not line.startswith("indexing")]
    assert len(told) == 1 and told[0].startswith(f"skipped {folder / 'bad.png'}: no picture")
    left = [path for path in home.rglob("*") if path.is_file()]
    assert left in ([], [home / ".ray" / "auth_token"])  # what its processes know each other by
    with Collection(place) as library:
        assert len(library) == 6


def test_words_that_need_a_cluster(folder: Path, tmp_path: Path, tiny: Path) -> None:
    write_many(folder, range(1))
    done = sensorium("index", folder, "-c", tmp_path / "c", "--encoder", tiny, "--workers", "2")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.strip() == "sensorium: --workers and --gpus go with --ray"
    assert not (tmp_path / "c").exists()
    done = sensorium("export", tmp_path / "out", "--ray", "local", "--layout", "numpy")
    assert done.returncode == 2 and "--ray writes Parquet parts" in done.stderr
