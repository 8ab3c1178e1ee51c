"""Summaries by seq2seq models of Transformers: BART, Pegasus, T5 and others."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sensorium.errors import MissingExtraError, UsageError
from sensorium.tasks.loaded import LOADED
from sensorium.tasks.origin import origin_of_pretrained
from sensorium.tasks.sentences import sentences
from sensorium.tasks.source_texts import SourceText, whole
from sensorium.tasks.summaries.summary import Length, Summary
from sensorium.tasks.summaries.written import TOKENS_A_SENTENCE, combined

try:
    from sensorium.tasks.hub_models import (
        generate_from,
        load_seq2seq,
        model_bytes,
        pieces_of,
        pieces_read,
        task_prefix,
    )
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "hub") from error

BEAMS = 4
"""What BART, Pegasus and T5 were published with."""


class HubSummaries:
    """Summaries by a model of a hub, or of a folder in the format of Transformers.

    Parameters
    ----------
    name : str

    Raises
    ------
    UsageError
        When it is a folder without a model.
    """

    def __init__(self, name: str) -> None:
        self._name = os.path.expanduser(name)  # noqa: PTH111
        if Path(self._name).exists() and not (Path(self._name) / "config.json").is_file():
            raise UsageError(f"{name}: holds no model of Transformers (config.json is missing)")

    def summarize(self, texts: list[SourceText], length: Length) -> Summary:
        """See `SummaryModel.summarize`; the length is a limit of word pieces.

        Raises
        ------
        EncoderError
            When the model cannot be loaded.
        """
        key = ("seq2seq", self._name)
        with LOADED.using(key, self._load, model_bytes(self._name)) as (tokenizer, model):
            prefix = task_prefix(model.config, "summarization", "summarize: ")
            text = whole(texts)
            limit = TOKENS_A_SENTENCE * length.of(len(sentences(text)))

            def write(piece: str) -> str:
                ((text, _),) = generate_from(model, tokenizer, [prefix + piece], limit, beams=BEAMS)
                return text

            def pieces(piece: str) -> int:
                return pieces_of(tokenizer, prefix + piece)

            summary, number = combined(text, pieces, pieces_read(tokenizer, model.config), write)
            origin = origin_of_pretrained(self._name)
        return Summary(texts[0].source, summary, origin=origin, windows=number)

    def _load(self) -> tuple[Any, Any]:
        return load_seq2seq(self._name, "for summarising")
