"""What is said a thousand times is encoded once, and what is asked of many pictures, too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from sensorium import load_encoder
from sensorium.encoders.base import Encoder, Role
from sensorium.tasks.answers.extractive import ENCODED, Extractive
from sensorium.tasks.source_texts import SourceText
from sensorium.tasks.summaries.extractive import ExtractiveSummaries
from sensorium.tasks.summaries.summary import Length

SENTENCE = "The square of the town is red."
OTHERS = ("A dog sleeps in the green square.", "The cat of the town is blue and old.")


class Counting(Encoder):
    """An encoder that counts the texts it is given."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.name, self.space, self.prompts = encoder.name, encoder.space, encoder.prompts
        self.texts: Counter[str] = Counter()

    def encode(self, items: Iterable[Any], *, role: Role = "document", batch_size: int = 32) -> Any:
        """See `Encoder.encode`."""
        media = [*items]
        self.texts.update(item.text for item in media if hasattr(item, "text"))
        return self._encoder.encode(media, role=role, batch_size=batch_size)

    def prepare(self, media: Any, role: Role = "document") -> Any:
        """See `Encoder.prepare`."""
        return self._encoder.prepare(media, role)

    def encode_prepared(self, modality: Any, batch: Any, role: Role = "document") -> Any:
        """See `Encoder.encode_prepared`."""
        return self._encoder.encode_prepared(modality, batch, role)


@pytest.fixture
def counting(tiny: Path) -> Counting:
    return Counting(load_encoder(tiny))


def test_summaries(counting: Counting) -> None:
    text = SourceText(" ".join([*[SENTENCE] * 1000, *OTHERS, SENTENCE.upper()]))
    found = ExtractiveSummaries(counting).summarize([text], Length(2, None))
    assert {*counting.texts} == {SENTENCE, *OTHERS} and max(counting.texts.values()) == 1
    places = [one.number for one in found.sentences]
    assert len({*places}) == 2 and {*places} <= {0, 1000, 1001}
    words = found.text
    assert all(one.text in words for one in found.sentences)


def test_answers(counting: Counting) -> None:
    text = SourceText(" ".join([*[SENTENCE] * (ENCODED + 1), *OTHERS]))
    reader = Extractive(counting, 0.0)
    (found,) = reader.read("Where does the dog sleep?", [text], 1)
    assert "dog" in found.passage
    assert [counting.texts[one] for one in (SENTENCE, *OTHERS)] == [1, 1, 1]


def test_words_that_are_sought_in_many_pictures(counting: Counting) -> None:
    pytest.importorskip("cv2")
    from sensorium.tasks.boxes.words import WordsDetector

    detector = WordsDetector(counting)
    picture = PIL.Image.new("RGB", (200, 150), "white")
    picture.paste("red", (40, 40, 120, 110))
    one = detector.find(picture, ["red square"], 0.0)
    once = {text: n for text, n in counting.texts.items() if "red square" in text}
    assert detector.find(picture, ["red square"], 0.0) == one
    assert {text: counting.texts[text] for text in once} == once and once
    other = detector.find(picture, ["blue cat"], 0.0)  # other words are read by themselves
    assert any("blue cat" in text for text in counting.texts)
    assert {box.label for box in other} == {"blue cat"}
    assert np.isfinite([box.probability for box in other]).all()
