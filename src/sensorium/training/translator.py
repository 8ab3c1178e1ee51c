"""Training a model that turns texts into other texts, and measuring it beside the nearest one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sensorium.data.examples import Examples
from sensorium.data.pairs import read_text_pairs
from sensorium.data.splits import split_three
from sensorium.encoders import DEFAULT_ENCODER, Encoder, load_encoder
from sensorium.errors import MissingExtraError, UsageError
from sensorium.media import Modality, Text
from sensorium.media.progress import Progress, Said, silent
from sensorium.tasks.captions.memory import Memory
from sensorium.tasks.formats import TRANSLATOR
from sensorium.tasks.translation_model import Translation
from sensorium.training.generation_report import GenerationReport

try:
    import torch
    import transformers

    from sensorium.encoders.pretrained import load_pretrained
    from sensorium.tasks.generating import Search, cannot_be_loaded
    from sensorium.training.loop import Settings
    from sensorium.training.new_models import (
        Shape,
        join_decoder,
        join_pretrained,
        new_seq2seq,
        piece_vectors,
        set_word_vectors,
        train_tokenizer,
    )
    from sensorium.training.writing import FINE_TUNING as FINE_TUNING
    from sensorium.training.writing import HELD_OUT, Writing, first_texts
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "train") from error

VALIDATED = 400
"""Texts that are translated after each epoch, at most; the loss is that of all."""

SETTINGS = Settings(epochs=20, batch_size=64, learning_rate=5e-4, warmup=0.1)
"""For a small model from nothing."""


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
    data: Any,
    folder: str | Path,
    *,
    encoder: Encoder | str = DEFAULT_ENCODER,
    translation: Translation | None = None,
    codes: tuple[str, str] | None = None,
    vocabulary: int = 4000,
    shape: Shape | None = None,
    validation: Any = None,
    test: Any = None,
    groups: Mapping[str, str] | None = None,
    language: str = "en",
    settings: Settings | None = None,
    search: Search | None = None,
    seed: int = 0,
    said: Said | None = None,
    progress: Progress | None = None,
) -> GenerationReport:
    """Train on pairs of texts; measure on texts that were held out.

    Parameters
    ----------
    data : path or Examples
        See `sensorium.data.pairs.read_text_pairs`.
    folder : path
        Gets the model, its word pieces, ``translator.json``, ``report.json``, the history of the
        training and its curves.
    encoder : Encoder or str
        Whose text vectors find the nearest known text, the baseline, and which a new model's word
        embeddings begin with.
    translation : Translation, optional
        What is trained; without one, a small new model.
    codes : (str, str), optional
        See `pretrained_translation`; written down for later use.
    vocabulary : int
        Word pieces of a new model, at most.
    shape : Shape, optional
        Of a new model.
    validation, test : as `data`, optional
        Without them a tenth of the texts each is held out.
    groups : mapping of str to str, optional
        Group of a source text; texts of one group are held out together.
    settings : Settings, optional
        Default: `SETTINGS` for a new model, `FINE_TUNING` for a pretrained one.
    language, search, seed, said, progress
        See `sensorium.training.writing.Writing`.

    Returns
    -------
    GenerationReport

    Raises
    ------
    UsageError
        When there are too few texts, or `folder` holds something else.
    """
    data, validation, test = (
        part if part is None or isinstance(part, Examples) else read_text_pairs(Path(part))
        for part in (data, validation, test)
    )
    how = Writing(
        Path(folder), settings or (SETTINGS if translation is None else FINE_TUNING),
        search or Search(max_length=64), language, ("chrf",), False, seed, said or silent, progress,
    )  # fmt: skip
    TRANSLATOR.claim(how.folder, "checkpoints")
    loaded = load_encoder(encoder) if isinstance(encoder, str) else encoder
    of = {
        text: text.casefold() if groups is None else groups.get(text, text)
        for part in (data, validation, test)
        if part is not None
        for text in part.names
    }
    parts = split_three(data, validation, test, of, HELD_OUT, seed)
    learnt, validated, tested = parts
    if translation is None:
        how.said("learning word pieces and their vectors")
        translation = new_translation(
            learnt, vocabulary=vocabulary, shape=shape, encoder=loaded, seed=seed
        )

    def collate(batch: Sequence[tuple[str, str]]) -> dict[str, torch.Tensor]:
        sources, targets = zip(*batch, strict=True)
        device = next(translation.module.parameters()).device
        made = translation.batch(sources, targets, how.search.max_length)
        return {name: value.to(device) for name, value in made.items()}

    history = how.fit(
        translation.module, learnt.pairs, collate, validated.texts,
        lambda rows: collate([(validated.names[row], validated.texts[row][0]) for row in rows]),
        lambda: first_texts(translation.translate(validated.names[:VALIDATED], how.greedy)),
        range(min(VALIDATED, len(validated))),
    )  # fmt: skip
    written = translation.translate(tested.names, how.search, how.said("translating"))
    how.said("encoding texts, for the nearest known one")
    nearest = nearest_translations(loaded, learnt, tested.names)

    def save(folder: Path) -> dict[str, Any]:
        return {**translation.save(folder), "codes": codes}

    return how.finish(
        TRANSLATOR, parts, dict(enumerate(first_texts(written))), dict(enumerate(nearest)), save,
        history=history, grouped=groups is not None,
    )  # fmt: skip


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
