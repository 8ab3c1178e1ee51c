"""How likely hits are what was asked for: what a collection has of chance, kept while it stands."""

from __future__ import annotations

import math
from collections.abc import Mapping
from threading import RLock

import numpy as np

from sensorium.collection.kinds import drawn_from
from sensorium.collection.own_encoder import OwnEncoder
from sensorium.collection.snapshots import Snapshot
from sensorium.collection.store import Store
from sensorium.encoders.background import background
from sensorium.encoders.ordinary import reference_questions
from sensorium.index.base import Vectors
from sensorium.media import Modality
from sensorium.ranking.abstaining import MATCHES, Ordinary, nothing_matches
from sensorium.ranking.calibration import ANY, NOBODY, Calibration, Chance, Judge, refined
from sensorium.ranking.scale import Samples, Scale, drawn, modality_of
from sensorium.ranking.scoring import Neighbour

KEPT = 2
"""Snapshots that are known: of codes, and with all vectors in memory, asked by turns."""

NEARLY_NONE = 1e-6
"""Probability that log odds are taken of at least."""


class Judging:
    """Judges the hits of one open collection.

    Parameters
    ----------
    store : Store
    own : OwnEncoder
    """

    def __init__(self, store: Store, own: OwnEncoder) -> None:
        self._store = store
        self._own = own
        self._lock = RLock()
        self._last: list[tuple[Snapshot, tuple[Chance, Mapping[str, int]] | None]] = []
        self._drawn: list[tuple[Snapshot, Samples]] = []
        self._calibrations: dict[str, tuple[Calibration, Calibration]] = {}
        self._ordinary: dict[tuple[str, str], Ordinary | None] = {}

    def judge(self, snapshot: Snapshot, query: Vectors, asked: str, scale: Scale) -> Judge:
        """What judges the hits of one query, of shape (d,).

        Parameters
        ----------
        snapshot : Snapshot
        query : ndarray of float32, shape (d,)
        asked : str
            Its modality.
        scale : Scale
            Of the query; that of a snapshot of one modality is made here.
        """
        found = self._chance(snapshot)
        if found is None:
            return NOBODY
        chance, of_modality = found
        if snapshot.kinds is None:
            scale = chance.samples.scale(query)
        # Conditions do not change whether a hit is relevant: all segments count.
        return chance.judge(asked, scale, of_modality)

    def nothing_matches(
        self,
        snapshot: Snapshot,
        query: Vectors,
        asked: str,
        best: Neighbour,
        probability: float | None,
    ) -> bool:
        """Whether the nearest of all is merely the nearest; see `sensorium.ranking.abstaining`."""
        if probability is None or probability >= MATCHES:
            return False
        standing = None
        if (ordinary := self._ordinary_of(asked, modality_of(best.kind))) is not None:
            hit = self._vector(snapshot, best.segment)
            standing = None if hit is None else ordinary.standing(query, hit)
        return nothing_matches(probability, standing)

    def _chance(self, snapshot: Snapshot) -> tuple[Chance, Mapping[str, int]] | None:
        """What chance gives, and how many segments of each modality there are; None of none."""
        with self._lock:
            known = [found for of, found in self._last if of is snapshot]
            if not known:
                encoder, of_modality, found = self._own.load(), counts(snapshot), None
                if any(of_modality.values()):
                    chance = Chance(
                        self.samples(snapshot),
                        lambda modality: reference_questions(encoder, modality),
                        self._refined(encoder.space.fingerprint, encoder.calibrations),
                    )
                    found = (chance, of_modality)
                self._last = [*self._last, (snapshot, found)][-KEPT:]
                return found
            return known[0]

    def refine_again(self) -> None:
        """Take into account what was said of hits since the last search."""
        with self._lock:
            self._last = []

    def _refined(
        self, space: str, given: Mapping[str, tuple[float, float, float]]
    ) -> Mapping[str, tuple[float, float, float]]:
        """Calibrations of pairs of modalities, nearer to what was said of hits of this space."""
        said: dict[str, list[tuple[float, bool]]] = {}
        for one in self._store.judgements():
            if one.found.space == space and one.found.probability is not None:
                pair = f"{one.found.asked}-{one.found.modality}"
                said.setdefault(pair, []).append((one.found.probability, one.relevant))
        own = {
            pair: refined(Calibration(*given.get(pair, ANY)), *zip(*judged, strict=True))
            for pair, judged in said.items()
        }
        self._calibrations = {
            pair: (Calibration(*given.get(pair, ANY)), calibration)
            for pair, calibration in own.items()
        }
        return {**given, **own}

    def stated(self, asked: str, modality: str, probability: float | None) -> float | None:
        """What the space's own calibration states where the refined one states a probability."""
        if probability is None or (pair := f"{asked}-{modality}") not in self._calibrations:
            return probability
        before, after = self._calibrations[pair]
        # The log odds were multiplied and moved.
        slope = after.surprise / before.surprise if before.surprise else 1.0
        offset = after.bias - slope * before.bias
        chance = min(max(probability, NEARLY_NONE), 1 - NEARLY_NONE)
        odds = (math.log(chance / (1 - chance)) - offset) / slope
        return 0.5 + 0.5 * math.tanh(odds / 2)

    def samples(self, snapshot: Snapshot) -> Samples:
        """What tells cosines to a snapshot's vectors by chance, drawn once."""
        if snapshot.kinds is not None:
            return snapshot.kinds.samples
        with self._lock:
            known = [samples for of, samples in self._drawn if of is snapshot]
            if not known:
                if (index := snapshot.index) is None:
                    vectors = drawn(snapshot.vectors)
                else:
                    alive = snapshot.alive
                    alive = np.ones(len(index.segment_ids), bool) if alive is None else alive
                    every = np.ones(len(snapshot.segment_ids), bool)
                    vectors = drawn_from(self._store, snapshot, alive, every)
                named = dict.fromkeys(snapshot.names[:1] if len(vectors) else (), vectors)
                samples = Samples.of(named, self._own.background())
                self._drawn = [*self._drawn, (snapshot, samples)][-KEPT:]
                return samples
            return known[0]

    def _ordinary_of(self, asked: str, modality: str) -> Ordinary | None:
        """None of what nobody knows what it is in general."""
        encoder = self._own.load()
        key = (encoder.space.fingerprint, modality)
        if asked != Modality.TEXT:
            return None
        if key not in self._ordinary:
            segments = background(encoder).get(modality)
            words = reference_questions(encoder, asked)
            if segments is None or words is None:
                self._ordinary[key] = None
            else:
                self._ordinary[key] = Ordinary.of(words, segments)
        return self._ordinary[key]

    def _vector(self, snapshot: Snapshot, segment: int) -> Vectors | None:
        row = int(np.searchsorted(snapshot.segment_ids, segment))
        if row < len(snapshot.segment_ids) and snapshot.segment_ids[row] == segment:
            return np.asarray(snapshot.vectors[row])
        vectors = self._store.vectors(snapshot.vectors.shape[1], ids=[segment])[2]
        return vectors[0] if len(vectors) else None


def counts(snapshot: Snapshot) -> Mapping[str, int]:
    """How many segments of each modality there are; of 3-D objects, how many objects."""
    if snapshot.kinds is not None:
        found: dict[str, int] = {}
        for kind, count in snapshot.kinds.counts.items():
            found[modality_of(kind)] = found.get(modality_of(kind), 0) + count
        return found
    rows = snapshot.rows(None)
    in_index = len(snapshot.index.segment_ids) if snapshot.index is not None else 0
    sides = ((in_index, rows.in_index), (len(snapshot.segment_ids), rows.outside))
    total = sum(size if mask is None else int(mask.sum()) for size, mask in sides)
    return dict.fromkeys(snapshot.names, total)
