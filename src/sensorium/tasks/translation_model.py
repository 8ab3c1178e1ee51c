"""The model behind a translator: any seq2seq model of Transformers, and its word pieces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensorium.errors import MissingExtraError, UsageError
from sensorium.media.progress import Progress
from sensorium.tasks.formats import TRANSLATOR
from sensorium.tasks.languages import code_of

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
        text_pieces,
    )
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "train") from error


TARGET_TOKENIZER = "target_tokenizer"
"""Folder of the decoder's tokenizer, where encoder and decoder have one each."""


BATCH_SIZE = 32


@dataclass(frozen=True)
class Searched:
    """Translations of one text, best first with their scores, and whether the best one ended."""

    candidates: list[tuple[str, float]]
    ended: bool


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
        and texts in all. Of a text only the first `max_length` word pieces are read: see
        `searched` for what was left out, and `Translator` for texts of any length.
        """
        return [found.candidates for found in self.searched(texts, search, told)]

    def searched(
        self, texts: Sequence[str], search: Search, told: Progress | None = None
    ) -> list[Searched]:
        """As `translate`, with whether each translation came to its end."""
        self.module.eval()
        device = next(self.module.parameters()).device
        # Texts of like length together: a batch is padded to its longest.
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        found: dict[int, Searched] = {}
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
            generated.sequences = self._without_language(generated.sequences)
            candidates = decoded(self.target_tokenizer, generated, search.beams)
            ended = self._ended(generated.sequences)[:: search.beams]
            pairs = zip(candidates, ended, strict=True)
            found.update(zip(places, (Searched(*pair) for pair in pairs), strict=True))
            if told is not None:
                told(len(found), len(order))
        return [found[place] for place in range(len(texts))]

    def _without_language(self, sequences: torch.Tensor) -> torch.Tensor:
        """Padding in place of the word piece of the target language that a text begins with.

        Transformers 5 decodes those of M2M-100 as words: "__de__Das Schloss".
        """
        begin = self.model.generation_config.forced_bos_token_id
        pad = self.target_tokenizer.pad_token_id
        if begin is not None and pad is not None:
            sequences = sequences.clone()
            first = sequences[:, :2]
            first[first == begin] = pad
        return sequences

    def _ended(self, sequences: torch.Tensor) -> list[bool]:
        """Whether each of some generated texts holds an end, behind what it began with."""
        ends = self.model.generation_config.eos_token_id
        if ends is None:
            return [True] * len(sequences)
        wanted = torch.tensor(ends if isinstance(ends, list) else [ends], device=sequences.device)
        return [bool(found) for found in torch.isin(sequences[:, 1:], wanted).any(dim=1)]

    def pieces(self, text: str) -> int:
        """Word pieces of a text, those included that are put around it."""
        return len(self.source_tokenizer(text, verbose=False)["input_ids"])

    def set_languages(self, codes: Sequence[str]) -> None:
        """Tell a multilingual model source and target language.

        Raises
        ------
        UsageError
            When it knows no languages, or not these.
        """
        self.model.generation_config.forced_bos_token_id = _set_languages(
            self.source_tokenizer, codes
        )

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
    source, target = (code_of(tokenizer, code) for code in codes)
    tokenizer.src_lang, tokenizer.tgt_lang = source, target
    if hasattr(tokenizer, "get_lang_id"):  # M2M-100 writes a language as "__de__"
        return int(tokenizer.get_lang_id(target))
    return int(tokenizer.convert_tokens_to_ids(target))
