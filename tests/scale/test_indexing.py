"""Indexing on a cluster of this machine: what comes out is what `add` makes of the same files."""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from sensorium import Collection, Image
from sensorium.collection.checking import check
from sensorium.encoders import FolderEncoder
from sensorium.errors import EncoderError, MissingExtraError, UsageError
from tests.collection.pictures import png, write, write_many
from tests.scale.stored import assert_same, vectors_of
from tests.scale.test_encoding import actor, work
from tests.scale.test_tables import write_parquet, write_tar

ray = pytest.importorskip("ray", reason="needs the extra scale")

from sensorium import scale  # noqa: E402
from sensorium.scale import cluster as connecting  # noqa: E402
from sensorium.scale.rows import Task, encoded_of, tasks_to_table  # noqa: E402


@pytest.fixture(scope="module")
def cluster(sensorium_home: Path) -> Iterator[None]:
    """One machine of one processor, for all tests of this file: Ray takes seconds to start."""
    with connecting.connected("local"):
        yield


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lance", "sqlite"])
def test_what_is_stored_is_what_adding_stores(
    kind: str, cluster: None, folder: Path, tmp_path: Path, tiny: Path
) -> None:
    """New, equal, broken, described, missing, changed and moved files."""
    write_many(folder, range(40))
    shutil.copy(folder / "0001.png", folder / "copy of 0001.png")
    (folder / "bad.png").write_bytes(b"bad")
    (folder / "notes.txt").write_text("a red cat, a blue dog. " * 3)
    manifest = tmp_path / "said.csv"
    manifest.write_text("path,year,place\npictures/0003.png,1999,Köln\npictures/gone.png,1,x\n")
    here, far = tmp_path / "here.sensorium", tmp_path / f"far.{kind}"
    address = f"lance://{far}" if kind == "lance" else far
    seen: list[tuple[int, int]] = []

    def both() -> dict[str, Any]:
        """Add here and on the cluster, and compare all but times."""
        options: dict[str, Any] = {"metadata": {"source": "test"}}
        with Collection(here, tiny) as library:
            reports = [library.add(folder, manifest, **options)]
        seen.clear()
        options |= {"encoder": tiny, "progress": lambda *done: seen.append(done)}
        reports.append(scale.index([folder, manifest], address, **options))
        counts = [
            # A copy that comes with its original goes through the encoder on a cluster.
            vars(one) | {"skipped": {*one.skipped}, "seconds": 0, "embedded": 0}
            for one in reports
        ]
        assert counts[0] == counts[1]
        assert_same(here, far)
        return counts[1]

    first = both()
    assert (first["added"], len(first["skipped"])) == (42, 2)
    assert seen[-1] == (44, 44) and seen == sorted(seen)
    (folder / "bad.png").unlink()
    (folder / "0004.png").rename(folder / "moved.png")
    write(folder / "0005.png", 500)
    write(folder / "0006.png", 7)  # the content of another
    changed = both()
    assert (changed["added"], changed["moved"], changed["updated"]) == (0, 1, 2)
    assert both()["unchanged"] == 42
    with Collection(far) as library:
        assert not check(library).damages


