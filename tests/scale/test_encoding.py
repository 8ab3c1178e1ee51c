"""What an actor does with a block of files, in this process: no cluster is needed for it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from sensorium import Collection
from sensorium.collection.rows import FileState
from sensorium.collection.work import Work
from sensorium.data.files import Candidate
from sensorium.encoders import FolderEncoder
from sensorium.encoders.base import Prepared, Role
from sensorium.errors import CollectionError, EncoderError, MissingExtraError
from sensorium.media import Image, Media
from sensorium.media.segments import SegmentRecord
from sensorium.scale.attempts import DEADLY, HASTY, MOST_BEGUN, Counts
from sensorium.scale.encoding import EncodingActor, Setup
from sensorium.scale.placing import Place
from sensorium.scale.rows import (
    Task,
    dump_work,
    encoded_of,
    encoded_to_table,
    failure_to_table,
    load_work,
    require_no_failure,
    tasks_of,
    tasks_to_table,
)
from tests.collection.pictures import png, write_many
from tests.media.recordings import write_video
from tests.scale.stored import vectors_of


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An actor has a process of its own, whose environment it sets."""
    monkeypatch.setenv("SENSORIUM_THREADS", "1")


def actor(encoder: FolderEncoder, **changes: Any) -> EncodingActor:
    options: dict[str, Any] = {
        "encoder": encoder.name, "fingerprint": encoder.space.fingerprint, "speech": False,
        "ocr": False, "detect": False, "batch_size": 32, "threads": 1, **changes,
    }  # fmt: skip
    return EncodingActor(Setup(**options))


def work(path: Path | str) -> Work:
    there = Path(path)
    state = FileState.of(str(path), there.stat()) if there.exists() else FileState(str(path), 0, 0)
    return Work(Candidate(there), state, is_known=False)


def test_a_row_comes_back_as_it_was() -> None:
    sent = Work(
        Candidate(Path("/a/ü.png"), {"n": 1, "deep": {"x": [1.5, None]}}, emptied=frozenset("ab")),
        FileState("/a/ü.png", 12, 2**62, bytes(range(32))), is_known=True, reuse=False,
        change="skip", if_equal="same", verifies=True, reason="why", properties={"width": 3},
        modality="video", notes=["a note"], extracted=("base",),
    )  # fmt: skip
    back = load_work(dump_work(sent))
    assert (back.candidate, back.file, back.reason) == (sent.candidate, sent.file, sent.reason)
    assert json.loads(dump_work(back)) == json.loads(dump_work(sent))
    (task,) = tasks_of(tasks_to_table([Task(7, sent, (b"x" * 32,), b"content")]))
    assert (task.number, task.stored, task.content) == (7, [b"x" * 32], b"content")
    records = [
        SegmentRecord((0.1, 2.0), "image", details={"page": 2, "box": [0, 0, 0.5, 1]}),
        SegmentRecord(None, "text", "words", "speech", has_vector=False),
    ]
    vectors = np.random.default_rng(0).normal(size=(1, 5)).astype(np.float32)
    table = encoded_to_table([(3, (sent, records, vectors))])
    ((number, (_, found, numbers)),) = encoded_of(table, 5)
    assert (number, found) == (3, records) and np.array_equal(numbers, vectors)


def test_an_actor_makes_the_vectors_that_adding_makes(
    folder: Path, tmp_path: Path, encoder: FolderEncoder
) -> None:
    pictures = write_many(folder, range(9))
    scenes = [PIL.Image.new("RGB", (64, 64), colour) for colour in ("red", "lime", "blue")]
    write_video(folder / "z.mp4", scenes, size=(64, 64), rate=2)
    paths = [*pictures, folder / "z.mp4"]
    with Collection(tmp_path / "local.sensorium", encoder) as library:
        library.add(folder)
    expected = vectors_of(tmp_path / "local.sensorium")
    block = tasks_to_table(Task(n, work(path)) for n, path in enumerate(paths))
    found = dict(encoded_of(actor(encoder)(block), encoder.space.dimension))
    for number, path in enumerate(paths):
        done, records, vectors = found[number]
        assert done.change == "embed" and done.file.content_hash
        assert sum(record.has_vector for record in records) == len(vectors)
        assert np.array_equal(vectors, expected[str(path)]), path


