"""The encoder of a collection's space, loaded when it is first needed."""

from __future__ import annotations

import os
import shlex
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from threading import RLock

from sensorium.collection.opening import open_store
from sensorium.collection.queries import query_parts
from sensorium.collection.store import Store, require_space
from sensorium.encoders import DEFAULT_ENCODER, Encoder
from sensorium.encoders.background import background
from sensorium.encoders.ordinary import reference_questions
from sensorium.encoders.registry import load_named, load_ready, load_recorded
from sensorium.errors import SensoriumWarning
from sensorium.index.base import Vectors
from sensorium.media import Media, Modality, Text

KEPT_TEXTS = 32
"""Texts that were asked last, whose vectors are kept."""


class OwnEncoder:
    """The encoder that an open collection uses, and the name that it is loaded by again.

    Parameters
    ----------
    store : Store
    given : str, Path, Encoder or (Encoder, str), optional
        What the caller named, or has loaded with its name; None is what the collection was made
        with.

    Raises
    ------
    SpaceMismatchError
        When `given` makes vectors of another space than those that are stored.
    """

    def __init__(
        self,
        store: Store,
        given: str | os.PathLike[str] | Encoder | tuple[Encoder, str] | None = None,
    ) -> None:
        self._store = store
        self._lock = RLock()
        self._loaded: Encoder | None = None
        self._asked_of: Encoder | None = None
        self._asked: OrderedDict[str, Vectors] = OrderedDict()
        self.name = ""
        if given is not None:
            self.change(*(given if isinstance(given, tuple) else load_named(given)))

    def change(self, encoder: Encoder, name: str) -> None:
        """Use another encoder of the stored vectors' space."""
        require_space(self._store, encoder.space, name)
        with self._lock:
            self._loaded, self.name = encoder, name

    def load(self) -> Encoder:
        """The encoder; loads it the first time."""
        with self._lock:
            if self._loaded is None:
                stored = self._store.state().space
                name = stored[1] if stored else DEFAULT_ENCODER
                self.change(load_recorded(name, self._store.path), name)
            assert self._loaded is not None
            return self._loaded

    def load_for_writing(self) -> Encoder:
        """The encoder, after making sure that nobody re-embedded the collection for another one."""
        encoder = self.load()
        require_space(self._store, encoder.space, self.name)
        self._tell_of_letter_case(encoder)
        return encoder

    def _tell_of_letter_case(self, encoder: Encoder) -> None:
        """Say what is stored by another rule for capitals: in the same space, in other places."""
        state = self._store.state()
        if state.space is None or state.space[0].letter_case == encoder.space.letter_case:
            return
        if Modality.TEXT in state.modalities:
            path = shlex.quote(str(self._store.path))
            warnings.warn(
                f"{self._store.path} was begun when {encoder.space.name} read capitals otherwise: "
                "its texts in capitals are found as before, and added ones better. `sensorium "
                f"reembed --collection {path} --encoder {shlex.quote(self.name)}` reads all anew",
                SensoriumWarning, stacklevel=2,
            )  # fmt: skip

    def parts(self, query: Media) -> Vectors:
        """The vectors that a query is searched with, shape (n, d); see `queries.query_parts`.

        Those of the last texts are kept: further pages of a ranking are then cut from the same one,
        even where an encoder's vectors differ by rounding from batch to batch.
        """
        encoder = self.load()
        if not isinstance(query, Text):
            return query_parts(encoder, query)
        with self._lock:
            if self._asked_of is not encoder:
                self._asked_of, self._asked = encoder, OrderedDict()
            known = self._asked.get(query.text)
        if known is None:
            known = query_parts(encoder, query)
            known.flags.writeable = False
        with self._lock:
            if self._asked_of is encoder:
                self._asked[query.text] = known
                self._asked.move_to_end(query.text)
                while len(self._asked) > KEPT_TEXTS:
                    self._asked.popitem(last=False)
        return known

    def background(self) -> Mapping[str, Vectors]:
        """Vectors of segments that have nothing to do with any query, by modality."""
        return background(self.load())

    def questions(self) -> list[Vectors]:
        """Vectors of ordinary questions of each kind: words, pictures."""
        found = [reference_questions(self.load(), kind) for kind in (Modality.TEXT, Modality.IMAGE)]
        return [vectors for vectors in found if vectors is not None]


def open_with_encoder(
    path: Path, encoder: str | os.PathLike[str] | Encoder | None, *, create: bool
) -> tuple[Store, OwnEncoder]:
    """Open a collection's file, and name its encoder; see `sensorium.Collection`."""
    is_new = create and not path.exists()
    # Nothing is made before its encoder is there.
    given = load_ready(encoder) if encoder is not None and is_new else encoder
    store = open_store(path, create=create)
    try:
        return store, OwnEncoder(store, given)
    except BaseException:
        store.close()
        raise
