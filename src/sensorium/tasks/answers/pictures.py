"""Answers about pictures: by an encoder, one thing at a time, or by a hub's model for questions."""

from __future__ import annotations

from sensorium.encoders.base import Encoder
from sensorium.errors import UsageError
from sensorium.media import Image
from sensorium.tasks.answers.answer import Answer
from sensorium.tasks.answers.picture_questions import labels_of
from sensorium.tasks.origin import Origin
from sensorium.tasks.yes_no import answer
from sensorium.tasks.zero_shot import ZeroShotClassifier


class YesNo:
    """Whether a picture shows a thing, by an encoder of pictures and words; see `PictureReader`.

    Parameters
    ----------
    encoder : Encoder
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._classifiers: dict[tuple[str, ...], ZeroShotClassifier] = {}
        self.origin = Origin(encoder.name, encoder.space.fingerprint, "encoder")

    def look(self, question: str, picture: Image, source: str) -> Answer:
        """See `PictureReader.look`.

        Raises
        ------
        UsageError
            For a question that names no thing.
        MediaError
            When the picture cannot be read.
        """
        labels = labels_of(question)
        if not labels:
            raise UsageError(
                f"{question!r:.80}: about pictures, this model answers whether they show a thing "
                "('is this a cat?', 'is it a cat or a dog?'); name another --model for other "
                "questions: a hub's (dandelin/vilt-b32-finetuned-vqa) or a server's"
            )
        key = tuple(labels)
        if key not in self._classifiers:
            self._classifiers[key] = ZeroShotClassifier(self._encoder, labels)
        (best, *_), *_ = self._classifiers[key].classify([picture], k=1)
        label, probability = best
        text = answer(probability) if len(labels) == 1 else label
        return Answer(question, text, probability, "", source, None, self.origin, label=label)