def test_nothing_to_do_starts_nothing(
    folder: Path, tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_many(folder, range(3))
    with Collection(tmp_path / "c.sensorium", tiny) as library:
        library.add(folder)
        monkeypatch.setattr(connecting.ray, "is_initialized", lambda: pytest.fail("started"))
        assert scale.index(folder, library, address="nowhere:1").unchanged == 3


@pytest.mark.slow
def test_an_error_on_a_machine_is_told_as_here(
    cluster: None, folder: Path, tmp_path: Path, tiny: Path
) -> None:
    write_many(folder, range(3))
    own = shutil.copytree(tiny, tmp_path / "own")
    with Collection(tmp_path / "c.sensorium", own) as library:
        (own / "image.onnx").write_bytes(b"damaged meanwhile")
        with pytest.raises(EncoderError, match="another encoder than where it was asked for"):
            scale.index(folder, library)
        assert len(library) == 0


def test_a_stop_ends_it(folder: Path, tmp_path: Path, tiny: Path) -> None:
    write_many(folder, range(3))
    report = scale.index(folder, tmp_path / "c.sensorium", encoder=tiny, stop=lambda: True)
    assert report.stopped and report.added == 0


@pytest.mark.slow
def test_rows_of_tables_are_items(cluster: None, tmp_path: Path, tiny: Path) -> None:
    rows = [{"id": n, "image": png(n % 5), "year": 1990 + n} for n in range(12)]
    rows += [{"id": 3, "image": png(3), "year": 1}, {"id": 4, "image": png(77), "year": 1}]
    table = write_parquet(tmp_path / "a.parquet", rows)
    tar = write_tar(tmp_path / "b.tar", {"x.png": png(50), "y.png": b"no picture"})
    for _ in range(2):
        report = scale.index([table, tar], f"lance://{tmp_path}/far.lance", encoder=tiny)
        reasons = {one.path.rpartition("/")[2]: one.reason for one in report.skipped}
        assert reasons.keys() == {"a.parquet#4", "b.tar#y"}
        assert "comes twice" in reasons["a.parquet#4"]
    assert (report.added, report.unchanged) == (0, 14)
    found = vectors_of(tmp_path / "far.lance")
    assert len(found) == 13
    assert np.array_equal(found[f"parquet://{table}#1"], found[f"parquet://{table}#6"])
    with Collection(tmp_path / "far.lance") as library:
        assert not check(library).damages
        hits = library.search(Image(png(7 % 5)), k=3, where="year > 1995")
        assert hits[0].path == f"parquet://{table}#7"
        assert library.prune() == []  # no files, which might be gone


@pytest.mark.slow
def test_what_cannot_be_is_refused(
    cluster: None, folder: Path, tmp_path: Path, encoder: FolderEncoder
) -> None:
    write(folder / "a.png", 1)
    with Collection(tmp_path / "c.sensorium", encoder) as library:
        for options, told in (
            ({"workers": 0}, "workers and memory .* of 1 or"), ({"cpus": 0}, "cpus more than 0"),
            ({"gpus": 1}, "no machine of the cluster has room"), ({"batch_size": 0}, "at least 1"),
            ({"encoder": "mini"}, "an open collection has its encoder"),
        ):  # fmt: skip
            with pytest.raises(UsageError, match=told):
                scale.index(folder, library, **options)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="name at least one file"):
            scale.index([], library)
        assert len(library) == 0


@pytest.mark.parametrize(
    ("address", "told"),
    [("local", "Ray does not start here"), ("auto", "no Ray cluster answers at 'auto'")],
)
def test_a_cluster_that_does_not_answer(
    folder: Path, tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch,
    address: str, told: str,
) -> None:  # fmt: skip
    """Ray raises `Exception` itself where a machine is too busy to start it in time."""

    def fails(*_: Any, **__: Any) -> None:
        raise Exception("The current node timed out\nduring startup.")

    write_many(folder, range(1))
    monkeypatch.setattr(connecting.ray, "is_initialized", lambda: False)
    monkeypatch.setattr(connecting.ray, "init", fails)
    monkeypatch.setattr(connecting.ray, "shutdown", lambda: None)
    with pytest.raises(UsageError, match=rf"{told} \(The current node timed out during startup"):
        scale.index(folder, tmp_path / "c.sensorium", encoder=tiny, address=address)


@pytest.mark.parametrize("address", ["127.0.0.1:{}", "ray://127.0.0.1:{}", "[::1]:{}"])
def test_nobody_at_an_address_is_known_at_once(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting.ray, "is_initialized", lambda: False)
    monkeypatch.setattr(connecting.ray, "init", lambda *_, **__: pytest.fail("waited for minutes"))
    with socket.socket() as bound:  # and nobody listens
        bound.bind(("127.0.0.1", 0))
        address = address.format(bound.getsockname()[1])
        with (
            pytest.raises(UsageError, match=re.escape(f"no Ray cluster answers at {address!r}")),
            connecting.connected(address),
        ):
            pytest.fail("connected")


def test_without_ray_the_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib
    import sys

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"ray is not installed; run: .*\[scale\]"):
        importlib.reload(connecting)
    monkeypatch.undo()
    importlib.reload(connecting)


@pytest.mark.slow
def test_pictures_are_read_here_and_not_by_ray(
    cluster: None, folder: Path, encoder: FolderEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its `read_images` passes over WebP and AVIF, and turns nothing upright."""
    monkeypatch.setenv("SENSORIUM_THREADS", "1")
    for suffix in ("webp", "avif"):
        PIL.Image.new("RGB", (16, 16), "red").save(folder / f"a.{suffix}")
    with pytest.raises(ValueError, match="extensions"):
        ray.data.read_images(str(folder)).take_all()
    block = tasks_to_table(Task(n, work(path)) for n, path in enumerate(sorted(folder.iterdir())))
    made = encoded_of(actor(encoder)(block), encoder.space.dimension)
    assert [done.change for _, (done, _, _) in made] == ["embed", "embed"]
