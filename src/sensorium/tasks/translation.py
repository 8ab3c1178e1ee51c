"""Translating texts with what `sensorium train translation` wrote, or with a model of a hub."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensorium.errors import MissingExtraError, UsageError
from sensorium.media.progress import Progress
from sensorium.tasks.formats import TRANSLATOR

try:
    import torch
    import transformers

    from sensorium.encoders.pretrained import load_pretrained
    from sensorium.tasks.generating import (
        Search,
        TextGenerator,
        cannot_be_loaded,
        decoded,
        label_pieces,
        search_of,
        text_pieces,
    )
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "train") from error


TARGET_TOKENIZER = "target_tokenizer"
"""Folder of the decoder's tokenizer, where encoder and decoder have one each."""


BATCH_SIZE = 32


@dataclass
class Translation:
    """A seq2seq model and its word pieces.

    Attributes
    ----------
    module : TextGenerator
    source_tokenizer, target_tokenizer : PreTrainedTokenizer
        One and the same but for an encoder and a decoder that come from two models.
    max_length : int
        Word pieces of a source text that are read.
    """

    module: TextGenerator
    source_tokenizer: Any
    target_tokenizer: Any
    max_length: int = 128

    @property
    def model(self) -> Any:
        """The model of Transformers."""
        return self.module.model

    def batch(
        self, sources: Sequence[str], targets: Sequence[str], max_length: int
    ) -> dict[str, torch.Tensor]:
        """Arguments of the module for texts and their translations."""
        ids, mask = text_pieces(self.source_tokenizer, sources, self.max_length)
        labels = label_pieces(self.target_tokenizer, targets, self.model, max_length)
        return {"input_ids": ids, "attention_mask": mask, "labels": labels}

    def translate(
        self, texts: Sequence[str], search: Search, told: Progress | None = None
    ) -> list[list[tuple[str, float]]]:
        """Translations of each text with their scores, best first.

        A score is the length-normalised log-probability of beam search; `told` takes texts done
        and texts in all.
        """
        self.module.eval()
        device = next(self.module.parameters()).device
        # Texts of like length together: a batch is padded to its longest.
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        found: dict[int, list[tuple[str, float]]] = {}
        for start in range(0, len(order), BATCH_SIZE):
            places = order[start : start + BATCH_SIZE]
            ids, mask = text_pieces(
                self.source_tokenizer, [texts[place] for place in places], self.max_length
            )
            with torch.inference_mode():
                generated = self.model.generate(
                    input_ids=ids.to(device),
                    attention_mask=mask.to(device),
                    **search.options(search.beams),
                )
            candidates = decoded(self.target_tokenizer, generated, search.beams)
            found.update(zip(places, candidates, strict=True))
            if told is not None:
                told(len(found), len(order))
        return [found[place] for place in range(len(texts))]

    def save(self, folder: Path) -> dict[str, Any]:
        """Write files, which Transformers reads, too; return what ``translator.json`` is to say."""
        self.model.save_pretrained(folder)
        self.source_tokenizer.save_pretrained(folder)
        if self.target_tokenizer is not self.source_tokenizer:
            self.target_tokenizer.save_pretrained(folder / TARGET_TOKENIZER)
        return {"max_length": self.max_length, "architecture": type(self.model).__name__}

    @classmethod
    def of(
        cls,
        network: Any,
        source: Any,
        target: Any,
        codes: Sequence[str] | None = None,
        label_smoothing: float = 0.0,
    ) -> Translation:
        """Make one of a model and its tokenizers, which are told their languages."""
        begin = _set_languages(source, codes)
        if begin is not None:
            network.generation_config.forced_bos_token_id = begin
        return cls(TextGenerator(network, label_smoothing), source, target)

    @classmethod
    def pretrained(
        cls,
        name: str | Path,
        *,
        codes: Sequence[str] | None = None,
        label_smoothing: float = 0.0,
    ) -> Translation:
        """Take a model of a hub, or of a folder in the format of Transformers.

        Parameters
        ----------
        name : str or Path
            Of any of `AutoModelForSeq2SeqLM`: T5, BART, Marian, NLLB, M2M-100 ...
        codes : (str, str), optional
            Source and target language as the tokenizer of a multilingual model calls them, such
            as ``("eng_Latn", "deu_Latn")``.
        label_smoothing : float
            In training.

        Raises
        ------
        EncoderError
            When it cannot be loaded.
        UsageError
            When the tokenizer knows no such code.
        """
        try:
            tokenizer = load_pretrained(transformers.AutoTokenizer, name)
            network = load_pretrained(
                transformers.AutoModelForSeq2SeqLM, name,
                use_safetensors=True, dtype=torch.float32,
            )  # fmt: skip
        except Exception as error:  # Transformers raises nearly any exception here
            raise cannot_be_loaded(name, "for translation", error) from error
        return cls.of(network, tokenizer, tokenizer, codes, label_smoothing)


