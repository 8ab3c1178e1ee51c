"""What evaluations and collections are tested with is what users bring."""

from tests.collection.conftest import collection, store_kind
from tests.evaluation.conftest import beir, classes, pairs

__all__ = ["beir", "classes", "collection", "pairs", "store_kind"]
