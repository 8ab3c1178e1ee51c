"""Hash functions that are learnt from the vectors of a collection."""
