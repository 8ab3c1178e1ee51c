"""Pictures, sounds, videos, documents and 3-D objects in one collection, and their places."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
import trimesh

from sensorium import Collection, Document, Mesh, Video, load_encoder
from sensorium.collection import queries
from sensorium.collection.kinds import Ordinary
from sensorium.encoders import Encoder, Prepared
from sensorium.encoders.base import Role
from sensorium.encoders.reading import Extraction
from sensorium.errors import MediaError
from sensorium.media import Audio, Media, Modality, Segment, Text
from sensorium.tasks.zero_shot import ZeroShotClassifier
from tests.collection.pictures import png
from tests.media.recordings import encode_sound, tone, write_video
from tests.media.test_document import pdf

COLOURS = ("red", "lime", "blue")
TALK = ("the red dog", "the green cat", "the blue square")


class Stenographer:
    """Stands for a speech model: says one sentence for each ten seconds of any recording."""

    name = "stenographer"
    calls = 0

    def segments(self, sound: Audio, journal: object = None) -> Iterator[Segment]:
        self.calls += 1
        for n, (start, stop) in enumerate(seg.span for seg in sound.segments() if seg.span):
            details = {"source": "speech", "language": "en"}
            yield Segment(Text(TALK[n % len(TALK)]), (start, stop), details)


@pytest.fixture
def speech(monkeypatch: pytest.MonkeyPatch) -> Stenographer:
    model = Stenographer()
    monkeypatch.setattr(
        queries,
        "extraction_of",
        lambda speech, ocr, detect=False: Extraction(speech=model if speech else None),
    )
    monkeypatch.setattr("sensorium.collection.collection.extraction_of", queries.extraction_of)
    return model


@pytest.fixture
def media(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    (folder / "photo.png").write_bytes(png(1))
    scenes = [PIL.Image.new("RGB", (64, 64), colour) for colour in COLOURS]
    write_video(folder / "film.mp4", scenes, sound=tone(12))
    (folder / "talk.wav").write_bytes(encode_sound(tone(30), "wav"))
    (folder / "report.pdf").write_bytes(pdf("A dog. The cat is red.", "A photo of the square."))
    (folder / "notes.md").write_text("# Notes\n\nA blue square.\n", "utf-8")
    trimesh.creation.box().export(folder / "box.stl")
    return folder


def test_what_is_left_out_of_a_file_is_noted(collection: Collection, media: Path) -> None:
    (media / "report.pdf").write_bytes(pdf("A dog. The cat is red."))
    (media / "talk.wav").unlink()
    report = collection.add(media)
    assert (report.added, report.skipped) == (5, [])
    ((note),) = report.notes
    assert note.path == str(media / "film.mp4")
    assert note.reason == (
        "its audio is left out: the space tiny holds image and text, not audio; with --speech it "
        "is found by what is said in it"
    )
    assert collection.add(media).notes == []


def test_everything_is_indexed_and_found(
    collection: Collection, media: Path, speech: Stenographer
) -> None:
    report = collection.add(media, speech=True)
    assert (report.added, report.skipped) == (6, [])
    assert collection.info().items == {"audio": 1, "image": 1, "mesh": 1, "text": 2, "video": 1}
    spoken = collection.search("the green cat", where="modality = 'audio'")[0]
    assert (spoken.span, spoken.text) == ((10, 20), "the green cat")
    assert spoken.details == {"source": "speech", "language": "en"}
    page = collection.search('"photo of the square"', mode="words")[0]
    assert page.path.endswith("report.pdf") and page.details == {"page": 2}
    assert page.text == "A photo of the square."
    mesh = collection.search(Mesh(media / "box.stl"), where="modality = 'mesh'")[0]
    assert mesh.path.endswith("box.stl") and "view" in mesh.details
    for query in (
        Video(media / "film.mp4"),
        Document(media / "report.pdf"),
        Audio(media / "talk.wav"),
    ):
        assert len(collection.search(query)) == 6
    hybrid = collection.search("green cat", hybrid=True)
    assert {hit.text for hit in hybrid} >= {"the green cat"}


def test_a_scene_is_found_by_a_picture(collection: Collection, media: Path) -> None:
    collection.add(media / "film.mp4")
    for number, colour in enumerate(COLOURS):
        (hit,) = collection.search(PIL.Image.new("RGB", (64, 64), colour))
        assert (hit.text, hit.modality) == (None, "video")
        assert hit.span == pytest.approx((4 * number, 4 * number + 4), abs=0.3)


def test_an_item_is_judged_by_its_pictures_else_by_its_words(
    collection: Collection, media: Path, speech: Stenographer
) -> None:
    """What is asked is whether a label fits any part: odds of parts are averaged."""
    collection.add(media, speech=True)
    found = {Path(item.path).name: item for item in collection.classify(["red"])}
    asked = ZeroShotClassifier(collection.encoder, ["red"])

    def expected(parts: list[object]) -> float:
        chances = np.array([p for ((_, p),) in asked.classify(parts)], float)
        mean = float((chances / (1 - chances)).mean())
        return mean / (1 + mean)

    frames = [PIL.Image.new("RGB", (64, 64), colour) for colour in COLOURS]
    assert found["film.mp4"].labels[0][1] == pytest.approx(expected([*frames]), abs=0.01)
    assert found["talk.wav"].labels[0][1] == pytest.approx(expected([*TALK]), abs=0.01)
    pages = ["A dog. The cat is red.", "A photo of the square."]
    assert found["report.pdf"].labels[0][1] == pytest.approx(expected([*pages]), abs=0.01)
    assert found.keys() == {path.name for path in media.iterdir()}
    assert all({*item.answers} == {"red"} for item in found.values())


def test_what_has_neither_picture_nor_words_is_left_out(
    collection: Collection,
) -> None:
    vectors = np.eye(3, collection.encoder.space.dimension, dtype=np.float32)
    collection.add_vectors(vectors[:2], ["a", "b"], modality="image")
    collection.add_vectors(vectors[2:], ["c"], modality="audio")
    assert [item.path for item in collection.classify(["red"])] == ["a", "b"]
    assert [item.path for item in collection.classify(["red", "dog"])] == ["a", "b", "c"]


def test_no_modality_stands_before_all_others(
    collection: Collection, tmp_path: Path, encoder: Encoder
) -> None:
    """A word's own picture comes before passages that are not about it."""
    rng = np.random.default_rng(5)
    dimension = encoder.space.dimension
    query = encoder.encode(["dog"])[0]
    # Texts in a cone around the query, pictures at right angles to it but for one.
    side = rng.normal(size=(80, dimension))
    side -= np.outer(side @ query, query)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    near = 0.8 + 0.02 * rng.normal(size=40)
    texts = near[:, None] * query + np.sqrt(1 - near[:, None] ** 2) * side[:40]
    far = 0.02 * rng.normal(size=40)
    far[7] = 0.3
    pictures = far[:, None] * query + np.sqrt(1 - far[:, None] ** 2) * side[40:]
    collection.add_vectors(texts, [f"t{n}" for n in range(40)], modality="text")
    collection.add_vectors(pictures, [f"p{n}" for n in range(40)], modality="image")
    collection._asking._vectors.ordinary = Ordinary()  # nothing is known of this encoder
    hits = collection.search("dog", k=80)
    assert hits[0].path == "p7"
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    firsts = [hit.modality for hit in hits[1:21]]
    assert 3 <= firsts.count("image") <= 17
    pages = [
        hit.id for page in range(8) for hit in collection.search("dog", k=10, offset=10 * page)
    ]
    assert pages == [hit.id for hit in hits]


