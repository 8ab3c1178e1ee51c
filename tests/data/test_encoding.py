"""One loop encodes all that is brought: whatever its order, whatever is broken, whenever killed."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from sensorium import load_encoder
from sensorium.data import encoding
from sensorium.data.encoding import encode_examples, require_modality
from sensorium.data.sources import Picture
from sensorium.encoders import Encoder, Prepared
from sensorium.encoders.base import Role
from sensorium.errors import EncoderError, UsageError
from sensorium.media import Audio, Image, Media, Modality, Segment, Text
from tests.collection.pictures import png

pytestmark = pytest.mark.usefixtures("full_precision")

WORDS = ("a dog", "the photo of a red square and a blue one", "cat", "green")


class Counted(Encoder):
    """Counts what goes through another encoder."""

    name = "counted"

    def __init__(self, encoder: Encoder) -> None:
        self._encoder, self.space, self.roles = encoder, encoder.space, list[str]()

    def prepare(self, media: Media, role: Role = "document") -> Prepared:
        self.roles.append(role)
        return self._encoder.prepare(media, role)

    def encode_prepared(
        self, modality: Modality, batch: Sequence[Prepared], role: Role = "document"
    ) -> npt.NDArray[np.float32]:
        return self._encoder.encode_prepared(modality, batch, role)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three pictures, the second of which is broken, and a document of three pages of words."""
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(png(number))
    (folder / "1.png").write_bytes(b"no picture")
    (folder / "long.txt").write_text("\n\n".join(f"{word} " * 90 for word in ("dog", "cat", "red")))
    return sorted(folder.iterdir())


def test_order_names_and_what_is_broken(encoder: Encoder, files: list[Path]) -> None:
    sources = [*files, *map(Text, WORDS)]
    names = [path.name for path in files] + list(WORDS)
    told: list[tuple[int, int]] = []
    found = encode_examples(
        encoder, sources, names, progress=lambda done, total, *_: told.append((done, total))
    )
    assert found.rows == [0, 2, 3, 4, 5, 6, 7]
    assert [skipped.path for skipped in found.skipped] == ["1.png"]
    assert found.names == [name for name in names if name != "1.png"]
    np.testing.assert_allclose(found.of(WORDS), encoder.encode(WORDS), atol=1e-5)
    np.testing.assert_allclose(found.of(["2.png"]), encoder.encode([files[2]]), atol=1e-5)
    assert told[-1] == (8, 8)


def test_long_items_have_the_mean_of_their_segments(encoder: Encoder, files: list[Path]) -> None:
    found = encode_examples(encoder, [files[3]])
    assert len(found.segments[0]) == len(found.records[0]) == 3
    assert [record.span for record in found.records[0]] == [
        segment.span for segment in encoding.media_of(files[3]).segments()
    ]
    mean = found.segments[0].mean(axis=0)
    np.testing.assert_allclose(found.vectors[0], mean / np.linalg.norm(mean), atol=1e-6)


def test_digests_are_of_the_content(encoder: Encoder, files: list[Path]) -> None:
    found = encode_examples(encoder, [*files, Text("a dog"), Image(png(3))])
    wanted = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    assert found.digests == [*wanted, hashlib.sha256(b"a dog").hexdigest(), ""]


def test_a_role_goes_all_the_way(prompted: Path) -> None:
    from sensorium import load_encoder

    encoder = load_encoder(prompted)
    texts = [Text(word) for word in WORDS]
    asked = encode_examples(encoder, texts, role="query").vectors
    np.testing.assert_allclose(asked, encoder.encode(texts, role="query"), atol=1e-5)
    assert np.abs(asked - encode_examples(encoder, texts).vectors).max() > 0.1


def test_sources_can_be_divided_otherwise(encoder: Encoder) -> None:
    found = encode_examples(
        encoder, WORDS, divide=lambda words: [Segment(Text(word)) for word in words.split()]
    )
    assert [len(own) for own in found.segments] == [len(word.split()) for word in WORDS]


