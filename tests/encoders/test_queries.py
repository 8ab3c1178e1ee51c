"""Whatever asks is encoded as what is sought, whatever is stored as what is searched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from sensorium import Collection, Document, Image, Text, ZeroShotClassifier, load_encoder
from sensorium.collection.derived import read_index, read_queries
from sensorium.collection.queries import query_vectors
from sensorium.encoders import Encoder, Prepared, encode_queries
from sensorium.encoders.background import PASSAGES, background
from sensorium.encoders.base import Role
from sensorium.encoders.space import Space
from sensorium.errors import EncoderError, MediaError
from sensorium.media import Media, Modality
from tests.media.small_pictures import red_blue

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


def test_those_that_know_no_difference_say_so(tiny: Path, prompted: Path) -> None:
    encoder = load_encoder(tiny)
    assert not encoder.tells_queries_apart
    assert (encoder.encode(TEXTS) == encoder.encode(TEXTS, role="query")).all()
    encoder = load_encoder(prompted)
    assert encoder.tells_queries_apart
    assert (encoder.encode_queries(TEXTS) == encoder.encode(TEXTS, role="query")).all()
    assert (encode_queries(encoder, TEXTS) == encoder.encode(TEXTS, role="query")).all()


def test_side_by_side_each_asks_in_its_own_way(
    tiny: Path, other_tiny: Path, prompted: Path
) -> None:
    pair = load_encoder(f"{tiny}+{other_tiny}")
    assert not pair.tells_queries_apart
    both = load_encoder(f"{prompted}+{other_tiny}")
    assert both.tells_queries_apart
    cosines = (both.encode_queries(TEXTS) * both.encode(TEXTS)).sum(axis=1)
    of_one = plain(tiny, ASKED), plain(tiny, [f"the {text}" for text in TEXTS])
    np.testing.assert_allclose(cosines, ((of_one[0] * of_one[1]).sum(axis=1) + 1) / 2, atol=1e-5)


class Letters(Encoder):
    """An encoder of somebody else's: how often each letter stands in a text."""

    name = "letters"

    def __init__(self) -> None:
        self.space = Space("letters", 27, (Modality.TEXT,), {}, weights="")

    def prepare(self, media: Media, role: Role = "document") -> Prepared:
        if not isinstance(media, Text):
            raise MediaError(f"letters encodes text, not {media.modality}")
        counts = np.array([media.text.lower().count(chr(97 + n)) for n in range(26)], np.float32)
        return {"counts": np.append(counts, 5.0 if role == "query" else 1.0)}

    def encode_prepared(
        self, modality: Modality, batch: Sequence[Prepared], role: Role = "document"
    ) -> Vectors:
        counts = np.stack([item["counts"] for item in batch])
        vectors: Vectors = counts / np.linalg.norm(counts, axis=1, keepdims=True)
        return vectors


def test_an_encoder_of_somebody_else(tmp_path: Path) -> None:
    """Two methods are enough for everything that a collection does with an encoder."""
    encoder = Letters()
    asked = encoder.encode(["zebra"], role="query")
    assert asked[0, -1] > 0.9 > encoder.encode(["zebra"])[0, -1]
    np.testing.assert_array_equal(query_vectors(encoder, [Text("zebra")]), asked)
    for word in ("zebra", "quagga"):
        (tmp_path / f"{word}.txt").write_text(f"{word} " * 9)
    with Collection(tmp_path / "c.sensorium", encoder) as library:
        assert library.add(tmp_path / "zebra.txt", tmp_path / "quagga.txt").added == 2
        assert Path(library.search("quagga", k=1)[0].path).name == "quagga.txt"
    with pytest.raises(EncoderError, match=r"an encoder is a name, a folder or .*, got 5"):
        Collection(tmp_path / "d.sensorium", 5)  # type: ignore[arg-type]
    assert not (tmp_path / "d.sensorium").exists()


def test_long_queries_are_sought_segment_by_segment(
    prompted: Path, tiny: Path, tmp_path: Path
) -> None:
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
        held = read_index(filled.path, "vectors", filled.encoder.space.fingerprint)
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
    (vector,) = filled.segments(where=f"id = {hit.id}").vectors
    assert hit.score == pytest.approx(float(plain(tiny, ["green dog dog"])[0] @ vector), abs=1e-5)
    assert [
        line[0].id for line in filled.search_vectors(filled.encoder.encode_queries(["dog"]))
    ] == [hit.id]


def test_hash_codes_are_fitted_to_questions(filled: Collection, tiny: Path) -> None:
    pytest.importorskip("torch")
    from sensorium.training.collection_hash import read_collection

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
    assert not bare.tells_queries_apart
    encoder = load_encoder(tiny_hub.prompted(tmp_path / "prompted"))
    assert encoder.tells_queries_apart
    asked, stored = ([f"{before}{text}" for text in TEXTS] for before in ("query : ", "the "))
    np.testing.assert_allclose(encoder.encode_queries(TEXTS), bare.encode(asked), atol=1e-5)
    np.testing.assert_allclose(encoder.encode(TEXTS), bare.encode(stored), atol=1e-5)
    two = load_encoder(tiny_hub.two_networks(tmp_path))
    for name, found in (("query", two.encode_queries(TEXTS)), ("document", two.encode(TEXTS))):
        wanted = load_encoder(tmp_path / name).encode(TEXTS)
        np.testing.assert_allclose(found, wanted, atol=1e-5)
