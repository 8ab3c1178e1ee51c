"""Probabilities of hits, and "nothing matches", through a collection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sensorium import Collection, Image, load_encoder
from sensorium.encoders import Encoder
from sensorium.media import Text
from sensorium.ranking.scale import SAMPLE

SAMPLE_CSV = Path(__file__).parents[2] / "sample" / "images.csv"
NONSENSE = "asdkjh qwe zxc"
VERBS = ("open", "close", "configure", "build", "sign", "upload", "install")
THINGS = ("package", "terminal", "file system", "shell script", "kernel", "archive")


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder("mini")


@pytest.fixture(scope="module")
def vectors(mini: Encoder) -> np.ndarray:
    """Of every third picture of the sample: enough to know what chance gives."""
    paths = sorted((SAMPLE_CSV.parent / "images").glob("*.jpg"))[::3]
    return mini.encode([Image(path) for path in paths])


@pytest.fixture
def library(tmp_path: Path, mini: Encoder, vectors: np.ndarray) -> Iterator[Collection]:
    with Collection(tmp_path / "some.sensorium", mini) as opened:
        opened.add_vectors(vectors, [f"{n}.jpg" for n in range(len(vectors))])
        yield opened


def test_hits_have_probabilities_that_fall(library: Collection, vectors: np.ndarray) -> None:
    for query in ("a horse", "马", NONSENSE, Image(np.full((8, 8, 3), 200, np.uint8))):
        hits = library.search(query, k=99)
        said = [hit.probability for hit in hits]
        assert len(said) == len(library) and all(p is not None and 0 <= p <= 1 for p in said)
        assert said == sorted(said, key=lambda p: -(p or 0))
        assert [hit.probability for hit in library.search(query, k=5, offset=3)] == said[3:8]
        some = library.search(query, k=2, where="id > 30")
        assert [(hit.id, hit.probability) for hit in some] == [
            (hit.id, hit.probability) for hit in hits if hit.id > 30
        ][:2]


def test_nothing_matches_whatever_part_is_shown(library: Collection) -> None:
    for k, offset in ((1, 0), (10, 0), (99, 0), (5, 7), (5, 1000)):
        assert library.search(NONSENSE, k=k, offset=offset).nothing_matches
        assert not library.search("scissors", k=k, offset=offset).nothing_matches
    assert library.search("scissors", modality="audio").nothing_matches  # there are none


def test_of_several_kinds_the_likeliest_hit_says_whether_something_matches(
    library: Collection, mini: Encoder, vectors: np.ndarray
) -> None:
    """Texts that have nothing to do with it do not make a picture go that was found before."""
    assert not library.search("scissors", k=1).nothing_matches
    texts = mini.encode([f"{does} the {what}" for does in VERBS for what in THINGS])
    rng = np.random.default_rng(0)
    many = texts[rng.integers(len(texts), size=1500)]
    many = many + rng.normal(0, 0.02, many.shape).astype(np.float32)  # passages of one subject
    many /= np.linalg.norm(many, axis=1, keepdims=True)
    library.add_vectors(many, [f"{n}.txt" for n in range(len(many))], modality="text")
    for k, offset in ((1, 0), (10, 0), (5, 7)):
        hits = library.search("scissors", k=k, offset=offset)
        assert not hits.nothing_matches and hits[0].modality == "text"
        assert library.search(NONSENSE, k=k, offset=offset).nothing_matches
    assert library.search("scissors", k=5, modality="text").nothing_matches


def test_of_what_nothing_is_known(library: Collection, vectors: np.ndarray) -> None:
    for hits in (
        library.search(vectors[0]),
        library.search("1.jpg jpg", mode="words") or library.search(Text("1"), mode="words"),
        library.search("scissors", hybrid=True),
        library.search_vectors(vectors[:1])[0],
    ):
        assert hits and all(hit.probability is None for hit in hits)
    assert library.search("nowhere", mode="words").nothing_matches
    assert not library.search(vectors[0]).nothing_matches


@pytest.mark.slow
def test_hash_codes_find_what_is_judged_by_vectors(library: Collection) -> None:
    exact = {hit.path: hit.probability for hit in library.search("scissors", k=99)}
    hits = library.search("scissors", mode="hash")
    assert hits and not hits.nothing_matches
    for hit in hits:
        assert hit.probability == pytest.approx(exact[hit.path], rel=1e-3)


def test_few_pictures_of_an_encoder_without_ordinary_ones(tmp_path: Path, tiny: Path) -> None:
    rng = np.random.default_rng(0)
    with Collection(tmp_path / "few.sensorium", tiny) as few:
        vectors = rng.normal(size=(30, few.encoder.space.dimension)).astype(np.float32)
        assert few.search("anything").nothing_matches  # it is empty
        few.add_vectors(vectors[:5], [f"{n}" for n in range(5)])
        hits = few.search("anything")
        assert [hit.probability for hit in hits] == [None] * 5 and not hits.nothing_matches
        few.add_vectors(vectors[5:], [f"{n}" for n in range(5, 30)])
        assert all(hit.probability is not None for hit in few.search("anything"))
        few.delete(where="id > 3")
        assert [hit.probability for hit in few.search("anything")] == [None] * 3


def test_the_order_of_adding_does_not_matter(
    tmp_path: Path, mini: Encoder, library: Collection, vectors: np.ndarray
) -> None:
    order = np.random.default_rng(1).permutation(len(vectors)).tolist()
    with Collection(tmp_path / "turned.sensorium", mini) as turned:
        for some in (order[:20], order[20:]):
            turned.add_vectors(vectors[some], [f"{n}.jpg" for n in some])
        for query in ("a horse", NONSENSE):
            one, other = library.search(query), turned.search(query)
            assert [hit.path for hit in one] == [hit.path for hit in other]
            assert one.nothing_matches == other.nothing_matches
            said = [np.array([hit.probability for hit in hits]) for hits in (one, other)]
            np.testing.assert_allclose(*said, rtol=1e-4)


def test_nor_does_it_in_a_mixed_collection_of_many(tmp_path: Path, tiny: Path) -> None:
    rng = np.random.default_rng(3)
    said = []
    with Collection(tmp_path / "one.sensorium", tiny) as one:
        dimension = one.encoder.space.dimension
        kinds = {"image": rng.normal(size=(SAMPLE + 300, dimension)).astype(np.float32)}
        kinds["text"] = rng.normal(size=(SAMPLE + 100, dimension)).astype(np.float32) + 0.2
    for turn in (1, -1):
        with Collection(tmp_path / f"{turn}.sensorium", tiny) as turned:
            for kind, vectors in [*kinds.items()][::turn]:
                names = [f"{kind}{n}" for n in range(len(vectors))]
                turned.add_vectors(vectors[::turn], names[::turn], modality=kind)
            hits = turned.search("anything", k=30)
            said.append({hit.path: (hit.score, hit.probability or 0) for hit in hits})
    assert said[0].keys() == said[1].keys() and {*said[0]} != set()
    for path, values in said[0].items():
        np.testing.assert_allclose(values, said[1][path], rtol=1e-3)
