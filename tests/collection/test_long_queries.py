"""What has several segments is searched with all of them: it finds itself first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest

from sensorium import Collection, Document, Video, load_encoder
from sensorium.collection.queries import MOST_PARTS, query_parts
from sensorium.encoders import Encoder
from sensorium.encoders.base import Prepared, Role
from sensorium.media import Media, Modality
from tests.media.recordings import write_video

SAMPLE = Path(__file__).parents[2] / "sample" / "images"


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    """Films of three scenes; each shares one with the next, and each scene is a picture, too."""
    folder = tmp_path_factory.mktemp("films")
    photos = [PIL.Image.open(path) for path in sorted(SAMPLE.glob("*.jpg"))[:12]]
    paths = []
    for n in range(5):
        path = folder / f"{n}.mp4"
        write_video(path, photos[2 * n : 2 * n + 3], seconds=3)
        paths.append(path)
    for n, photo in enumerate(photos):
        photo.save(folder / f"{n}.png")
    yield paths


def test_a_film_finds_itself(films: list[Path], tmp_path: Path) -> None:
    with Collection(tmp_path / "c.sensorium") as library:
        library.add(films[0].parent)
        for path in films:
            first, second, *_ = library.search(path)
            assert first.path == str(path)
            assert first.score == pytest.approx(1, abs=1e-4)
            assert second.score < 0.95
            assert first.span is not None and first.span[0] == 0
        # Pages are parts of one ranking.
        every = [hit.path for hit in library.search(films[1], k=17)]
        assert len({*every}) == len(every) == 17
        assert [hit.path for hit in library.search(films[1], k=7, offset=5)] == every[5:12]
        # A picture still finds the film that it is from.
        names = [Path(hit.path).name for hit in library.search(films[0].parent / "1.png", k=2)]
        assert names == ["1.png", "0.mp4"]


def test_an_approximate_index_finds_it_too(films: list[Path], tmp_path: Path) -> None:
    with Collection(tmp_path / "c.sensorium") as library:
        library.add(films[0].parent)
        library.optimize(kind="hnsw", recall=0.5)
        first = library.search(films[2])[0]
        assert (first.path, first.score) == (str(films[2]), pytest.approx(1, abs=1e-4))


def test_long_films_are_sought_by_some_of_their_scenes(tmp_path: Path) -> None:
    colours = [PIL.Image.new("RGB", (96, 64), colour) for colour in ("red", "lime", "blue")]
    path = write_video(tmp_path / "a.mp4", colours * 30, seconds=2, rate=5, size=(96, 64))
    assert len(query_parts(load_encoder("mini"), Video(path))) == MOST_PARTS


def test_of_a_long_text_no_more_is_encoded_than_is_asked_by(tiny: Path) -> None:
    encoded = 0

    class Counting(Encoder):
        name = "counting"
        space = load_encoder(tiny).space

        def prepare(self, media: Media, role: Role = "document") -> Prepared:
            return load_encoder(tiny).prepare(media, role)

        def encode_prepared(
            self, modality: Modality, batch: Sequence[Prepared], role: Role = "document"
        ) -> npt.NDArray[np.float32]:
            nonlocal encoded
            encoded += len(batch)
            return load_encoder(tiny).encode_prepared(modality, batch, role)

    text = "\n\n".join(f"The cat {'dog ' * 90}{number}." for number in range(700))
    parts = query_parts(Counting(), Document(text.encode(), "text"))
    assert parts.shape == (MOST_PARTS, Counting.space.dimension)
    assert encoded == MOST_PARTS
