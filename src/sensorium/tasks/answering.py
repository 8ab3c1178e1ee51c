"""Asking texts and pictures: the answer, the passage it stands in, and how sure it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from sensorium.encoders.base import Encoder
from sensorium.encoders.naming import require_known
from sensorium.encoders.registry import DEFAULT_ENCODER, load_encoder
from sensorium.errors import MediaError, UsageError
from sensorium.media import Document, Image, Text
from sensorium.media.progress import Progress
from sensorium.media.skipped import Skipped
from sensorium.tasks.answers.answer import Answer, Answers, PictureReader, TextReader
from sensorium.tasks.source_texts import SourceText, given, media_name, media_of, texts_of

DEFAULT = "default"
"""The model that needs nothing but an encoder."""

__all__ = ["DEFAULT", "Answer", "Answerer", "Answers", "load_answerer"]


class Answerer:
    """Answers questions from texts and about pictures.

    Parameters
    ----------
    texts : TextReader, optional
    pictures : PictureReader, optional
        None where the model takes no such media.
    name : str
        What errors call it.
    """

    def __init__(
        self, texts: TextReader | None, pictures: PictureReader | None, name: str = DEFAULT
    ) -> None:
        self._texts, self._pictures, self.name = texts, pictures, name

    def answer(
        self, question: str, sources: Any, *, k: int = 1, progress: Progress | None = None
    ) -> Answers:
        """Answer a question.

        Parameters
        ----------
        question : str
        sources : str, Path, media, or a list of these
            Documents and texts are read together, and give the best answers; each picture has an
            answer of its own. A string that names a file is that file.
        k : int
            Answers wanted from the texts; there are fewer where fewer are likely.
        progress : callable, optional
            Called with (done, total): documents that were read and pictures that were looked at.

        Returns
        -------
        Answers
            Those from texts first, best first: one that is empty where the texts do not say it.
            What could not be read is in ``skipped``.

        Raises
        ------
        UsageError
            For an empty question, no sources, or k under 1.
        EncoderError
            When the model cannot be loaded or asked.
        """
        found = Answers()
        for one in self.answer_each(question, sources, k=k, progress=progress):
            if isinstance(one, Skipped):
                found.skipped.append(one)
            else:
                found.append(one)
        return found

    def answer_each(
        self, question: str, sources: Any, *, k: int = 1, progress: Progress | None = None
    ) -> Iterator[Answer | Skipped]:
        """Answer a question; see `answer`.

        Yields
        ------
        Answer or Skipped
            What cannot be read, as that is found out; the answers from texts, when all are read;
            then that about each picture, when it was looked at. Wrong arguments are told at the
            call.
        """
        if not question.strip():
            raise UsageError(f"the question is empty ({question!r:.40}): ask something")
        if k < 1:
            raise UsageError(f"k is at least 1, got {k}")
        return self._each(question, given(sources), k, progress)

    def _each(
        self, question: str, sources: list[Any], k: int, progress: Progress | None
    ) -> Iterator[Answer | Skipped]:
        done = 0
        texts: list[SourceText] = []
        pictures: list[tuple[str, Image]] = []
        for source in sources:
            name = os.fspath(source) if isinstance(source, (str, os.PathLike)) else ""
            try:
                media = media_of(source)
                if isinstance(media, Image):
                    self._require(self._pictures, "pictures")
                    pictures.append((name, media))
                    continue
                texts += self._texts_of(media, name)
            except MediaError as error:
                yield Skipped(error.name or name, error.reason)
            done += 1
            # With the last one read, nothing is answered yet.
            if progress is not None and done < len(sources):
                progress(done, len(sources))
        if texts:
            yield from self.from_texts(question, texts, k=k)
        if progress is not None and not pictures:
            progress(done, len(sources))
        for name, picture in pictures:
            try:
                reader = self._require(self._pictures, "pictures")
                yield reader.look(question, picture, media_name(picture))
            except MediaError as error:
                yield Skipped(error.name or name, error.reason)
            done += 1
            if progress is not None:
                progress(done, len(sources))

    def _texts_of(self, media: Any, name: str) -> list[SourceText]:
        if not isinstance(media, (Text, Document)):
            raise MediaError(f"is {media.modality}: questions are about texts and pictures", name)
        self._require(self._texts, "texts")
        return texts_of(media)

    def from_texts(self, question: str, texts: list[SourceText], *, k: int = 1) -> list[Answer]:
        """Answer from texts that were read already; see `answer`."""
        return list(self._require(self._texts, "texts").read(question, texts, k))

    def _require(self, reader: Any, kind: str) -> Any:
        if reader is None:
            raise MediaError(f"the model {self.name} takes no {kind}")
        return reader


def load_answerer(
    name: str | os.PathLike[str] = DEFAULT,
    *,
    encoder: str | os.PathLike[str] | Encoder = DEFAULT_ENCODER,
    threshold: float | None = None,
) -> Answerer:
    """Make an answerer; its model is loaded when it is first asked.

    Parameters
    ----------
    name : str or Path
        ``"default"``: the best sentence by words and by `encoder`, and yes/no questions about
        pictures. A hub id or folder of a model of Transformers: one that marks the answer
        (``deepset/roberta-base-squad2``), that writes it (T5, BART), or that looks at pictures
        (ViLT, BLIP), or that one talks to (Llama, Qwen-VL, SmolVLM ...). A server, ``http(s)://.../v1#MODEL``.
    encoder : str, Path or Encoder
        Of the default; and what chooses passages of long texts for a model that one talks to.
    threshold : float, optional
        Probability under which texts do not say it; None takes the model's own: 0.5.

    Raises
    ------
    UsageError, EncoderError
        When there is no such model.
    """
    from sensorium.tasks.answers.extractive import THRESHOLD, Extractive
    from sensorium.tasks.answers.pictures import YesNo
    from sensorium.tasks.chat import is_served

    least = THRESHOLD if threshold is None else threshold
    if not 0 <= least <= 1:
        raise UsageError(f"threshold is a probability from 0 to 1, got {threshold}")
    if os.fspath(name) != DEFAULT and not is_served(name):
        require_known(name, [DEFAULT], "model for questions")
        from sensorium.tasks.answers.hub import load_reader

        reader = load_reader(os.fspath(name), least)
        if reader is not None:
            return reader
    own = encoder if isinstance(encoder, Encoder) else load_encoder(encoder)
    if os.fspath(name) == DEFAULT:
        return Answerer(Extractive(own, least), YesNo(own), own.name)
    from sensorium.tasks.answers.served import Served

    served = Served(os.fspath(name), Extractive(own, 0.0))
    return Answerer(served, served, served.name)
