"""The network over units, in NumPy: joint intent classification and slot filling.

As in JointBERT (Chen, Zhuo and Wang 2019, arXiv 1902.10909): one encoder, heads for the whole on
top of its first state and tags on the state of each unit. The encoder is a transformer of two
layers with the norms before (Xiong et al. 2020) over token states of a frozen tower.
`recipes/requests` trains it.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.dialogue.understanding.learned.aligning import Marks
from sensorium.dialogue.understanding.learned.labels import HEADS, TAGS
from sensorium.dialogue.understanding.learned.states import MOST_UNITS, Read
from sensorium.dialogue.understanding.learned.units import grams
from sensorium.errors import EncoderError

Floats = npt.NDArray[np.float32]

ATTENTION_HEADS = 4
MOST_GIVEN = 2
"""Media of a turn from which on their number says no more."""

OWN, BEFORE = 1, 2
"""Segments: of the request, and of the one before it; the first place is of neither."""

CLASSES = "classes"
"""The array that says which classes weights are for."""


def rows_of(classes: Mapping[str, str]) -> list[int]:
    """The number of each head's class, all classes of all heads counted on."""
    found, begin = [], 0
    for name, names in HEADS.items():
        found.append(begin + names.index(classes[name]))
        begin += len(names)
    return found


def classes_told() -> str:
    """Heads with their classes, and tags, in order."""
    return repr((HEADS, TAGS))


class Network:
    """Weights that `recipes.requests` wrote.

    Parameters
    ----------
    path : Path
        ``.npz``, in half precision.

    Raises
    ------
    EncoderError
        When it is missing, damaged, or of other classes.
    """

    def __init__(self, path: Path) -> None:
        mend = "install Sensorium anew, or build it by `python -m recipes.requests`"
        try:
            with np.load(path, allow_pickle=False) as stored:
                told = str(stored[CLASSES])
                self.weights = {
                    name: stored[name].astype(np.float32) for name in stored.files
                    if name != CLASSES
                }  # fmt: skip
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise EncoderError(
                f"{path}: what requests mean cannot be read ({error or 'no weights'}): {mend}"
            ) from error
        if told != classes_told():
            raise EncoderError(f"{path}: it was learned for other classes of requests: {mend}")
        self._layers = sum(name.endswith(".joint.weight") for name in self.weights)

    def logits(
        self, read: Read, states: Floats, ruled: Marks, given: int = 0
    ) -> tuple[Floats, Floats]:
        """What is said of one request.

        Parameters
        ----------
        read : Read
        states : ndarray of float32, shape (1 + units, d)
            Of the whole, then of each unit, those of the request before the others.
        ruled : Marks
            What the rules read of it.
        given : int
            Media that came with it.

        Returns
        -------
        heads : ndarray of float32, shape (classes,)
            Of all heads side by side.
        tags : ndarray of float32, shape (units of the request, tags)
        """
        own = len(read.units)
        value = self._linear("states", states) + self._tables(read)
        value[1 : 1 + own] += self.weights["marked.weight"][ruled.tags[:own]]
        value[0] += (
            self.weights["marked.weight"][0] + self.weights["given.weight"][min(given, MOST_GIVEN)]
        )
        value[1 + own :] += self.weights["marked.weight"][0]
        value[0] += self.weights["ruled.weight"][rows_of(ruled.classes)].sum(axis=0)
        for layer in range(self._layers):
            value = self._layer(f"layers.{layer}", value)
        value = self._norm("norm", value)
        looked = _softmax(self._linear("look", value[1 : 1 + own])[:, 0])
        whole = np.concatenate([value[0], looked @ value[1 : 1 + own]])
        whole = np.tanh(self._linear("whole", whole))
        return self._linear("heads", whole), self._linear("tags", value[1 : 1 + own])

    def _tables(self, read: Read) -> Floats:
        """What units' letters, places and segments add to their states."""
        own, last = len(read.units), len(read.before)
        places = [0, *range(1, 1 + own), *range(1 + MOST_UNITS, 1 + MOST_UNITS + last)]
        segments = [0, *[OWN] * own, *[BEFORE] * last]
        found: Floats = self.weights["places.weight"][places]
        found = found + self.weights["segments.weight"][segments]
        table = self.weights["grams.weight"]
        for place, unit in enumerate((*read.units, *read.before), 1):
            found[place] += table[[row + 1 for row in grams(unit.text)]].mean(axis=0)
        return found

    def _linear(self, name: str, value: Floats) -> Floats:
        found: Floats = value @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]
        return found

    def _norm(self, name: str, value: Floats) -> Floats:
        centred = value - value.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)
        found: Floats = scaled * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]
        return found

    def _layer(self, name: str, value: Floats) -> Floats:
        joint = self._linear(f"{name}.joint", self._norm(f"{name}.norm1", value))
        width = value.shape[1]
        parts = joint.reshape(len(value), 3, ATTENTION_HEADS, width // ATTENTION_HEADS)
        query, key, content = parts.transpose(1, 2, 0, 3)
        scores = query @ key.transpose(0, 2, 1) / np.sqrt(width / ATTENTION_HEADS)
        mixed = (_softmax(scores) @ content).transpose(1, 0, 2).reshape(value.shape)
        value = value + self._linear(f"{name}.out", mixed)
        inner = _gelu(self._linear(f"{name}.up", self._norm(f"{name}.norm2", value)))
        found: Floats = value + self._linear(f"{name}.down", inner)
        return found


def saved(path: Path, weights: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write weights for `Network`, in half precision."""
    arrays: dict[str, Any] = {name: one.astype(np.float16) for name, one in weights.items()}
    arrays[CLASSES] = np.array(classes_told())
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def _softmax(value: Floats) -> Floats:
    likely = np.exp(value - value.max(axis=-1, keepdims=True))
    found: Floats = likely / likely.sum(axis=-1, keepdims=True)
    return found


def _gelu(value: Floats) -> Floats:
    """By the hyperbolic tangent (Hendrycks and Gimpel 2016)."""
    found: Floats = 0.5 * value * (1 + np.tanh(0.7978845608 * (value + 0.044715 * value**3)))
    return found