def load_translation(folder: Path) -> tuple[Translation, dict[str, Any]]:
    """Load what a training wrote, and what its ``translator.json`` says.

    Raises
    ------
    UsageError
        When it is no such folder, or damaged.
    """
    description = TRANSLATOR.read(folder)
    with TRANSLATOR.reading(folder):
        model = load_pretrained(transformers.AutoModelForSeq2SeqLM, folder, use_safetensors=True)
        source = load_pretrained(transformers.AutoTokenizer, folder)
        own = folder / TARGET_TOKENIZER
        target = load_pretrained(transformers.AutoTokenizer, own) if own.is_dir() else source
        max_length = int(description.get("max_length", 128))
    _set_languages(source, description.get("codes"))
    return Translation(TextGenerator(model).eval(), source, target, max_length), description


def _set_languages(tokenizer: Any, codes: Sequence[str] | None) -> int | None:
    """Tell a multilingual tokenizer its languages; return the word piece of the target's."""
    if codes is None:
        return None
    if not hasattr(tokenizer, "src_lang"):
        raise UsageError("this model's tokenizer knows no languages: leave their codes out")
    begin = tokenizer.convert_tokens_to_ids(codes[1])
    if begin is None or begin == tokenizer.unk_token_id:
        raise UsageError(f"this model's tokenizer knows no language {codes[1]!r}")
    tokenizer.src_lang, tokenizer.tgt_lang = codes
    return int(begin)


@dataclass(frozen=True)
class Translated:
    """A text and its translation.

    Attributes
    ----------
    source : str
    text : str
        The best translation; empty for an empty text.
    score : float
        Mean log-probability of its word pieces, by which it was found best.
    others : list of (str, float)
        What else beam search held, best first.
    """

    source: str
    text: str
    score: float = 0.0
    others: list[tuple[str, float]] = dataclasses.field(default_factory=list)


class Translator:
    """A model that translates texts.

    Parameters
    ----------
    translation : Translation
    description : dict
        What ``translator.json`` says.
    """

    def __init__(self, translation: Translation, description: dict[str, Any]) -> None:
        self.translation = translation
        self.description = description
        self.search = search_of(description, Search(max_length=128))

    def translate(
        self, texts: str | Iterable[str], *, beams: int | None = None, max_length: int | None = None
    ) -> list[Translated]:
        """Translate texts.

        Parameters
        ----------
        texts : str, or iterable of str
        beams, max_length : int, optional
            Instead of those it was measured with; see `Search`.

        Returns
        -------
        list of Translated
            In the order given.
        """
        sources = [texts] if isinstance(texts, str) else list(texts)
        wanted = {
            name: value
            for name, value in (("beams", beams), ("max_length", max_length))
            if value is not None
        }
        search = dataclasses.replace(self.search, **wanted)
        words = [text for text in dict.fromkeys(sources) if text.strip()]
        found = dict(zip(words, self.translation.translate(words, search), strict=True))
        return [
            Translated(text, *found[text][0], others=found[text][1:])
            if text in found
            else Translated(text, "")
            for text in sources
        ]


def load_translator(
    name: str | os.PathLike[str], *, codes: tuple[str, str] | None = None
) -> Translator:
    """Load a translator.

    Parameters
    ----------
    name : str or Path
        A folder that `sensorium train translation` wrote; or a folder in the format of
        Transformers or a hub id of a seq2seq model (``Helsinki-NLP/opus-mt-en-de``).
    codes : (str, str), optional
        Source and target language as the tokenizer of a multilingual model of a hub calls them.

    Raises
    ------
    UsageError
        When it is a folder of something else, or damaged.
    EncoderError
        When the hub has no such model.
    """
    folder = Path(os.path.expanduser(name))  # noqa: PTH111
    if TRANSLATOR.is_in(folder):
        if codes is not None:
            raise UsageError(f"{folder} knows its languages: leave their codes out")
        return Translator(*load_translation(folder))
    TRANSLATOR.require_finished(folder)
    if folder.exists() and not (folder / "config.json").is_file():
        raise UsageError(
            f"{folder}: holds neither {TRANSLATOR.file} nor a model of Transformers: "
            f"{TRANSLATOR.instead}"
        )
    return Translator(Translation.pretrained(os.fspath(name), codes=codes), {})
