"""Training a model that turns texts into other texts, and measuring it beside the nearest one."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sensorium.data.examples import Examples
from sensorium.data.splits import split_three
from sensorium.encoders import Encoder, load_encoder
from sensorium.errors import MissingExtraError, UsageError
from sensorium.evaluation.text_generation import score_texts
from sensorium.media import Modality, Text
from sensorium.media.progress import Progress, Said
from sensorium.tasks.memory import Memory
from sensorium.tasks.translation import TRANSLATOR, Translation
from sensorium.training.generation_report import GenerationReport, compared

try:
    import torch
    import transformers

    from sensorium.encoders.pretrained import load_pretrained
    from sensorium.tasks.generating import Search, cannot_be_loaded
    from sensorium.training.loop import Settings, train
    from sensorium.training.new_models import (
        Shape,
        join_decoder,
        join_pretrained,
        new_seq2seq,
        piece_vectors,
        set_word_vectors,
        train_tokenizer,
    )
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "train") from error

HELD_OUT = 0.1
"""Share of the groups that is held out for validation, and again for the test."""

VALIDATED = 400
"""Texts that are translated after each epoch, at most; the loss is that of all."""

SETTINGS = Settings(epochs=20, batch_size=64, learning_rate=5e-4, warmup=0.1)
"""For a small model from nothing."""

FINE_TUNING = Settings(epochs=3, batch_size=16, learning_rate=5e-5, warmup=0.1)
"""For a pretrained model."""


def pretrained_translation(
    model: str | Path | None = None,
    *,
    encoder: str | Path | None = None,
    decoder: str | Path | None = None,
    codes: tuple[str, str] | None = None,
    label_smoothing: float = 0.0,
) -> Translation:
    """Take a pretrained model, or join a pretrained encoder and decoder.

    Parameters
    ----------
    model : str or Path, optional
        Hub id or folder of any of `AutoModelForSeq2SeqLM`: T5, BART, Marian, NLLB, M2M-100 ...
    encoder, decoder : str or Path, optional
        Instead of `model`: two models that become one (Rothe et al. 2020); what joins them, the
        decoder's attention to the encoder, is new and has to be trained.
    codes : (str, str), optional
        Source and target language as the tokenizer of a multilingual model calls them, such as
        ``("eng_Latn", "deu_Latn")``.
    label_smoothing : float

    Raises
    ------
    EncoderError
        When one cannot be loaded.
    UsageError
        When neither a model nor both parts are named, or the tokenizer knows no such code.
    """
    if (model is None) == (encoder is None and decoder is None):
        raise UsageError("name a model, or an encoder and a decoder to be joined")
    if model is not None:
        return Translation.pretrained(model, codes=codes, label_smoothing=label_smoothing)
    if encoder is None or decoder is None:
        raise UsageError("an encoder and a decoder are joined: name both")
    try:
        network = join_pretrained(transformers.EncoderDecoderModel, encoder, decoder)
        source = load_pretrained(transformers.AutoTokenizer, encoder)
        target = load_pretrained(transformers.AutoTokenizer, decoder)
        join_decoder(network, target)
    except UsageError:
        raise
    except Exception as error:  # Transformers raises nearly any exception here
        raise cannot_be_loaded(f"{encoder} with {decoder}", "for translation", error) from error
    return Translation.of(network, source, target, codes, label_smoothing)


def new_translation(
    pairs: Examples,
    *,
    vocabulary: int = 4000,
    shape: Shape | None = None,
    label_smoothing: float = 0.1,
    encoder: Encoder | None = None,
    seed: int = 0,
) -> Translation:
    """Make a small model with random weights, and word pieces learnt from the texts.

    With an encoder of texts, the model begins with its vectors of the word pieces; those of a
    multilingual one bring words of both languages together.
    """
    both = [*pairs.names, *(target for _, target in pairs.pairs)]
    tokenizer = train_tokenizer(both, vocabulary)
    model = new_seq2seq(tokenizer, shape, seed)
    if encoder is not None and Modality.TEXT in encoder.space.modalities:
        set_word_vectors(model, piece_vectors(encoder, tokenizer))
    return Translation.of(model, tokenizer, tokenizer, label_smoothing=label_smoothing)


def train_translator(
    pairs: Examples,
    folder: str | Path,
    *,
    translation: Translation | None = None,
    test: Examples | None = None,
    validation: Examples | None = None,
    groups: Mapping[str, str] | None = None,
    language: str = "en",
    codes: tuple[str, str] | None = None,
    vocabulary: int = 4000,
    shape: Shape | None = None,
    settings: Settings | None = None,
    search: Search | None = None,
    encoder: Encoder | str = "mini",
    seed: int = 0,
    said: Said | None = None,
    progress: Progress | None = None,
) -> GenerationReport:
    """Train on pairs of texts; measure on texts that were held out.

    Parameters
    ----------
    pairs : Examples
    folder : path
        Gets the model, its word pieces, ``translator.json``, ``report.json``, the history of the
        training and its curves.
    translation : Translation, optional
        What is trained; without one, a small new model.
    test, validation : Examples, optional
        Without them a tenth of the texts each is held out.
    groups : mapping of str to str, optional
        Group of a source text; texts of one group are held out together.
    language : str
        Code of the target language; it decides how BLEU cuts words.
    codes : (str, str), optional
        See `pretrained_translation`; written down for later use.
    vocabulary : int
        Word pieces of a new model, at most.
    shape : Shape, optional
        Of a new model.
    settings : Settings, optional
        Default: `SETTINGS` for a new model, `FINE_TUNING` for a pretrained one.
    search : Search, optional
    encoder : Encoder or str
        Whose text vectors find the nearest known text, the baseline, and which a new model's word
        embeddings begin with.
    seed : int
    said : callable, optional
        Called with what is done before and after the training; returns what takes texts done and
        in all.
    progress : callable, optional
        See `sensorium.training.loop.train`.

    Returns
    -------
    GenerationReport

    Raises
    ------
    UsageError
        When there are too few texts, or `folder` holds something else.
    """
    folder = Path(folder)
    told: Said = said or (lambda what: None)
    TRANSLATOR.claim(folder, "checkpoints")
    loaded = load_encoder(encoder) if isinstance(encoder, str) else encoder
    search = search or Search(max_length=64)
    every = [pairs, *(given for given in (validation, test) if given is not None)]
    of = {
        text: text.casefold() if groups is None else groups.get(text, text)
        for part in every
        for text in part.names
    }
    learnt, validated, tested = split_three(pairs, validation, test, of, HELD_OUT, seed)
    settings = settings or (SETTINGS if translation is None else FINE_TUNING)
    if translation is None:
        told("learning word pieces and their vectors")
        translation = new_translation(
            learnt, vocabulary=vocabulary, shape=shape, encoder=loaded, seed=seed
        )

    def collate(batch: list[tuple[str, str]]) -> dict[str, torch.Tensor]:
        sources, targets = zip(*batch, strict=True)
        return translation.batch(sources, targets, search.max_length)

    greedy = Search(1, search.max_length)

    def validate(module: Any) -> dict[str, float]:
        total = 0.0
        right = [
            (s, targets[0]) for s, targets in zip(validated.names, validated.texts, strict=True)
        ]
        device = next(module.parameters()).device
        for start in range(0, len(right), settings.batch_size):
            part = right[start : start + settings.batch_size]
            inputs = {name: value.to(device) for name, value in collate(part).items()}
            total += float(module(**inputs)["loss"]) * len(part)
        found = [one[0][0] for one in translation.translate(validated.names[:VALIDATED], greedy)]
        scores = score_texts(found, validated.texts[:VALIDATED], language=language).estimates()
        return {"loss": total / len(right), "chrf": scores["chrf"]}

    history = train(
        translation.module, learnt.pairs, collate, folder, settings,
        validate=validate, best=("chrf", "max"), progress=progress,
    )  # fmt: skip
    sources, right = tested.names, tested.texts
    found = [one[0][0] for one in translation.translate(sources, search, told("translating"))]
    told("encoding texts, for the nearest known one")
    nearest = nearest_translations(loaded, learnt, sources)
    report = compared(
        TRANSLATOR.what, found, nearest, right, language=language, seed=seed,
        groups=None if groups is None else tested.groups, names=sources,
        counts={"train": len(learnt), "validation": len(validated), "test": len(tested)},
        seconds=history.seconds, skipped=[one for part in every for one in part.skipped],
        folder=folder,
    )  # fmt: skip
    translation.save(
        folder,
        {
            "language": language,
            "codes": codes,
            "architecture": type(translation.model).__name__,
            "search": search,
            "settings": settings,
            "scores": report.scores,
        },
    )
    report.save()
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    return report


def nearest_translations(encoder: Encoder, known: Examples, texts: Sequence[str]) -> list[str]:
    """The translation of the known text that is nearest to each, by vectors of an encoder.

    Raises
    ------
    EncoderError
        When the encoder encodes no texts.
    """
    vectors = encoder.encode(known.sources).astype(np.float16)
    memory = Memory(vectors, [targets[0] for targets in known.texts], known.names)
    nearest = memory.neighbours(encoder.encode([Text(text) for text in texts]), 1)
    return [memory.texts[places[0]] for places in nearest]
