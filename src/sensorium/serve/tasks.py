"""What is done with single media over HTTP, as the shell's commands do it.

A client names no models but those that come with the library, and what the server was started
with: no hub, path or address that a request holds is ever loaded.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sensorium.collection import Collection
from sensorium.encoders import Encoder
from sensorium.errors import MediaError, UsageError
from sensorium.media import Image, Text, open_media
from sensorium.plain import plain_fields
from sensorium.serve.given import Given, renamed

if TYPE_CHECKING:
    from sensorium.serve.http.task_options import Options

DETECTORS = ("ssd-coco", "faces", "quick-faces", "words")

BUILT_IN: Mapping[str, tuple[str, ...]] = {
    "detect": DETECTORS,
    "segment": ("cut-out", "person-mask"),
    "caption": ("names",),
    "transcribe": ("base", "tiny.en"),
    "answer": ("default",),
    "summarize": ("default",),
    "translate": (),
    "speak": ("joe", "kokoro"),
}
"""Models that a client may name, by task; the first is the usual one."""


class Models:
    """Models of tasks, loaded once, each task's asked by one thread at a time.

    They are shared, and not all may be asked by two threads at once.
    """

    def __init__(self) -> None:
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._loaded: dict[tuple[str, ...], Any] = {}

    @contextmanager
    def loaded(self, task: str, load: Callable[[], Any], *key: str) -> Iterator[Any]:
        """A model of a task; what tells it from others is its `key`."""
        with self._locks[task]:
            full = (task, *key)
            if full not in self._loaded:
                self._loaded[full] = load()
            yield self._loaded[full]

    def lock(self, task: str) -> threading.Lock:
        """Of a task whose models are shared already."""
        return self._locks[task]


def model_of(task: str, asked: str | None, own: Mapping[str, str]) -> str | None:
    """The model that a request gets.

    Parameters
    ----------
    task : str
    asked : str or None
        As the request has it.
    own : mapping of str to str
        Models that the server was started with, by task.

    Raises
    ------
    UsageError
        For any other name.
    """
    known = (*([own[task]] if task in own else ()), *BUILT_IN[task])
    if asked is None:
        return known[0] if known and task != "speak" else own.get(task)
    if asked in known or (
        task == "speak" and asked.startswith("kokoro:") and asked[7:].isidentifier()
    ):
        return asked
    told = ", ".join(BUILT_IN[task]) or "none of its own"
    raise UsageError(
        f"{asked!r:.80} is no model that a request may name; {task} has {told}, and what the "
        f"server is started with (--model {task}=NAME)"
    )


def classify(given: Given, asked: Options, encoder: Encoder) -> Any:
    """As ``sensorium classify FILE --labels ... --json``."""
    from sensorium.tasks.origin import Origin
    from sensorium.tasks.yes_no import answer
    from sensorium.tasks.zero_shot import ZeroShotClassifier

    labels = _words(asked.labels)
    if not labels:
        raise UsageError("name labels: cat,dog, or one that is answered by yes or no")
    by_texts = ZeroShotClassifier(encoder, labels, abstain=asked.none)
    (best,) = by_texts.classify([open_media(given.path)], k=asked.k, multi=asked.multi)
    fact: dict[str, Any] = {"path": str(given.path), "labels": dict(best)}
    if asked.multi or len(labels) == 1:
        fact["answers"] = [{"label": x, "probability": p, "answer": answer(p)} for x, p in best]
    origin = Origin(encoder.name, encoder.space.fingerprint, "encoder")
    return {**fact, "origin": plain_fields(origin)}


def detect(models: Models, given: Given, asked: Options, encoder: Encoder, model: str) -> Any:
    """As ``sensorium detect FILE --json``."""
    from sensorium.tasks.detection import load_detector

    def load() -> Any:
        return load_detector(model, encoder=encoder)

    with models.loaded("detect", load, model, encoder.name) as by:
        (one,) = by.detect_each([given.path], asked.labels, least=asked.min)
        return _or_error(one)


def segment(models: Models, given: Given, asked: Options, encoder: Encoder, model: str) -> Any:
    """As ``sensorium segment FILE --json``."""
    from sensorium.tasks.segmentation import load_segmenter

    detector = asked.detector
    if detector not in (None, "none", *DETECTORS):
        raise UsageError(f"detector is one of none, {', '.join(DETECTORS)}; got {detector!r:.80}")

    def load() -> Any:
        return load_segmenter(model, detector=detector, encoder=encoder)

    with models.loaded("segment", load, model, detector or "", encoder.name) as by:
        (one,) = by.segment_each(
            [given.path], asked.labels, points=asked.points, boxes=asked.boxes, least=asked.min
        )
        return _or_error(one)


def caption(models: Models, given: Given, asked: Options, encoder: Encoder, model: str) -> Any:
    """As ``sensorium caption FILE --json``."""
    from sensorium.tasks.captioning import load_captioner

    with models.loaded("caption", lambda: load_captioner(model, encoder=encoder), model) as by:
        (one,) = by.caption_each([given.path], beams=asked.beams, language=asked.language)
        return _or_error(one)


def explain(
    given: Given, asked: Options, encoder: Encoder, question: Any, library: Collection | None
) -> Any:
    """As ``sensorium explain QUERY FILE --json``; of a label as ``classify --explain`` has it."""
    from sensorium.explain import explain as explain_pair
    from sensorium.explain import explain_label
    from sensorium.tasks.zero_shot import ZeroShotClassifier

    media = open_media(given.path)
    if asked.label is not None:
        labels = _words(asked.labels) or [asked.label]
        classifier = ZeroShotClassifier(encoder, labels)
        return explain_label(
            classifier, encoder, asked.label, media, multi=asked.multi,
            faithfulness=asked.faithfulness,
        )  # fmt: skip
    return explain_pair(
        question, media, encoder, collection=library, faithfulness=asked.faithfulness
    )


def transcribe(models: Models, given: Given, asked: Options, model: str) -> Any:
    """As ``sensorium transcribe FILE --json``."""
    from sensorium.tasks.transcription import Transcriber

    language = asked.language
    with models.loaded(
        "transcribe", lambda: Transcriber(model, language), model, language or ""
    ) as by:
        return by.transcribe(given.path)


def read(models: Models, given: Given, asked: Options) -> Any:
    """What is written in a picture: lines with boxes and confidences."""
    from sensorium.tasks.reading import load_writing_reader

    picture = open_media(given.path)
    if not isinstance(picture, Image):
        raise MediaError(f"is {picture.modality}: writing is read in pictures", given.name)
    with models.loaded("read", load_writing_reader) as by:
        found = list(by.read(picture))
    lines = [{"text": one.media.text, **one.details} for one in found]
    return {"path": str(given.path), "lines": lines}


def answer(
    models: Models, given: Given | None, asked: Options, encoder: Encoder, model: str,
    library: Collection | None,
) -> Any:  # fmt: skip
    """As ``sensorium answer QUESTION [FILE] --json``."""
    from sensorium.collection.answering import answer_from
    from sensorium.media.skipped import Skipped
    from sensorium.tasks.answering import load_answerer

    question = asked.question or ""
    if not question.strip():
        raise UsageError("the question is empty: ask something")
    answerer = load_answerer(model, encoder=encoder, threshold=asked.threshold)
    with models.lock("answer"):
        if given is None and asked.text is None and library is not None:
            found: list[Any] = list(
                answer_from(library, question, answerer, k=asked.k, where=asked.where)
            )
        else:
            source = Text(asked.text or "") if given is None else open_media(given.path)
            found = list(answerer.answer_each(question, [source], k=asked.k))
    for one in found:
        if isinstance(one, Skipped):
            raise MediaError(one.reason, given.name if given else None)
    return {"answers": [plain_fields(one) for one in found]}


def summarize(
    models: Models, given: Given | None, asked: Options, encoder: Encoder, model: str
) -> Any:
    """As ``sensorium summarize FILE --json``."""
    from sensorium.tasks.summarizing import load_summarizer

    source = Text(asked.text or "") if given is None else given.path
    with models.loaded(
        "summarize", lambda: load_summarizer(model, encoder=encoder), model, encoder.name
    ) as by:
        (one,) = by.summarize(source, sentences=asked.sentences, share=asked.share)
        return _or_error(one)


def translate(models: Models, given: Given | None, asked: Options, model: str | None) -> Any:
    """As ``sensorium translate MODEL TEXT --json``."""
    from sensorium.tasks.translation import load_translator, translate_each

    if model is None:
        raise UsageError("this server translates nothing: start it with --model translate=NAME")
    langs = asked.source or "", asked.target or ""

    def load() -> Any:
        return load_translator(model, source=asked.source, target=asked.target)

    with models.loaded("translate", load, model, *langs) as by:
        if given is None:
            (one,) = by.translate([asked.text or ""], beams=asked.beams)
        else:
            (one,) = translate_each(by, [given.path], beams=asked.beams)
        return _or_error(one)


def speak(models: Models, asked: Options, voice: str | None) -> Any:
    """Speech of a text, as `Speaker.speak` gives it."""
    from sensorium.tasks.speaking import load_speaker

    words = asked.text or ""
    with models.lock("speak"):
        speaker = load_speaker(voice, language=asked.language, speed=asked.speed, text=words)
        return speaker.speak(words)


def told(result: Any, given: Given | None) -> Any:
    """A result as JSON has it, in the client's names."""
    fields = result if isinstance(result, dict) else plain_fields(result)
    return fields if given is None or given.is_item else renamed(fields, given)


def _words(labels: Any) -> list[str]:
    listed = labels.replace("，", ",").split(",") if isinstance(labels, str) else labels or ()
    return [name.strip() for name in listed if name.strip()]


def _or_error(one: Any) -> Any:
    if one.error:
        raise MediaError(one.error)
    return one
