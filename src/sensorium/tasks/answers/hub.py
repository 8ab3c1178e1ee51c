"""Answers by models of Transformers: that mark them in a text, write them, or look at pictures.

Transformers 5 has no pipelines for these any more; the models are called as those did.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensorium.errors import EncoderError, MissingExtraError, UsageError
from sensorium.media import Image
from sensorium.tasks.answering import Answerer
from sensorium.tasks.answers.answer import Answer, passage_around, squeezed
from sensorium.tasks.loaded import LOADED
from sensorium.tasks.origin import Origin, origin_of_pretrained
from sensorium.tasks.sentences import sentences, windows
from sensorium.tasks.source_texts import SourceText

try:
    import torch
    import transformers

    from sensorium.encoders.pretrained import load_pretrained
    from sensorium.tasks.generating import cannot_be_loaded
    from sensorium.tasks.hub_chat import is_chat
    from sensorium.tasks.hub_models import (
        device,
        generate_from,
        load_seq2seq,
        model_bytes,
        pieces_of,
        pieces_read,
    )
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "hub") from error

STRIDE = 128
"""Word pieces that neighbouring windows of a text share, so that no answer is cut in two."""

MOST_PIECES = 30
"""Word pieces of an answer that is marked; more is no answer. The pipeline that was removed took
15, which cuts lists and reasons."""

WRITTEN_PIECES = 48
"""Word pieces of an answer that is written."""

PICTURES = ("vilt", "blip")
"""Kinds of models that look at pictures (`config.model_type`)."""


def load_reader(name: str, threshold: float) -> Answerer | None:
    """An answerer by a model of a hub, or of a folder in the format of Transformers.

    None where it is one that is talked to, as one on a server is.

    Raises
    ------
    EncoderError, UsageError
        When there is no such model, or it answers no questions.
    """
    name = os.path.expanduser(name)  # noqa: PTH111
    if Path(name).exists() and not (Path(name) / "config.json").is_file():
        raise UsageError(f"{name}: holds no model of Transformers (config.json is missing)")
    try:
        config = load_pretrained(transformers.AutoConfig, name)
    except Exception as error:  # Transformers raises nearly any exception here
        raise cannot_be_loaded(name, "for answering questions", error) from error
    kinds = " ".join(getattr(config, "architectures", None) or [])
    if config.model_type in PICTURES:
        return Answerer(None, Looking(name, config.model_type), name)
    if "ForQuestionAnswering" in kinds:
        return Answerer(Marking(name, threshold), None, name)
    if getattr(config, "is_encoder_decoder", False):
        return Answerer(Writing(name), None, name)
    if is_chat(name):
        return None
    raise UsageError(
        f"{name} is {kinds or config.model_type}, which answers no questions: name a model for "
        "question answering (extractive), a seq2seq model (T5), one for visual questions (ViLT, "
        "BLIP), or one with a chat template"
    )


@dataclass
class _Loaded:
    model: Any
    tokenizer: Any
    origin: Origin


@dataclass(frozen=True)
class _Marked:
    score: float  # logits of its ends, above those of "no answer" in its window
    start: int
    stop: int
    text: SourceText


class Marking:
    """Marks the answer in a text: start and end by a head over word pieces; see `TextReader`.

    Parameters
    ----------
    name : str
    threshold : float
    """

    def __init__(self, name: str, threshold: float) -> None:
        self._name, self._threshold = name, threshold

    def read(self, question: str, texts: list[SourceText], k: int = 1) -> list[Answer]:
        """See `TextReader.read`.

        A probability is that of the answer beside "no answer": the sigmoid of how far the logits
        of its start and end are above those of the first word piece (Devlin et al. 2019, section
        4.3), the highest of all windows.
        """
        key = ("answering", "marking", self._name)
        with LOADED.using(key, self._load, model_bytes(self._name)) as loaded:
            found = [one for text in texts for one in self._marked(loaded, question, text)]
        if not found:
            return [Answer(question, "", 0.0, "", texts[0].source, None, loaded.origin)]
        found.sort(key=lambda one: -one.score)
        answers: list[Answer] = []
        for one in found:
            probability = float(torch.sigmoid(torch.tensor(one.score)))
            if answers and (len(answers) == k or probability < self._threshold):
                break
            answer = self._answer(question, one, probability, loaded.origin)
            if answer.text and any(answer.text == other.text for other in answers):
                continue
            answers.append(answer)
        return answers

    def _answer(self, question: str, one: _Marked, probability: float, origin: Origin) -> Answer:
        parts = sentences(one.text.text)
        number = max((n for n, (start, _) in enumerate(parts) if start <= one.start), default=0)
        last = max((n for n, (start, _) in enumerate(parts) if start < one.stop), default=number)
        # An answer over the end of a sentence makes one of both.
        parts[number : last + 1] = [(parts[number][0], parts[last][1])]
        pieces = [squeezed(one.text.text[start:stop]) for start, stop in parts]
        passage, at = passage_around(pieces, number)
        text = squeezed(one.text.text[one.start : one.stop])
        at += len(squeezed(one.text.text[parts[number][0] : one.start] + "x")) - 1
        is_found = probability >= self._threshold
        span = (at, at + len(text)) if is_found and passage[at : at + len(text)] == text else None
        return Answer(question, text if is_found else "", probability, passage, one.text.source,
                      span, origin, one.text.place)  # fmt: skip

    def _marked(self, loaded: _Loaded, question: str, text: SourceText) -> Iterator[_Marked]:
        """The best spans of each window."""
        tokenizer, model = loaded.tokenizer, loaded.model
        most = pieces_read(tokenizer, model.config)
        asked = pieces_of(tokenizer, question)
        if asked > most // 2:
            raise UsageError(f"the question takes {asked} word pieces of the {most} that are read")
        stride = min(STRIDE, (most - asked) // 3)
        encoded = tokenizer(
            question, text.text, truncation="only_second", max_length=most, stride=stride,
            return_overflowing_tokens=True, return_offsets_mapping=True, padding=False,
        )  # fmt: skip
        for row, ids in enumerate(encoded["input_ids"]):
            inputs = {
                name: torch.tensor([encoded[name][row]], device=device(model))
                for name in tokenizer.model_input_names
                if name in encoded
            }
            with torch.inference_mode():
                out = model(**inputs)
            starts, stops = out.start_logits[0].float().cpu(), out.end_logits[0].float().cpu()
            first = ids.index(tokenizer.cls_token_id) if tokenizer.cls_token_id in ids else 0
            nothing = float(starts[first] + stops[first])
            in_text = torch.tensor([one == 1 for one in encoded.sequence_ids(row)])
            yield from _best(starts, stops, nothing, in_text, encoded["offset_mapping"][row], text)

    def _load(self) -> _Loaded:
        try:
            tokenizer = load_pretrained(transformers.AutoTokenizer, self._name)
            model = load_pretrained(
                transformers.AutoModelForQuestionAnswering, self._name, use_safetensors=True
            )
        except Exception as error:  # Transformers raises nearly any exception here
            raise cannot_be_loaded(self._name, "for answering questions", error) from error
        if not tokenizer.is_fast:
            raise EncoderError(
                f"{self._name} has no fast tokenizer (tokenizer.json), which tells where in the "
                "text an answer stands"
            )
        return _Loaded(_placed(model), tokenizer, origin_of_pretrained(self._name))


def _best(
    starts: torch.Tensor, stops: torch.Tensor, nothing: float, in_text: torch.Tensor,
    offsets: Any, text: SourceText, most: int = 5,
) -> Iterator[_Marked]:  # fmt: skip
    """The spans of a window with the highest sums of logits."""
    if not in_text.any():
        return
    scores = starts[:, None] + stops[None, :]
    allowed = in_text[:, None] & in_text[None, :]
    length = torch.ones_like(scores).triu() - torch.ones_like(scores).triu(MOST_PIECES)
    scores = scores.masked_fill(~(allowed & length.bool()), float("-inf"))
    values, places = scores.flatten().topk(min(most, scores.numel()))
    for value, place in zip(values.tolist(), places.tolist(), strict=True):
        if value == float("-inf"):
            return
        start, stop = divmod(place, len(stops))
        begin, end = int(offsets[start][0]), int(offsets[stop][1])
        if text.text[begin:end].strip():
            yield _Marked(value - nothing, begin, end, text)


class Writing:
    """Writes the answer: any seq2seq model, asked as T5 was trained to be; see `TextReader`.

    Parameters
    ----------
    name : str
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def read(self, question: str, texts: list[SourceText], k: int = 1) -> list[Answer]:
        """See `TextReader.read`.

        Each window is asked; a probability is the geometric mean of those of its word pieces, and
        the answer with the highest one comes first.
        """
        key = ("answering", "writing", self._name)
        with LOADED.using(key, self._load, model_bytes(self._name)) as loaded:
            found = []
            for text in texts:
                for start, stop in self._windows(loaded, question, text.text):
                    passage = squeezed(text.text[start:stop])
                    asked = f"question: {question}  context: {passage}"
                    ((said, score),) = generate_from(
                        loaded.model, loaded.tokenizer, [asked], WRITTEN_PIECES
                    )
                    found.append((score, said, passage, text))
        found.sort(key=lambda one: (not one[1], -one[0]))
        answers = []
        for score, said, passage, text in found[:k]:
            at = passage.find(said) if said else -1
            span = (at, at + len(said)) if at >= 0 else None
            answers.append(
                Answer(question, said, score, passage, text.source, span, loaded.origin, text.place)
            )
        return answers

    def _windows(self, loaded: _Loaded, question: str, text: str) -> list[tuple[int, int]]:
        tokenizer = loaded.tokenizer

        def length(piece: str) -> int:
            return pieces_of(tokenizer, f"question: {question}  context: {piece}")

        most = pieces_read(tokenizer, loaded.model.config)
        if length("") >= most:
            raise UsageError(f"the question is longer than the {most} word pieces that are read")
        return windows(text, length, most)

    def _load(self) -> _Loaded:
        tokenizer, model = load_seq2seq(self._name, "for answering questions")
        return _Loaded(model, tokenizer, origin_of_pretrained(self._name))