def test_words_are_read_when_asked_for_and_kept(
    collection: Collection, media: Path, speech: Stenographer, other_encoder: Encoder
) -> None:
    first = collection.add(media)
    assert [skipped.path for skipped in first.skipped] == [str(media / "talk.wav")]
    assert "with --speech it is found by what is said" in first.skipped[0].reason
    assert collection.search("blue square", mode="words")[0].path.endswith("notes.md")
    again = collection.add(media, speech=True)
    assert (again.added, again.updated, again.skipped, speech.calls) == (1, 1, [], 2)
    assert collection.add(media, speech=True).unchanged == 6
    assert collection.add(media).unchanged == 6
    shutil.copy(media / "talk.wav", media / "copy.wav")
    collection.add(media, speech=True)
    found = collection.search("green cat", mode="words", where="modality = 'audio'")
    assert [Path(hit.path).name for hit in found] == ["talk.wav", "copy.wav"]
    assert {hit.text for hit in found} == {"the green cat"}
    calls = speech.calls
    before = {hit.path for hit in collection.search("green cat", mode="words")}
    collection.reembed(other_encoder)
    assert speech.calls == calls  # nothing is transcribed again
    assert {hit.path for hit in collection.search("green cat", mode="words")} == before
    hit = collection.search("the green cat", where="modality = 'audio'")[0]
    assert (hit.text, hit.span) == ("the green cat", (10, 20))
    collection.delete(media / "talk.wav", media / "copy.wav")
    assert not collection.search("green cat", mode="words", where="modality = 'audio'")


