"""Collections: media plus an encoder become a durable, searchable store."""

from sensorium.collection.adding import AddReport
from sensorium.collection.collection import Collection
from sensorium.collection.optimizing import OptimizeReport
from sensorium.collection.question import Part, Question
from sensorium.collection.reembedding import ReembedReport
from sensorium.collection.results import CollectionInfo, Hit, Item, Labelled, Results
from sensorium.media.skipped import Skipped

__all__ = [
    "AddReport",
    "Collection",
    "CollectionInfo",
    "Hit",
    "Item",
    "Labelled",
    "OptimizeReport",
    "Part",
    "Question",
    "ReembedReport",
    "Results",
    "Skipped",
]
