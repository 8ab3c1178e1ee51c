"""Whatever asks is encoded as what is sought, whatever is stored as what is searched."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from sensorium import Collection, Document, Image, Text, ZeroShotClassifier, load_encoder
from sensorium.collection.derived import read_queries
from sensorium.collection.queries import query_vectors
from sensorium.encoders import encode_queries
from sensorium.encoders.background import PASSAGES, background
from sensorium.encoders.base import query_side
from tests.media.pictures import red_blue

TEXTS = ["a red cat", "the photo of a blue square", "dog"]
ASKED = [f"green dog {text}" for text in TEXTS]
"""What the fixture `prompted` makes of texts that ask; before the others it puts "the "."""

Vectors = npt.NDArray[np.float32]

# What asks is encoded here in other batches than there.
pytestmark = pytest.mark.usefixtures("full_precision")


def plain(tiny: Path, texts: Iterable[str]) -> Vectors:
    """Vectors of the same towers without any prefix."""
    return load_encoder(tiny).encode(list(texts))


def test_a_folder_has_a_prefix_for_questions(tiny: Path, prompted: Path) -> None:
    encoder = load_encoder(prompted)
    stored, asked = plain(tiny, [f"the {text}" for text in TEXTS]), plain(tiny, ASKED)
    np.testing.assert_allclose(encoder.encode(TEXTS), stored, atol=1e-6)
    np.testing.assert_allclose(encoder.encode_queries(TEXTS), asked, atol=1e-6)
    assert np.abs(asked - stored).max() > 0.1
    picture = Image(red_blue())
    assert (encoder.encode([picture]) == encoder.encode_queries([picture])).all()
    assert encoder.space.fingerprint != load_encoder(tiny).space.fingerprint


def test_who_knows_no_difference_is_its_own_other_side(tiny: Path, prompted: Path) -> None:
    encoder = load_encoder(tiny)
    assert query_side(encoder) is encoder
    side = query_side(load_encoder(prompted))
    assert (side.encode(TEXTS) == side.encode_queries(TEXTS)).all()
    assert side.runtime == load_encoder(prompted).runtime


def test_side_by_side_each_asks_in_its_own_way(
    tiny: Path, other_tiny: Path, prompted: Path
) -> None:
    pair = load_encoder(f"{tiny}+{other_tiny}")
    assert query_side(pair) is pair
    both = load_encoder(f"{prompted}+{other_tiny}")
    cosines = (both.encode_queries(TEXTS) * both.encode(TEXTS)).sum(axis=1)
    of_one = plain(tiny, ASKED), plain(tiny, [f"the {text}" for text in TEXTS])
    np.testing.assert_allclose(cosines, ((of_one[0] * of_one[1]).sum(axis=1) + 1) / 2, atol=1e-5)


class Foreign:
    """An encoder of somebody else's, which only has the method that its users call."""

    def __init__(self, folder: Path) -> None:
        self._inner: Any = load_encoder(folder)

    def __getattr__(self, name: str) -> Any:
        if name == "for_queries":
            raise AttributeError(name)
        return getattr(self._inner, name)

    def encode_queries(self, items: Iterable[Any], *, batch_size: int = 32) -> Vectors:
        texts = [f"green dog {item.text}" if isinstance(item, Text) else item for item in items]
        vectors: Vectors = self._inner.encode(texts)
        return vectors


def test_an_encoder_of_somebody_else(tiny: Path) -> None:
    encoder: Any = Foreign(tiny)
    wanted = plain(tiny, ASKED)
    media = [Text(text) for text in TEXTS]
    np.testing.assert_allclose(encode_queries(encoder, media), wanted, atol=1e-6)
    np.testing.assert_allclose(query_vectors(encoder, media), wanted, atol=1e-6)