def test_bytes_known_contents_and_broken_files(folder: Path, encoder: FolderEncoder) -> None:
    (picture,) = write_many(folder, range(1))
    (folder / "bad.png").write_bytes(b"bad")
    rows = [
        Task(0, work("s3://bucket/tar#1"), content=png(0)),
        Task(1, work(folder / "bad.png")),
        Task(2, work(folder / "only elsewhere.png")),
        Task(3, work("key"), content=b"no picture"),
    ]
    make = actor(encoder)
    found = dict(encoded_of(make(tasks_to_table(rows)), encoder.space.dimension))
    assert [found[n][0].change for n in range(4)] == ["embed", "skip", "skip", "skip"]
    assert "no picture" in found[1][0].reason and "files have one path" not in found[1][0].reason
    assert "files have one path on all machines" in found[2][0].reason
    stored = (found[0][0].file.content_hash,)
    ((_, (known, records, vectors)),) = encoded_of(
        make(tasks_to_table([Task(0, work(picture), stored)])), encoder.space.dimension
    )
    assert (known.change, records, len(vectors)) == ("known", [], 0)


def test_another_encoder_of_the_same_name_is_refused(folder: Path, encoder: FolderEncoder) -> None:
    block = tasks_to_table([Task(0, work(write_many(folder, range(1))[0]))])
    made = actor(encoder, fingerprint="something else")(block)
    placed = Place("nowhere", encoder.space.dimension)(made)
    for table in (made, placed):
        with pytest.raises(EncoderError, match="another encoder than where it was asked for"):
            require_no_failure(table)
    one = encoded_to_table([(0, (work("a"), [], np.ones((1, 48), np.float32)))])
    require_no_failure(one)
    with pytest.raises(CollectionError, match="nowhere: vectors cannot be written to it"):
        require_no_failure(Place("nowhere", 48)(one))
    with pytest.raises(MissingExtraError, match="faster is not installed"):
        require_no_failure(failure_to_table(MissingExtraError("faster", "speech")))


class OneProcess:
    """Counts as `Attempts` does, without a cluster."""

    def __init__(self) -> None:
        self.counts = Counts()

    def are_many(self, block: int) -> bool:
        return self.counts.begin_block(block) > HASTY

    def is_deadly(self, number: int) -> bool:
        return self.counts.begin_file(number) > MOST_BEGUN

    def end(self, number: int) -> None:
        self.counts.end_file(number)


class Deadly(FolderEncoder):
    """Ends the process, as a decoder that crashes does, at one picture."""

    deaths = 0

    def prepare(self, media: Media, role: Role = "document") -> Prepared:
        if isinstance(media, Image) and media.load().size == (5, 5):
            Deadly.deaths += 1
            raise KeyboardInterrupt
        return super().prepare(media, role)


def test_a_file_at_which_processes_die_is_left_out(folder: Path, tiny: Path) -> None:
    pictures = write_many(folder, range(6))
    PIL.Image.new("RGB", (5, 5)).save(pictures[3])
    encoder, attempts = Deadly(tiny), OneProcess()
    block = tasks_to_table(Task(n, work(path)) for n, path in enumerate(pictures))
    setup = actor(encoder)._setup
    for _ in range(10):  # as Ray does
        made = EncodingActor(replace(setup, encoder=encoder))
        made._attempts = attempts  # type: ignore[assignment]
        try:
            found = dict(encoded_of(made(block), encoder.space.dimension))
            break
        except KeyboardInterrupt:
            continue
    assert [found[n][0].change for n in range(6)] == ["embed"] * 3 + ["skip"] + ["embed"] * 2
    assert found[3][0].reason == DEADLY
    assert Deadly.deaths == HASTY + MOST_BEGUN
