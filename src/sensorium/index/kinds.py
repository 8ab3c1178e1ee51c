"""Every kind of index by its name; FAISS is imported when a kind needs it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from sensorium.errors import UsageError
from sensorium.index.base import Index, Vectors

KINDS = {
    "exact": "sensorium.index.exact:ExactIndex",
    "ivf": "sensorium.index.ivf:IVFIndex",
    "hnsw": "sensorium.index.hnsw:HNSWIndex",
    "4bit": "sensorium.index.fourbit:FourBitIndex",
    "hash": "sensorium.index.hash:HashIndex",
}


def index_type(kind: str) -> Any:
    """The class of a kind.

    Raises
    ------
    UsageError
        For an unknown kind.
    """
    if kind not in KINDS:
        raise UsageError(f"unknown index {kind!r}; known: {', '.join(KINDS)}")
    module, name = KINDS[kind].split(":")
    return getattr(import_module(module), name)


def build_index(vectors: Vectors, parameters: Mapping[str, Any]) -> Index:
    """Build what `parameters` name: ``kind``, and what that kind's `build` takes."""
    rest = {name: value for name, value in parameters.items() if name != "kind"}
    index: Index = index_type(parameters["kind"]).build(vectors, **rest)
    return index


def load_index(folder: Path, kind: str, parameters: Mapping[str, Any]) -> Index:
    """Load what an index of `kind` saved, with the dials of its search set again."""
    index: Index = index_type(kind).load(folder)
    for name, value in parameters.items():
        if name in ("probes", "depth", "ef", "rerank"):
            setattr(index, name, value)
    return index
