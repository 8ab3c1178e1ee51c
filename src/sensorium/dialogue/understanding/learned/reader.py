"""Reads requests: the lower layers of `mini`'s text tower, and the network on top."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from sensorium.dialogue.plan import Plan
from sensorium.dialogue.understanding.learned.aligning import marks_of
from sensorium.dialogue.understanding.learned.decoding import Said, said_of
from sensorium.dialogue.understanding.learned.network import Floats, Network
from sensorium.dialogue.understanding.learned.states import Read, pooled, read
from sensorium.encoders.cutting import lower_part
from sensorium.encoders.runtime import load_runtime
from sensorium.encoders.space import hash_files
from sensorium.errors import EncoderError
from sensorium.home import sensorium_home
from sensorium.replacing import unfinished

TOWER = Path(__file__).parents[3] / "encoders" / "mini"

WEIGHTS = Path(__file__).parent / "requests.npz"

LAYER = 8
"""Of the tower's twelve: `recipes/requests/README.md` has what others give."""

NORMS = 1 + 2 * LAYER
"""Layer norms up to there: one of the token table, two of each layer."""


class Reader:
    """Says what requests mean.

    Parameters
    ----------
    weights : Path
    """

    def __init__(self, weights: Path = WEIGHTS) -> None:
        self._network = Network(weights)
        self.tower = tower()

    def read(self, said: str, ruled: Plan, before: str = "", given: int = 0) -> tuple[Read, Said]:
        """What a request means.

        Parameters
        ----------
        said : str
            With at least one word or mark.
        ruled : Plan
            What the rules read of it, which the network is told.
        before : str
            The request before it; empty where there is none.
        given : int
            Media that came with it.
        """
        parts = read(self.tower.tokenizer, said, before)
        marks = marks_of(ruled, parts.units)
        heads, tags = self._network.logits(parts, self.tower.states([parts])[0], marks, given)
        return parts, said_of(heads, tags)


class Tower:
    """The lower layers of `mini`'s text tower."""

    def __init__(self) -> None:
        from tokenizers import Tokenizer

        self.tokenizer: Any = Tokenizer.from_file(str(TOWER / "tokenizer.json"))
        self._padding = (self.tokenizer.padding or {}).get("pad_id", 0)
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        model = TOWER / "text.onnx"
        kept = sensorium_home() / "parts" / f"{hash_files([model])[:16]}-{LAYER}.onnx"
        with contextlib.ExitStack() as stack:
            if not kept.is_file():
                part = lower_part(model, "LayerNormalization", NORMS)
                try:
                    with unfinished(kept) as path:
                        path.write_bytes(part)
                except OSError:  # a home that cannot be written: it is cut in every process
                    folder = stack.enter_context(tempfile.TemporaryDirectory())
                    kept = Path(folder) / "lower.onnx"
                    kept.write_bytes(part)
            self._runtime = load_runtime(kept)

    def states(self, some: Sequence[Read]) -> list[Floats]:
        """States of units of each request, (1 + units, d), the first of the whole."""
        length = max(len(one.ids) for one in some)
        ids = np.full((len(some), length), self._padding, np.int64)
        mask = np.zeros_like(ids)
        for row, one in enumerate(some):
            ids[row, : len(one.ids)], mask[row, : len(one.ids)] = one.ids, 1
        found = self._runtime.run({"input_ids": ids, "attention_mask": mask})
        return [pooled(states, one.spans) for states, one in zip(found, some, strict=True)]


@cache
def tower() -> Tower:
    """The tower, loaded once in a process.

    Raises
    ------
    EncoderError
        When `mini` is not whole.
    """
    if not (TOWER / "text.onnx").is_file():
        raise EncoderError(f"{TOWER}: mini's text tower is missing: install Sensorium anew")
    return Tower()


@cache
def reader() -> Reader:
    """The reader that ships, loaded once in a process."""
    return Reader()
