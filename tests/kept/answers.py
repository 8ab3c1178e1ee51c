"""What the kept folders answer: asked with public names alone, by old code and by today's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

SAMPLE = Path(__file__).parents[2] / "sample"

PICTURES = [SAMPLE / "images" / name for name in ("x_cat.jpg", "e_penguin.jpg", "c_pan.jpg")]

LINES = ["the red cat", "a photo of a green square", "a dog"]

ROWS: list[dict[str, Any]] = [
    {"photo": str(PICTURES[0]), "note": "a photo of the cat", "size": 3.0, "shape": "disc"},
    {"photo": str(PICTURES[1]), "size": 7.0},
    {"note": "a photo of the dog number 7", "sound": str(SAMPLE / "audio" / "a_bell.ogg")},
]
"""With cells and columns that are missing."""


def _numbers(values: Any) -> Any:
    return np.round(np.asarray(values, np.float64), 5).tolist()


def collection(folder: Path) -> dict[str, Any]:
    """Hits of each mode, labels, items and facts of a collection."""
    from sensorium import Collection

    def hits(*query: Any, **options: Any) -> list[Any]:
        return [
            [Path(hit.path).name, hit.modality, hit.span, round(hit.score, 5), hit.text]
            for hit in library.search(*query, k=4, **options)
        ]

    with Collection(folder / "library.sensorium", create=False) as library:
        facts = library.info()
        return {
            "text": hits("a sleeping cat"),
            "picture": hits(PICTURES[0]),
            "words": hits("penguin", mode="words"),
            "words of a text": hits("tide", mode="words"),
            "sound": hits(SAMPLE / "audio" / "a_message.ogg"),
            "hybrid": hits("a bell", hybrid=True),
            "hash": hits("a bird on ice", mode="hash"),
            "where": hits("an animal", where="category = 'animals'"),
            "labels": [
                [Path(item.path).name, [[name, round(p, 5)] for name, p in item.labels]]
                for item in library.classify(["cat", "bird", "kitchen"], k=3)
            ],
            "metadata": sorted(
                [Path(hit.path).name, hit.metadata.get("caption_en")]
                for hit in library.search("anything", k=20)
            ),
            "items": facts.items,
            "encoder": facts.encoder,
            "index": sorted(
                [slot, about["kind"]] for slot, about in facts.indexes.items() if about
            ),
        }


def classifier(folder: Path) -> dict[str, Any]:
    """Probabilities of a trained classifier for pictures."""
    from sensorium.training import load_classifier

    read = load_classifier(folder)
    return {
        "labels": list(read.labels),
        "predicted": list(read.predict(PICTURES)),
        "probabilities": _numbers(read.predict_proba(PICTURES)),
    }


def fusion(folder: Path) -> dict[str, Any]:
    """Predictions of a fusion model, with what is missing."""
    from sensorium.training import FusionClassifier

    read = FusionClassifier.load(folder)
    return {
        "predicted": {name: list(values) for name, values in read.predict(ROWS).items()},
        "probabilities": {n: _numbers(values) for n, values in read.predict_proba(ROWS).items()},
    }


def regression(folder: Path) -> dict[str, Any]:
    """Numbers that a fusion model predicts."""
    from sensorium.training import FusionRegressor

    read = FusionRegressor.load(folder)
    return {name: _numbers(values) for name, values in read.predict(ROWS).items()}


def encoder(folder: Path) -> dict[str, Any]:
    """Vectors of pictures and texts, and the space that they are said to be of."""
    from sensorium import load_encoder

    read = load_encoder(folder)
    return {
        "fingerprint": read.space.fingerprint,
        "pictures": _numbers(read.encode(PICTURES)[:, :12]),
        "texts": _numbers(read.encode(LINES)[:, :12]),
    }


def hash_codes(folder: Path) -> dict[str, Any]:
    """Bits that learned heads and a rotation give for the same vectors."""
    from sensorium.index.coding import load_coder

    vectors = np.random.default_rng(5).normal(size=(3, 48)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found: dict[str, Any] = {}
    for name in ("learned", "itq"):
        coder = load_coder(folder / f"{name}.npz")
        found[name] = {
            "method": coder.method,
            "bits": coder.bits,
            "codes": [bytes(row).hex() for row in coder.encode(vectors, "image")],
        }
    return found


def captions(folder: Path) -> list[Any]:
    """Captions of pictures."""
    from sensorium.tasks.captioning import load_captioner

    captioned = load_captioner(folder).caption(PICTURES)
    return [[item.text, round(item.score, 5)] for item in captioned]


def translations(folder: Path) -> list[Any]:
    """Translations of texts."""
    from sensorium.tasks.translation import load_translator

    return [[item.text, round(item.score, 5)] for item in load_translator(folder).translate(LINES)]


def evaluation(folder: Path) -> dict[str, Any]:
    """Figures of a result file."""
    from sensorium.evaluation import read_result

    result = read_result(folder / "result.json")
    scores = result.scores["classification"]
    return {
        "kind": result.kind,
        "fingerprint": result.fingerprint,
        "scores": {name: round(score.estimate, 5) for name, score in scores.items()},
    }


ASKED = {
    "collection": collection,
    "classifier": classifier,
    "fusion-linear": fusion,
    "fusion-early": fusion,
    "fusion-number": regression,
    "encoder": encoder,
    "contrastive": encoder,
    "hash": hash_codes,
    "captioner": captions,
    "translator": translations,
    "evaluation": evaluation,
}
"""By folder what asks it."""