class Looking:
    """Answers questions about a picture: ViLT by choosing, BLIP by writing; see `PictureReader`.

    Parameters
    ----------
    name : str
    kind : str
        Its ``model_type``.
    """

    def __init__(self, name: str, kind: str) -> None:
        self._name, self._kind = name, kind

    def look(self, question: str, picture: Image, source: str) -> Answer:
        """See `PictureReader.look`.

        The probability is the model's own: of ViLT the sigmoid by which it was trained, of BLIP
        the geometric mean of those of the word pieces that it wrote.
        """
        pixels = picture.load().convert("RGB")
        key = ("answering", "looking", self._name)
        with LOADED.using(key, self._load, model_bytes(self._name)) as loaded:
            model, processor = loaded.model, loaded.tokenizer
            inputs = processor(
                images=pixels, text=question, return_tensors="pt", truncation=False
            ).to(device(model))
            if self._kind == "vilt":
                if inputs["input_ids"].shape[1] > model.config.max_position_embeddings:
                    raise UsageError("the question is longer than the model reads")
                with torch.inference_mode():
                    logits = model(**inputs).logits[0].float()
                best = int(logits.argmax())
                text = str(model.config.id2label[best])
                probability = float(torch.sigmoid(logits[best]))
            else:
                ((text, probability),) = generate_from(
                    model, processor.tokenizer, None, WRITTEN_PIECES, inputs
                )
        return Answer(question, text, probability, "", source, None, loaded.origin)

    def _load(self) -> _Loaded:
        kind = (
            transformers.ViltForQuestionAnswering
            if self._kind == "vilt"
            else transformers.BlipForQuestionAnswering
        )
        try:
            processor = load_pretrained(transformers.AutoProcessor, self._name)
            model = load_pretrained(kind, self._name, use_safetensors=True)
        except Exception as error:  # Transformers raises nearly any exception here
            raise cannot_be_loaded(self._name, "for questions about pictures", error) from error
        return _Loaded(_placed(model), processor, origin_of_pretrained(self._name))


def _placed(model: Any) -> Any:
    return model.eval().to("cuda" if torch.cuda.is_available() else "cpu")