def test_long_queries_are_sought_piece_by_piece(prompted: Path, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("a red cat")
    document = Document(tmp_path / "notes.txt")
    found = query_vectors(load_encoder(prompted), [Text("dog"), document, Image(red_blue())])
    assert found.shape == (3, load_encoder(prompted).space.dimension)
    np.testing.assert_allclose(found[:2], plain(tiny, [ASKED[2], ASKED[0]]), atol=1e-5)


def test_labels_are_sought(prompted: Path, tiny: Path) -> None:
    classifier = ZeroShotClassifier(load_encoder(prompted), ["cat", "dog"], ["a {}"])
    wanted = plain(tiny, ["green dog a cat", "green dog a dog"])
    np.testing.assert_allclose(classifier.vectors, wanted, atol=1e-6)


def test_unrelated_passages_are_stored_ones(prompted: Path, tiny: Path) -> None:
    found = background(load_encoder(prompted))["text"]
    np.testing.assert_allclose(found, plain(tiny, [f"the {p}" for p in PASSAGES]), atol=1e-6)


@pytest.fixture
def filled(prompted: Path, tmp_path: Path) -> Collection:
    library = Collection(tmp_path / "c.sensorium", prompted)
    rng = np.random.default_rng(0)
    captions = [f"a {'red' if n % 2 else 'blue'} photo {n}" for n in range(1200)]
    library.add_vectors(
        rng.normal(size=(1200, library.encoder.space.dimension)).astype(np.float32),
        [f"/nowhere/{n}.png" for n in range(1200)],
        metadata=[{"caption": caption} for caption in captions],
    )
    return library


def test_an_index_is_measured_with_the_vectors_that_search_asks_with(
    filled: Collection, tiny: Path
) -> None:
    def measured_with() -> Vectors:
        held = filled._searcher.snapshot(filled.encoder.space).index
        assert held is not None
        return read_queries(held)[0]

    filled.optimize(
        recall=0.9, kind="hnsw", questions=[f"{text} {n}" for n in range(7) for text in TEXTS]
    )
    wanted = plain(tiny, [f"green dog {text} {n}" for n in range(7) for text in TEXTS])
    np.testing.assert_allclose(measured_with(), wanted, atol=1e-5)
    filled.optimize(recall=0.9, kind="hnsw")  # its own captions ask
    captions = {hit.metadata["caption"] for hit in filled.search("cat", 1200)}
    asked = plain(tiny, [f"green dog {caption}" for caption in captions])
    assert (measured_with() @ asked.T).max(axis=1).min() > 0.999
    hit = filled.search("dog", 1)[0]
    (vector,) = (row.vector for row in filled._store.segments([hit.id]).values())
    assert hit.score == pytest.approx(float(plain(tiny, ["green dog dog"])[0] @ vector), abs=1e-5)
    assert [
        line[0].id for line in filled.search_vectors(filled.encoder.encode_queries(["dog"]))
    ] == [hit.id]


def test_hash_codes_are_fitted_to_questions(filled: Collection, tiny: Path) -> None:
    pytest.importorskip("torch")
    from sensorium.training.hashing.collection import read_collection

    data, _ = read_collection(filled, captions="caption")
    (wanted,) = plain(tiny, ["green dog a blue photo 0"])
    np.testing.assert_allclose(data.vectors["text"][0], wanted, atol=1e-5)


def test_towers_are_trained_on_captions_that_ask(
    prompted: Path, tiny: Path, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("sentence_transformers")
    from sensorium.encoders.projected import write_projected
    from sensorium.media import Modality
    from sensorium.models.dual_encoder import Projection
    from sensorium.models.towers import FolderTower, load_tower

    tower = load_tower(str(prompted), Modality.TEXT, made=tmp_path / "made")
    assert isinstance(tower, FolderTower)
    np.testing.assert_allclose(tower.encode(TEXTS), plain(tiny, ASKED), atol=1e-6)
    (tmp_path / "projected").mkdir()
    layers = Projection(tower.dimension, 8).layers()
    config = write_projected(tower.encoder, Modality.TEXT, layers, tmp_path / "projected")
    assert config["prefix"] == "green dog " and "query_prefix" not in config


def test_a_model_of_the_hub_has_the_prompts_of_its_files(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers", reason="needs the extra hub: make hub")
    from tests.encoders import tiny_hub

    bare = load_encoder(tiny_hub.bert(tmp_path / "bert"))
    assert query_side(bare) is bare
    encoder = load_encoder(tiny_hub.prompted(tmp_path / "prompted"))
    asked, stored = ([f"{before}{text}" for text in TEXTS] for before in ("query : ", "the "))
    np.testing.assert_allclose(encoder.encode_queries(TEXTS), bare.encode(asked), atol=1e-5)
    np.testing.assert_allclose(encoder.encode(TEXTS), bare.encode(stored), atol=1e-5)
    two = load_encoder(tiny_hub.two_networks(tmp_path))
    for name, found in (("query", two.encode_queries(TEXTS)), ("document", two.encode(TEXTS))):
        wanted = load_encoder(tmp_path / name).encode(TEXTS)
        np.testing.assert_allclose(found, wanted, atol=1e-5)