def test_a_killed_run_is_resumed(
    encoder: Encoder, files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "BLOCK", 2)
    sources = [*map(Picture.of_file, files[:3]), *map(Text, WORDS)]
    whole = encode_examples(encoder, sources)
    first = Counted(encoder)
    encode_examples(first, sources[:], folder=tmp_path / "kept")
    blocks = sorted((tmp_path / "kept").rglob("*.npz"))
    assert len(blocks) == 4
    blocks[1].unlink()  # as if killed before it was written
    again = Counted(encoder)
    resumed = encode_examples(again, sources, folder=tmp_path / "kept")
    assert len(first.roles) >= 6 and len(again.roles) == 2
    np.testing.assert_allclose(resumed.vectors, whole.vectors, atol=1e-5)
    assert (resumed.rows, resumed.reasons, resumed.digests, resumed.records) == (
        whole.rows, whole.reasons, whole.digests, whole.records,
    )  # fmt: skip
    # Another role, another encoder or other items are not taken for these.
    encode_examples(again, sources[1:], folder=tmp_path / "kept")
    encode_examples(again, sources, role="query", folder=tmp_path / "kept")
    assert len(list((tmp_path / "kept").iterdir())) == 3
    blocks[0].write_bytes(blocks[0].read_bytes()[:-40])
    with pytest.raises(UsageError, match=r"npz: is damaged .*delete it"):
        encode_examples(again, sources, folder=tmp_path / "kept")


def test_vectors_of_another_rule_for_capitals_are_not_taken(tiny: Path, tmp_path: Path) -> None:
    """The rule is no part of the fingerprint."""
    texts = [Text("RED DOG"), Text("red dog")]
    kept = tmp_path / "kept"
    folder = tmp_path / "encoder"
    shutil.copytree(tiny, folder)
    before = load_encoder(folder)
    first = encode_examples(before, texts, folder=kept).vectors
    assert np.abs(first[0] - first[1]).max() > 0.01
    config = json.loads((folder / "encoder.json").read_text())
    config.pop("checksum", None)
    config["text"]["capitals"] = "lower"
    (folder / "encoder.json").write_text(json.dumps(config))
    now = load_encoder(folder)
    assert now.space.fingerprint == before.space.fingerprint
    then = encode_examples(now, texts, folder=kept).vectors
    np.testing.assert_allclose(then[0], then[1], atol=1e-6)
    np.testing.assert_array_equal(encode_examples(before, texts, folder=kept).vectors, first)


def test_processes_share_the_work(
    encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "BLOCK", 1)
    monkeypatch.setattr(encoding, "WAIT", 0)
    waits = iter(range(100))

    class _Other:
        @staticmethod
        def sleep(_: float) -> None:
            """What the second process computes meanwhile."""
            assert next(waits) < 99
            with pytest.MonkeyPatch.context() as other:
                other.setenv("RANK", "1")
                other.setattr(encoding, "time", None)
                encode_examples(second, texts, folder=tmp_path)

    texts = [Text(word) for word in WORDS]
    first, second = Counted(encoder), Counted(encoder)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setattr(encoding, "time", _Other)
    found = encode_examples(first, texts, folder=tmp_path)
    np.testing.assert_allclose(found.vectors, encoder.encode(texts), atol=1e-5)
    assert len(first.roles) == len(second.roles) == 2


def test_an_encoder_that_holds_nothing_of_it(encoder: Encoder) -> None:
    require_modality(encoder, Modality.VIDEO)  # its frames are pictures
    with pytest.raises(EncoderError, match="the examples are audio"):
        require_modality(encoder, Modality.AUDIO)
    found = encode_examples(encoder, [Audio(np.zeros(8000, np.float32), 8000)], ["hum"])
    assert found.rows == [] and "not audio" in found.skipped[0].reason
