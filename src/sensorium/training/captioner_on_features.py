"""Training a small decoder on what a frozen encoder sees and what similar pictures are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sensorium.data.examples import Examples
from sensorium.errors import MissingExtraError, UsageError
from sensorium.media import Modality
from sensorium.tasks.captions.by_features import FeatureCaptions
from sensorium.tasks.captions.memory import Memory, centres_of, keys
from sensorium.tasks.captions.visual_features import FeatureReader, VisualFeatures

try:
    import torch

    from sensorium.models.captioning import FeatureCaptioner
    from sensorium.training.history import History
    from sensorium.training.new_models import (
        Shape,
        new_seq2seq,
        piece_vectors,
        set_word_vectors,
        train_tokenizer,
    )
    from sensorium.training.writing import Writing, evenly, first_texts
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "train") from error

TRUSTS = (0.0, 0.25, 0.5, 0.75, 0.9)
"""Weights of what similar pictures are called that the validation chooses from."""

SPARE_NEIGHBOURS = 2
"""Neighbours are drawn, in training, from this many times as many: the decoder must not learn
which of them is right by heart."""

VALIDATED = 200
"""Pictures that are captioned after each epoch, at most; the loss is that of all."""


@dataclass(frozen=True)
class Design:
    """What is built on the frozen encoder.

    Parameters
    ----------
    vocabulary : int
        Word pieces that are learnt from the captions, at most.
    shape : Shape
        Of the new seq2seq model.
    neighbours : int
        Captions of similar pictures that the decoder sees; 0 for none.
    views : int
        Times each picture is seen: once as it is, further times augmented.
    dropout : float
        Of features and of whole sources of them.
    label_smoothing : float
    spatial : bool
        Whether the encoder's feature maps are read, too, where it has any.
    """

    vocabulary: int = 3000
    shape: Shape = field(default_factory=lambda: Shape(256, 2, 4, 0.2))
    neighbours: int = 4
    views: int = 2
    dropout: float = 0.2
    label_smoothing: float = 0.1
    spatial: bool = True

    def __post_init__(self) -> None:
        if self.neighbours < 0 or self.views < 1:
            raise UsageError(
                f"{self.neighbours} neighbours, {self.views} views: neighbours are 0 or more, "
                "views 1 or more"
            )
        for name in ("dropout", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}; it lies from 0 to below 1")


def new_captions(
    reader: FeatureReader,
    features: VisualFeatures,
    data: Examples,
    design: Design,
    seed: int = 0,
) -> FeatureCaptions:
    """Make an untrained decoder, with word pieces and a memory of the training's captions.

    Parameters
    ----------
    reader : FeatureReader
    features : VisualFeatures
        Of the training's pictures as they are.
    data : Examples
        The training's pictures.
    design : Design
    seed : int
        Of the random weights.
    """
    data = data.take(features.rows)
    tokenizer = train_tokenizer([text for _, text in data.pairs], design.vocabulary)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = FeatureCaptioner(
            new_seq2seq(tokenizer, design.shape, seed), reader.shapes,
            dropout=design.dropout, label_smoothing=design.label_smoothing,
        )  # fmt: skip
    if Modality.TEXT in reader.encoder.space.modalities:
        set_word_vectors(module.seq2seq, piece_vectors(reader.encoder, tokenizer))
    centres = centres_of(features.tokens)
    memory = Memory(
        keys(features.tokens, centres).astype(np.float16),
        [texts[0] for texts in data.texts],
        data.groups,
        centres,
    )
    return FeatureCaptions(module, tokenizer, reader, memory, design.neighbours)


@dataclass(frozen=True)
class Example:
    """A picture in one of its views, by its place there, and one of its captions."""

    view: int
    place: int
    caption: str


@dataclass
class FeatureTraining:
    """Everything that a decoder is trained on.

    Parameters
    ----------
    captions : FeatureCaptions
    views : list of VisualFeatures
        Of the training's pictures; the first as they are, further ones augmented.
    data : Examples
        The training's pictures.
    max_length : int
        Word pieces of a caption, at most.
    """

    captions: FeatureCaptions
    views: Sequence[VisualFeatures]
    data: Examples
    max_length: int
    examples: list[Example] = field(init=False)
    neighbours: list[list[list[int]]] = field(init=False)

    def __post_init__(self) -> None:
        self.examples = [
            Example(view, place, caption)
            for view, features in enumerate(self.views)
            for place, row in enumerate(features.rows)
            for caption in self.data.texts[row]
        ]
        self.neighbours = [self._near(features) for features in self.views]

    def _near(self, features: VisualFeatures) -> list[list[int]]:
        memory, wanted = self.captions.memory, self.captions.neighbours
        if not wanted or memory is None:
            return [[] for _ in features.rows]
        groups = self.data.take(features.rows).groups
        queries = keys(features.tokens, memory.centres)
        return memory.neighbours(queries, wanted * SPARE_NEIGHBOURS, groups)

    def collate(self, batch: list[Example]) -> dict[str, Any]:
        """Make a batch; the neighbours that are shown are drawn anew each time."""
        tokens = {
            source: np.stack([self.views[one.view].tokens[source][one.place] for one in batch])
            for source in self.captions.module.sources
        }
        shown = None
        if self.captions.neighbours and self.captions.memory is not None:
            texts = self.captions.memory.texts
            shown = [
                [texts[place] for place in self._drawn(self.neighbours[one.view][one.place])]
                for one in batch
            ]
        labels = self.captions.labels([one.caption for one in batch], self.max_length)
        return {**self.captions.inputs(tokens, shown), "labels": labels}

    def _drawn(self, places: list[int]) -> list[int]:
        wanted = min(self.captions.neighbours, len(places))
        chosen = np.sort(np.random.permutation(len(places))[:wanted])
        return [places[one] for one in chosen]


def train_on_features(
    training: FeatureTraining, validation: tuple[VisualFeatures, Examples], how: Writing
) -> History:
    """Train a decoder, keep the weights that validate best, and choose its trust."""
    captions = training.captions
    features, data = validation
    context = captions.context_of(features)
    right = data.take(features.rows).texts
    sample = evenly(len(right), VALIDATED)
    shown = VisualFeatures([features.rows[place] for place in sample], features.take(sample))

    def of(places: Sequence[int]) -> list[list[str]] | None:
        return None if context is None else [context[place] for place in places]

    def batch(places: range) -> dict[str, Any]:
        labels = captions.labels([right[place][0] for place in places], how.search.max_length)
        return {**captions.inputs(features.take([*places]), of(places)), "labels": labels}

    def write() -> list[str]:
        return first_texts(captions.caption_features(shown, how.greedy, context=of(sample)))

    history = how.fit(
        captions.module, training.examples, training.collate, right, batch, write, sample
    )
    if captions.memory is not None:
        candidates = captions.caption_features(features, how.search, context=context)

        def worth(trust: float) -> float:
            texts = first_texts(captions.agreed(features, candidates, trust))
            return how.scores(texts, right)[how.metrics[0]]

        captions.trust = max(TRUSTS, key=worth)  # the first, smallest one of equals
    return history
