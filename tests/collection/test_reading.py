"""Long items that are read in one thread and used up, or left, in another."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest

from sensorium import Collection, Document
from sensorium.collection.adding import add_files
from sensorium.encoders import Encoder, Prepared
from sensorium.encoders.base import Role
from sensorium.encoders.pipeline import HEAVY_AHEAD, Read, embed
from sensorium.encoders.reading import is_heavy, read_segments, segments_of
from sensorium.errors import CollectionError
from sensorium.media import Audio, Image, Media, Modality, Text, open_media
from tests.campaigns.mutating.meter import descendants
from tests.collection.pictures import png
from tests.media.pdfs import text_pdf
from tests.media.recordings import encode_sound, tone, write_video

PAGES = 40
MINUTES = 2  # after which a run counts as hanging


def report_on(subject: str) -> bytes:
    return text_pdf(*[f"Page {n} is about {subject}{n}." for n in range(1, PAGES + 1)])


def test_every_page_of_long_pdfs_is_found(tmp_path: Path, tiny: Path) -> None:
    """Two in one batch: both are begun by threads that read ahead, and finished later."""
    folder, path = tmp_path / "reports", tmp_path / "c.sensorium"
    folder.mkdir()
    (folder / "boats.pdf").write_bytes(report_on("boat"))
    (folder / "trees.pdf").write_bytes(report_on("tree"))
    (folder / "zz.txt").write_text("Something short, which comes last.", "utf-8")
    command = [sys.executable, "-m", "sensorium", "index", folder, "-c", path, "--encoder", tiny]
    done = subprocess.run(
        [*command, "--json"],
        capture_output=True, text=True, timeout=MINUTES * 60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["added"] == 3
    with Collection(path, tiny) as library:
        for name, subject in (("boats.pdf", "boat"), ("trees.pdf", "tree")):
            for page in range(1, PAGES + 1):
                (hit,) = library.search(f"{subject}{page}", mode="words")
                assert (Path(hit.path).name, hit.details["page"]) == (name, page)
                assert hit.text == f"Page {page} is about {subject}{page}."


def test_a_pdf_begun_in_one_thread_is_finished_or_left_in_another() -> None:
    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
        left = iter(Document(report_on("boat")).segments())
        first.submit(next, left).result()
        # Others are read meanwhile: what was begun holds nothing that they wait for.
        whole = iter(Document(report_on("tree")).segments())
        begun = [first.submit(next, whole).result()]
        rest = second.submit(list, whole).result(timeout=MINUTES * 60)
        texts = [part.media.text for part in [*begun, *rest] if isinstance(part.media, Text)]
        assert texts == [f"Page {n} is about tree{n}." for n in range(1, PAGES + 1)]
        second.submit(left.close).result(timeout=MINUTES * 60)  # type: ignore[attr-defined]
        again = first.submit(list, Document(report_on("boat")).segments())
        assert len(again.result(timeout=MINUTES * 60)) == PAGES


class Failing(Encoder):
    """An encoder that does its work so many times, and then fails."""

    name = "failing"

    def __init__(self, encoder: Encoder, error: BaseException, after: int) -> None:
        self._encoder, self._error, self._left = encoder, error, after
        self.space, self.prepare = encoder.space, encoder.prepare

    def encode_prepared(
        self, modality: Modality, batch: Sequence[Prepared], role: Role = "document"
    ) -> npt.NDArray[np.float32]:
        self._left -= 1
        if self._left < 0:
            raise self._error
        return self._encoder.encode_prepared(modality, batch, role)


LONG = ("film.mp4", "song.mp3", "talk.m4a", "talk.flac", "report.pdf")


@pytest.fixture(scope="module")
def long_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of more pieces than are read ahead, of every kind that is read piecewise."""
    folder = tmp_path_factory.mktemp("long")
    colours = ("red", "lime", "blue", "white", "black") * 4
    scenes = [PIL.Image.new("RGB", (64, 64), colour) for colour in colours]
    write_video(folder / "film.mp4", scenes, size=(64, 64), rate=2, sound=tone(20))
    for name in ("song.mp3", "talk.m4a", "talk.flac"):
        (folder / name).write_bytes(encode_sound(tone(60), name[-3:].replace("lac", "flac")))
    (folder / "report.pdf").write_bytes(report_on("boat"))
    return folder


def open_files(folder: Path) -> list[str]:
    """Files below a folder that this process has open, or one that reads for it."""
    found = []
    for process in (os.getpid(), *descendants(os.getpid())):
        with contextlib.suppress(OSError):
            for entry in Path(f"/proc/{process}/fd").iterdir():
                with contextlib.suppress(OSError):
                    found.append(str(entry.readlink()))
    return [name for name in found if name.startswith(str(folder))]


def pieces(path: Path) -> Generator[object, None, None]:
    """What is read of a file, piece by piece: words, pixels or samples."""
    media = open_media(path)
    if isinstance(media, Audio):
        yield from (block.tobytes() for block in media.blocks(8000, seconds=1.0))
        return
    for segment in media.segments():
        inner = segment.media
        if isinstance(inner, Image):
            yield segment.span, inner.load().tobytes()
        else:
            yield segment.span, getattr(inner, "text", None)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="lists open files as Linux does")
