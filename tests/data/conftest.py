"""What evaluations and collections are tested with is what users bring."""

from tests.collection.conftest import collection
from tests.evaluation.conftest import beir, classes, pairs

__all__ = ["beir", "classes", "collection", "pairs"]
