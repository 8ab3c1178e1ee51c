"""Summaries of texts and documents: of their own sentences, by a model of a hub, or a server."""

from __future__ import annotations

import os
from typing import Any

from sensorium.encoders.base import Encoder
from sensorium.encoders.naming import require_known
from sensorium.encoders.registry import DEFAULT_ENCODER, load_encoder
from sensorium.errors import MediaError, UsageError
from sensorium.tasks.source_texts import given, texts_of
from sensorium.tasks.summaries.summary import Length, Summary, SummaryModel

DEFAULT = "default"
"""The model that needs nothing but an encoder."""

SENTENCES = 3
"""Of a summary, unless something else is asked for."""


class Summarizer:
    """Summarises texts and documents.

    Parameters
    ----------
    model : SummaryModel
    """

    def __init__(self, model: SummaryModel) -> None:
        self._model = model

    def summarize(
        self, sources: Any, *, sentences: int | None = None, share: float | None = None
    ) -> list[Summary]:
        """Summarise each of some texts.

        Parameters
        ----------
        sources : str, Path, media, or a list of these
            A string that names a file is that file.
        sentences : int, optional
            Of a summary, at most; default: 3. A model that writes takes it for a wish.
        share : float, optional
            Of the text's sentences, instead: 0.1 is a tenth.

        Returns
        -------
        list of Summary
            In the order given. What cannot be read has its `error` instead of a text.

        Raises
        ------
        UsageError
            For lengths that are none, or both.
        EncoderError
            When the model cannot be loaded or asked.
        """
        length = length_of(sentences, share)
        found = []
        for source in given(sources):
            name = os.fspath(source) if isinstance(source, (str, os.PathLike)) else ""
            try:
                texts = texts_of(source)
            except MediaError as error:
                found.append(Summary(name, "", error=error.reason))
                continue
            found.append(self._model.summarize(texts, length))
        return found


def length_of(sentences: int | None, share: float | None) -> Length:
    """How long a summary is to be.

    Raises
    ------
    UsageError
    """
    if sentences is not None and share is not None:
        raise UsageError("give a number of sentences or a share of them, not both")
    if sentences is not None and sentences < 1:
        raise UsageError(f"a summary has at least 1 sentence, got {sentences}")
    if share is not None and not 0 < share <= 1:
        raise UsageError(f"share is above 0 and at most 1 (0.1 is a tenth), got {share}")
    return Length(SENTENCES if sentences is None and share is None else sentences, share)


def load_summarizer(
    name: str | os.PathLike[str] = DEFAULT,
    *,
    encoder: str | os.PathLike[str] | Encoder = DEFAULT_ENCODER,
) -> Summarizer:
    """Make a summarizer; its model is loaded when it is first needed.

    Parameters
    ----------
    name : str or Path
        ``"default"``: sentences of the text itself, chosen by `encoder`. A hub id or folder of a
        seq2seq model of Transformers (``facebook/bart-large-cnn``, Pegasus, T5), or
        of one with a chat template (Llama, Qwen). A server, ``http(s)://.../v1#MODEL``.
    encoder : str, Path or Encoder
        Of the default.

    Raises
    ------
    UsageError, EncoderError
        When there is no such model.
    """
    from sensorium.tasks.chat import is_served

    if os.fspath(name) == DEFAULT:
        from sensorium.tasks.summaries.extractive import ExtractiveSummaries

        own = encoder if isinstance(encoder, Encoder) else load_encoder(encoder)
        return Summarizer(ExtractiveSummaries(own))
    from sensorium.tasks.summaries.written import ServedSummaries

    if is_served(name):
        return Summarizer(ServedSummaries(os.fspath(name)))
    require_known(name, [DEFAULT], "model for summaries")
    from sensorium.tasks.hub_chat import is_chat
    from sensorium.tasks.summaries.hub import HubSummaries

    seq2seq = HubSummaries(os.fspath(name))
    return Summarizer(ServedSummaries(os.fspath(name)) if is_chat(name) else seq2seq)