@pytest.mark.parametrize("name", LONG)
def test_a_file_begun_in_one_thread_is_finished_or_left_in_another(
    long_files: Path, name: str
) -> None:
    path = long_files / name
    expected = list(pieces(path))
    assert len(expected) > 4
    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
        left, whole = pieces(path), pieces(path)
        first.submit(next, left).result()
        begun = [first.submit(next, whole).result()]
        rest = second.submit(list, whole).result(timeout=MINUTES * 60)
        assert begun + rest == expected
        second.submit(left.close).result(timeout=MINUTES * 60)
    assert open_files(long_files) == []


def copy_film(film: Path, folder: Path, count: int) -> list[Path]:
    """The same film, in files that differ."""
    content, copies = film.read_bytes(), [folder / f"{n}.mp4" for n in range(count)]
    for n, path in enumerate(copies):
        path.write_bytes(content + (12).to_bytes(4, "big") + b"free" + n.to_bytes(4, "big"))
    return copies


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="lists open files as Linux does")
def test_few_videos_are_open_at_a_time(encoder: Encoder, long_files: Path, tmp_path: Path) -> None:
    """However far the model is behind: a decoder of 4K takes a sixth of a gigabyte."""
    films = copy_film(long_files / "film.mp4", tmp_path, 8)

    def read(path: Path) -> Read[Path]:
        video = open_media(path)
        return read_segments(path, video, segments_of(encoder, video), lambda _: path)

    done, most = [], 0
    for batch in embed(encoder, films, read, batch_size=8, is_heavy=is_heavy):
        time.sleep(0.05)  # a slow consumer: readers go as far ahead as they may
        most = max(most, len(open_files(tmp_path)))
        done += [item for item, _, _ in batch]
    assert done == films
    assert 0 < most <= HEAVY_AHEAD + 1


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="lists open files as Linux does")
@pytest.mark.parametrize("error", [RuntimeError("a fault of the encoder"), KeyboardInterrupt()])
def test_a_run_that_ends_early_lets_go_of_its_files(
    collection: Collection, long_files: Path, tmp_path: Path, error: BaseException
) -> None:
    """Also while somebody keeps what was raised, as every debugger and notebook does."""
    copy_film(long_files / "film.mp4", tmp_path, 6)
    encoder = Failing(collection.encoder, error, after=2)
    threads = threading.active_count()
    with pytest.raises(type(error)) as raised:
        add_files(collection._store, encoder, [tmp_path], encoder_name="", batch_size=2)
    assert raised.value is error
    assert not [name for name in open_files(tmp_path) if name.endswith(".mp4")]
    assert threading.active_count() == threads


class Faulty(Encoder):
    """An encoder that has a fault of its own, which shows in one picture."""

    name = "faulty"

    def __init__(self, encoder: Encoder, name: str) -> None:
        self._encoder, self._name = encoder, name
        self.space, self.encode_prepared = encoder.space, encoder.encode_prepared

    def prepare(self, media: Media, role: Role = "document") -> Prepared:
        if isinstance(media, Image) and media.path and media.path.name == self._name:
            raise ZeroDivisionError("a fault of the encoder")
        return self._encoder.prepare(media, role)


def test_a_fault_of_the_encoder_ends_the_run_and_loses_nothing_before_it(
    collection: Collection, folder: Path
) -> None:
    """It is told as it is: a file that is good is not called bad."""
    for n in range(20):
        (folder / f"{n:02}.png").write_bytes(png(n))
    with pytest.raises(ZeroDivisionError, match="a fault of the encoder"):
        add_files(
            collection._store,
            Faulty(collection.encoder, "13.png"),
            [folder],
            encoder_name="",
            batch_size=8,
        )
    stored = sorted(Path(path).name for _, path in collection._store.paths())
    assert stored == [f"{n:02}.png" for n in range(13)]


def test_a_batch_that_cannot_be_encoded_loses_no_other(
    collection: Collection, folder: Path
) -> None:
    for n in range(40):
        (folder / f"{n:02}.png").write_bytes(png(n))
    encoder = Failing(collection.encoder, RuntimeError("out of order"), after=3)
    with pytest.raises(RuntimeError, match="out of order"):
        add_files(collection._store, encoder, [folder], encoder_name="", batch_size=8)
    assert len(collection) == 24
    assert collection.add(folder).added == 16


def test_a_full_disk_is_not_taken_for_a_bad_file(collection: Collection, folder: Path) -> None:
    for n in range(300):
        (folder / f"{n:03}.png").write_bytes(png(n))
    collection.add(folder / "000.png")
    ((pages,),) = collection._store.connection.execute("PRAGMA page_count")
    collection._store.connection.execute(f"PRAGMA max_page_count = {pages + 4}")
    with pytest.raises(CollectionError, match=r"cannot be written \(database or disk is full\)"):
        collection.add(folder, batch_size=8)
    stored = len(collection)
    assert 0 < stored < 300
    collection._store.connection.execute("PRAGMA max_page_count = 1000000")
    assert collection.add(folder).added == 300 - stored