def test_broken_files_are_skipped(collection: Collection, media: Path) -> None:
    for suffix in ("mp4", "mp3", "wav", "pdf", "glb", "stl", "txt", "html"):
        (media / f"broken.{suffix}").write_bytes(b"\0\1\2 nothing " * 50)
        (media / f"empty.{suffix}").write_bytes(b"")
    report = collection.add(media)
    assert report.added == 5
    broken = [Path(skipped.path) for skipped in report.skipped if "talk" not in skipped.path]
    assert {path.suffix for path in broken} == {
        ".mp4", ".mp3", ".wav", ".pdf", ".glb", ".stl", ".txt", ".html",
    }  # fmt: skip
    assert len(report.skipped) == 17 and all(skipped.reason for skipped in report.skipped)


def test_a_long_item_is_never_held(encoder: Encoder, tmp_path: Path) -> None:
    """Of 500 passages no more than two batches are prepared before the first are encoded."""
    waiting = most = 0

    class Counting(Encoder):
        name = "counting"
        space = encoder.space

        def prepare(self, media: Media, role: Role = "document") -> Prepared:
            nonlocal waiting, most
            waiting += 1
            most = max(most, waiting)
            return encoder.prepare(media, role)

        def encode_prepared(
            self, modality: Modality, batch: Sequence[Prepared], role: Role = "document"
        ) -> npt.NDArray[np.float32]:
            nonlocal waiting
            waiting -= len(batch)
            return encoder.encode_prepared(modality, batch, role)

    (tmp_path / "book.txt").write_text(
        "\n\n".join(f"The cat {'dog ' * 70}{n}." for n in range(500))
    )
    with Collection(tmp_path / "c.sensorium", Counting()) as library:
        assert library.add(tmp_path / "book.txt", batch_size=10).added == 1
        assert len(library._store.vectors(encoder.space.dimension)[0]) == 500
    assert most <= 20


def test_the_query_must_hold_something(collection: Collection, media: Path) -> None:
    collection.add(media / "photo.png")
    (media / "empty.txt").write_text(" ")
    with pytest.raises(MediaError, match="no text in the document"):
        collection.search(Document(media / "empty.txt"))


KILLED = """
import sys
from sensorium import Collection
print("ready", flush=True)
with Collection(sys.argv[1], sys.argv[2]) as collection:
    collection.add(sys.argv[3])
"""


def test_killed_while_reading_a_long_item(tmp_path: Path, media: Path, tiny: Path) -> None:
    """The file is not half there, and the next run takes it up."""
    (media / "book.txt").write_text(
        "\n\n".join(f"The cat {'dog ' * 70}{n}." for n in range(20_000))
    )
    path = tmp_path / "c.sensorium"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, path, tiny, media],
        stdout=subprocess.PIPE, env=dict(os.environ),
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(1.5)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with Collection(path, load_encoder(tiny)) as library:
        assert library.get(media / "book.txt") is None
        assert library.add(media, batch_size=256).added >= 1
        assert library.search("dog", mode="words")[0].text
        assert library.get(media / "book.txt") is not None
