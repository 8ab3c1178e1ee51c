"""Translating texts with what `sensorium train translation` wrote, or with a model of a hub."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensorium.errors import MissingExtraError, UsageError

try:
    from sensorium.training.generation.decoding import Search
    from sensorium.training.generation.translation import (
        TRANSLATOR,
        Translation,
        load_translation,
        pretrained_translation,
    )
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "train") from error


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
        self.search = Search(**description.get("search", {"max_length": 128}))

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
    if folder.exists() and not (folder / "config.json").is_file():
        raise UsageError(
            f"{folder}: holds neither {TRANSLATOR.file} nor a model of Transformers: "
            f"{TRANSLATOR.instead}"
        )
    return Translator(pretrained_translation(os.fspath(name), codes=codes), {})
