"""What a detector finds in pictures that are indexed: their parts, and words for them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, MutableMapping, Sequence
from typing import Any

from sensorium.encoders.reading import THING, WORDS_ALONE
from sensorium.media import Image, Segment, Text
from sensorium.media.pictures.parts import part_of
from sensorium.tasks.boxes import coco
from sensorium.tasks.boxes.found import Found
from sensorium.tasks.detection import DEFAULT_MODEL, Detector, load_detector

MOST_PARTS = 32
"""Things of one picture that get a vector of their own, the most probable ones."""


PEOPLE = ("person", "face")
"""Labels whose boxes are counted as people: as many as there are of one of these."""

MORE_WORDS = {"person": "person, people"}
"""What a label is called by those who search."""


class ThingFinder:
    """Finds things for a collection.

    Parameters
    ----------
    models : str, Path, or sequence of these
        As `load_detector` takes them: those that know what they find without being told.
    """

    def __init__(self, models: Any = DEFAULT_MODEL) -> None:
        several = [models] if isinstance(models, (str, os.PathLike)) else [*models]
        self._detectors: list[Detector] = [load_detector(model) for model in several]
        self.name = "+".join(os.fspath(model) for model in several)

    def find(self, picture: Image, said: MutableMapping[str, Any]) -> Iterator[Segment]:
        """Yield parts of a picture, and words for them.

        Parameters
        ----------
        picture : Image
        said : mutable mapping
            Gets ``things``, how many there are of each label, and ``people``, how many persons or
            faces; of several pictures of one item, the most that are on one.

        Yields
        ------
        Segment
            Parts, whose details have ``box`` (edges as shares), ``label`` and ``confidence``;
            texts, whose details have the box of the most probable thing of a label, and ``boxes``
            of all of them that are parts.

        Raises
        ------
        MediaError
            When the picture cannot be read.
        """
        pixels = picture.load()
        found = [one for detector in self._detectors for one in detector.find(pixels, None)]
        found.sort(key=lambda one: -one.probability)
        _count(found, said)
        for one in found[:MOST_PARTS]:
            yield Segment(part_of(pixels, one.box), None, _details(one))
        first = {one.label: one for one in reversed(found)}
        labels = sorted(first, key=lambda label: -first[label].probability)
        for label in labels:
            text = MORE_WORDS.get(label, label)
            boxes = [_place(one) for one in found[:MOST_PARTS] if one.label == label]
            details = {**_details(first[label]), "boxes": boxes, "source": THING}
            yield Segment(Text(text), None, details)
        if len(labels) > 1:
            text = ", ".join(MORE_WORDS.get(label, label) for label in labels)
            yield Segment(Text(text), None, {"source": THING})
        chinese = [coco.CHINESE[coco.KNOWN.index(label)] for label in labels if label in coco.KNOWN]
        if chinese:
            yield Segment(Text(", ".join(chinese)), None, {"source": THING, WORDS_ALONE: True})


def _count(found: Sequence[Found], said: MutableMapping[str, Any]) -> None:
    counts = Counter(one.label for one in found)
    before = said.get("things", {})
    said["things"] = {
        label: max(counts[label], before.get(label, 0)) for label in sorted({*counts, *before})
    }
    people = max((counts[label] for label in PEOPLE), default=0)
    said["people"] = max(people, said.get("people", 0))


def _details(one: Found) -> dict[str, Any]:
    return {**_place(one), "label": one.label}


def _place(one: Found) -> dict[str, Any]:
    return {
        "box": [round(edge, 4) for edge in one.box],
        "confidence": round(one.probability, 3),
    }
