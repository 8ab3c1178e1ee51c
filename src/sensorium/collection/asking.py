"""Answering what a collection is asked: by vectors, by words, by both, by hash codes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from threading import RLock, Thread
from typing import Any

import numpy as np

from sensorium.collection.asking_parts import rank_parts
from sensorium.collection.beside import beside
from sensorium.collection.feedback import Feedback
from sensorium.collection.four_bits import is_behind, keep_codes, lack_much
from sensorium.collection.hits import hits_of
from sensorium.collection.judging import Judging
from sensorium.collection.kinds import Ids, Ordinary
from sensorium.collection.opening import open_store
from sensorium.collection.optimizing import (
    AUTO_ROWS,
    RECALL,
    TABLE,
    build_hash,
    is_stale,
    optimize,
    rebuild,
)
from sensorium.collection.own_encoder import OwnEncoder
from sensorium.collection.part_scores import PartScores, scores_in
from sensorium.collection.queries import vector_given
from sensorium.collection.question import Asked, Question, asked_with, in_words, query_of
from sensorium.collection.results import Hit, Results, Segments
from sensorium.collection.searching import LEVELS, exactly, nearest_items, nearest_of_kinds
from sensorium.collection.snapshots import Divided, Snapshot, Snapshots
from sensorium.collection.store import Store, modalities_of
from sensorium.encoders import Encoder
from sensorium.errors import CollectionError, SensoriumError, SensoriumWarning, UsageError
from sensorium.index.base import Vectors
from sensorium.media import Media, Text, as_media
from sensorium.ranking.diversity import require_diversity
from sensorium.ranking.scoring import likeliest, rank, rank_by_parts

MODES = ("vector", "words", "hybrid", "hash")

WITH_WORDS = ("words", "hybrid")
"""Modes that compare words, and so take texts alone."""

EVERYTHING = 1 << 62
"""A depth that only all vectors have: of questions of several parts, whose every part is compared
with all of them."""

TRIES = 5
"""Searches of the newest vectors, when items vanish between a search and the look-up of its hits;
a list that is too short after that many is what remains."""

PARTS_FUSED = (100, 1000, 10_000)
"""Depths to which what the segments of one query find is fused, of which there are up to 64: what
is far down for several is worth a place, too. Pages within one of them are cut from one ranking."""


class Asking:
    """What is asked of one open collection; see `sensorium.Collection` for arguments and errors.

    Parameters
    ----------
    store : Store
    own : OwnEncoder
    auto_optimize : bool
        Whether an index is built, in a thread, when a search finds very many vectors outside.
    shards : Divided, optional
        Other processes that hold the vectors.
    """

    def __init__(
        self, store: Store, own: OwnEncoder, *, auto_optimize: bool, shards: Divided | None = None
    ) -> None:
        self._store = store
        self._own = own
        self._lock = RLock()
        ordinary = Ordinary(own.background, own.questions)
        self._vectors = Snapshots(store, ordinary, divided=shards)
        self._shards = shards
        if shards is not None:
            if not hasattr(shards, "watch"):
                raise UsageError(
                    f"shards are what scale.start_shards gives, or scale.Shards; got {shards!r:.80}"
                )
            shards.watch(store)
        self._codes = Snapshots(store, ordinary, "hash")
        self._in_memory: tuple[str, Snapshots] | None = None
        self._ordinary = ordinary
        self._judging = Judging(store, own)
        self._auto_optimize = auto_optimize
        self._rebuilding: Thread | None = None
        self._codes_lack: Snapshot | None = None
        self._is_open = False

    def search(
        self,
        query: Any,
        k: int,
        mode: str,
        offset: int,
        where: str | None,
        modality: str | None,
        *,
        fold: bool = False,
        diversity: float = 0.0,
    ) -> Results:
        """See `Collection.search`; the query may be a `Question`."""
        diversity = require_diversity(diversity)
        query = in_words(query) if mode == "words" else query
        only = (
            query_of(query, self._store, self._own.load) if isinstance(query, Question) else query
        )
        require_count("k", k, 1)
        require_count("offset", offset, 0)

        def search(asked: Sequence[Asked] | None, judged: Mapping[int, bool]) -> Results:
            if asked is None:
                page = self._ranking(only, mode, where, modality)
            else:
                allowed = self.allowed(where, modality)
                page = partial(self._with_all, mode, asked, allowed=allowed, judged=judged)
            return self._page(page, int(k), int(offset), fold, diversity)

        feedback = Feedback(self._own.load, self._store, query, mode, mode, self._judging, search)
        return feedback.to(search(None, {}))

    def _ranking(
        self, query: Any, mode: str, where: str | None, modality: str | None
    ) -> Callable[[int, int], Results]:
        """What gives pages of hits for a query."""
        if (vector := vector_given(query, lambda: self._own.load().space)) is not None:
            if mode != "vector":
                raise UsageError(f"a vector is asked by mode 'vector', not {mode!r}")
            given = vector

            def near(k: int, offset: int) -> Results:
                (hits,) = self.near(given, k, offset, where, modality)
                return Results(hits, nothing_matches=not hits)

            return near
        media = query if isinstance(query, Question) else as_media(query)
        return self._pages(media, mode, self.allowed(where, modality))

    def _page(
        self,
        page: Callable[[int, int], Results],
        k: int,
        offset: int,
        fold: bool,
        diversity: float,
    ) -> Results:
        """A page of a ranking, in which near duplicates may be one and what differs be first."""
        if not (fold or diversity):
            return page(k, offset)
        from sensorium.collection.duplicates.varying import varied  # it compares files

        snapshot = self.snapshot("vector")
        return varied(page, k, offset, fold, diversity, self._store, snapshot)

    def pages(self, query: Any, depth: int, mode: str) -> Iterator[list[Hit]]:
        """See `Collection.search_pages`."""
        require_count("depth", depth, 1)
        query = in_words(query) if mode == "words" else query
        if isinstance(query, Question):
            query = query_of(query, self._store, self._own.load)
        page = self._pages(query if isinstance(query, Question) else as_media(query), mode, None)
        ends = [int(depth)]
        # What an approximate index finds depends on how much is wanted of it: the first ten are
        # those of a search for ten. All else gives the same ranking to any depth.
        snapshot = None if mode in WITH_WORDS else self.snapshot(mode, int(depth))
        if snapshot is not None and not snapshot.finds_all:
            ends = [level for level in LEVELS if level < depth] + ends
        start = 0
        for end in ends:
            yield page(end - start, start)
            start = end

    def near(
        self, vectors: Vectors, k: int, offset: int, where: str | None, modality: str | None
    ) -> list[list[Hit]]:
        """See `Collection.search_vectors`."""
        require_count("k", k, 1)
        require_count("offset", offset, 0)
        dimension = self._own.load().space.dimension
        vectors = np.ascontiguousarray(vectors, np.float32)
        if vectors.ndim != 2 or vectors.shape[1] != dimension:
            raise UsageError(f"vectors have the shape (n, {dimension}), got {vectors.shape}")
        return self._nearest(vectors, int(k), int(offset), self.allowed(where, modality))

    def allowed(self, where: str | None, modality: str | None = None) -> Ids | None:
        """Ids of the items that meet conditions; None where there is no condition."""
        return self._vectors.allowed(where, modality)

    def part_scores(self, question: Question) -> PartScores:
        """How the parts of a question are weighed; see `sensorium.collection.part_scores`."""
        snapshot = self.snapshot("vector", EVERYTHING)
        samples = self._judging.samples(snapshot)
        return scores_in(question, self._own.load(), self._store, snapshot, samples)

    def segments(self, where: str | None) -> Segments:
        """See `Collection.segments`."""
        allowed = self.allowed(where)
        snapshot = self.snapshot("vector")
        ids, item_ids, vectors = snapshot.segment_ids, snapshot.item_ids, snapshot.vectors
        if snapshot.index is not None:
            ids, item_ids, vectors = self._store.vectors(self._own.load().space.dimension)
        if allowed is not None:
            mask = np.isin(item_ids, allowed)
            ids, item_ids, vectors = ids[mask], item_ids[mask], vectors[mask]
        return Segments(ids, item_ids, modalities_of(self._store, ids), vectors)

    def _pages(
        self, media: Media | Question, mode: str, allowed: Ids | None
    ) -> Callable[[int, int], Results]:
        """What gives pages of hits for a query, by how many are wanted and passed over."""
        if mode not in MODES:
            raise UsageError(f"unknown mode {mode!r}; known: {', '.join(MODES)}")
        if isinstance(media, Question):
            asked = asked_with(
                media, self._own.load, self._store, vectors=mode != "words",
                words=mode in WITH_WORDS,
            )  # fmt: skip
            return partial(self._with_all, mode, asked, allowed=allowed)
        if mode not in WITH_WORDS:
            parts = self._encoded(media, mode)
            options = {"modality": media.modality.value} if mode == "hash" else {}
            if len(parts) > 1:
                return lambda k, offset: self._near_parts(mode, parts, k, offset, allowed, options)
            kind = media.modality.value
            return lambda k, offset: self._one(mode, parts, kind, k, offset, allowed, options)
        if not isinstance(media, Text):
            raise UsageError(f"a search by words takes a text, not {media!r:.80}")
        if mode == "words":
            return lambda k, offset: self._with_words(media.text, k, offset, allowed)
        return self._pages(Question(media), mode, allowed)

    def _encoded(self, media: Media, mode: str) -> Vectors:
        """The vectors of a question; before the first, what is stored is read meanwhile.

        Loading a model, and its first run, are work of another language, beside which Python goes
        on.
        """
        if self._is_open:
            return self._own.parts(media)
        self._own.load()
        self._is_open = True
        return beside(lambda: self._own.parts(media), lambda: self.snapshot(mode))

    def _with_words(self, words: str, k: int, offset: int, allowed: Ids | None) -> Results:
        ranked = rank(matches=self._store.match_words(words, k + offset, allowed))
        (hits,) = hits_of(self._store, [ranked[offset:]])
        return Results(hits, nothing_matches=not ranked)

    def _one(
        self,
        mode: str,
        vectors: Vectors,
        asked: str,
        k: int,
        offset: int,
        allowed: Ids | None,
        options: dict[str, Any],
    ) -> Results:
        """Nearest items to one vector of a modality, and how likely they are what was asked."""
        results = Results()
        for _ in range(TRIES):
            snapshot = self.snapshot(mode, k + offset)
            scales = snapshot.scales(vectors)
            judge = self._judging.judge(snapshot, vectors[0], asked, scales[0])
            lines = nearest_items(snapshot, vectors, scales, k, allowed, offset=offset, **options)
            (line,) = exactly(self._store, snapshot, vectors, lines)
            first = line[:1]
            if offset:  # whether anything matches is said of the best, not of a page
                lines = nearest_items(snapshot, vectors, scales, 1, allowed, **options)
                (first,) = exactly(self._store, snapshot, vectors, lines)
            ranked = rank(line, scale=scales[0], judge=judge)
            best = rank(first, scale=scales[0], judge=judge) if offset else ranked
            nothing = not first or self._judging.nothing_matches(
                snapshot, vectors[0], asked, first[0], best[0].probability
            )
            if nothing and first:  # of several kinds, the first of all need not be the likeliest
                others = nearest_of_kinds(snapshot, vectors, scales[0], allowed, **options)
                (others,) = exactly(self._store, snapshot, vectors, [others])
                best_of_kinds = likeliest(others, judge)
                nothing = best_of_kinds is None or self._judging.nothing_matches(
                    snapshot, vectors[0], asked, *best_of_kinds
                )
            results = Results(hits_of(self._store, [ranked])[0], nothing_matches=nothing)
            if len(results) == len(line):
                break
        return results

    def _nearest(
        self, vectors: Vectors, k: int, offset: int, allowed: Ids | None
    ) -> list[list[Hit]]:
        """Nearest items, looked for again where others deleted what had just been found."""
        answers: list[list[Hit]] = []
        for _ in range(TRIES):
            snapshot = self.snapshot("vector", k + offset)
            scales = snapshot.scales(vectors)
            lines = nearest_items(snapshot, vectors, scales, k, allowed, offset=offset)
            lines = exactly(self._store, snapshot, vectors, lines)
            ranked = [rank(line, scale=scale) for line, scale in zip(lines, scales, strict=True)]
            answers = hits_of(self._store, ranked)
            if list(map(len, answers)) == list(map(len, lines)):
                break
        return answers

    def _near_parts(
        self,
        mode: str,
        parts: Vectors,
        k: int,
        offset: int,
        allowed: Ids | None,
        options: dict[str, Any],
    ) -> Results:
        """Items by the mean of what each part of one query finds in them."""
        stop = offset + k
        depth = next((depth for depth in PARTS_FUSED if depth >= stop), stop)
        results = Results()
        for _ in range(TRIES):
            snapshot = self.snapshot(mode, depth)
            scales = snapshot.scales(parts)
            lines = nearest_items(snapshot, parts, scales, depth, allowed, **options)
            lines = exactly(self._store, snapshot, parts, lines)
            ranked = rank_by_parts(lines, scales, depth)
            page = ranked[offset:stop]
            (hits,) = hits_of(self._store, [page])
            results = Results(hits, nothing_matches=not ranked)
            if len(results) == len(page):
                break
        return results

    def _with_all(
        self,
        mode: str,
        asked: Sequence[Asked],
        k: int,
        offset: int,
        *,
        allowed: Ids | None,
        judged: Mapping[int, bool] | None = None,
    ) -> Results:
        """Items by all parts of a question; see `sensorium.ranking.parts`."""
        results = Results()
        for _ in range(TRIES):
            snapshot = self.snapshot(mode, EVERYTHING) if mode != "words" else None
            samples = self._judging.samples(snapshot) if snapshot is not None else None
            ranked = rank_parts(
                self._store, snapshot, samples, asked, offset + k, allowed,
                judged=judged, with_modality=mode == "hash",
            )  # fmt: skip
            (hits,) = hits_of(self._store, [ranked[offset:]])
            results = Results(hits, nothing_matches=not ranked)
            if len(results) == len(ranked[offset:]):
                break
        return results

    def snapshot(self, mode: str, depth: int = 0) -> Snapshot:
        """The vectors as they are now, in the index that a mode asks.

        Codes find what is nearest; what looks at more (`depth` items, or all of them) gets all
        vectors in memory, as without an index.
        """
        encoder = self._own.load()
        with self._lock:
            if mode != "hash":
                snapshot = self._vectors.snapshot(encoder.space, self._own.name)
                self._rebuild_if_stale(snapshot, encoder)
                if not snapshot.is_coded:
                    self._in_memory = None
                elif not snapshot.reaches(depth):
                    return self._all_in_memory(snapshot, encoder)
                return snapshot
            snapshot = self._codes.snapshot(encoder.space, self._own.name)
            if snapshot.index is None and len(snapshot.segment_ids):
                build_hash(self._store, encoder)
                snapshot = self._codes.snapshot(encoder.space, self._own.name)
            return snapshot

    def _all_in_memory(self, coded: Snapshot, encoder: Encoder) -> Snapshot:
        """All vectors, kept from then on.

        They are followed by the log of what was removed, which whoever builds another kind of index
        cuts short: then they are read again.
        """
        assert coded.index is not None
        line = coded.index.state["line"]
        if self._in_memory is None or self._in_memory[0] != line:
            self._in_memory = (line, Snapshots(self._store, self._ordinary, ""))
        return self._in_memory[1].snapshot(encoder.space, self._own.name)

    def close(self) -> None:
        """Ask nobody any more."""
        if self._shards is not None:
            self._shards.close()

    def _rebuild_if_stale(self, snapshot: Snapshot, encoder: Encoder) -> None:
        if self._rebuilding is not None:
            return
        in_index = len(snapshot.index.segment_ids) if snapshot.index else 0
        dead = 0 if snapshot.alive is None else int((~snapshot.alive).sum())
        outside = len(snapshot.segment_ids)
        if self._shards is not None:
            if lack_much(in_index, dead, outside):
                self._rebuilding = Thread(target=self._follow, args=(self._shards,), daemon=True)
                self._rebuilding.start()
            return
        if not self._auto_optimize:
            return
        by_codes = snapshot.index is None or snapshot.is_coded
        target: Callable[..., None] | None = None
        decided = snapshot.index is not None and "recall" in snapshot.index.state
        if by_codes and not decided and in_index - dead + outside >= AUTO_ROWS:
            target = partial(self._rebuild, encoder, again=False)
        elif by_codes and self._codes_lack is not snapshot:
            self._codes_lack = snapshot  # asked once of each: a decision against them may stand
            if is_behind(in_index, dead, outside):
                target = partial(self._bring_up_codes, encoder)
        elif not by_codes and is_stale(in_index, dead, outside):
            index = snapshot.index
            kept = index is not None and index.index.kind == TABLE
            target = partial(self._rebuild, encoder, again=True, in_table=kept)
        if target is not None:
            self._rebuilding = Thread(target=target, daemon=True)
            self._rebuilding.start()

    def _follow(self, shards: Divided) -> None:
        try:
            shards.follow()
        except CollectionError:
            pass  # the next search says which shard does not answer
        finally:
            self._rebuilding = None

    def _bring_up_codes(self, encoder: Encoder) -> None:
        keep_codes(self._store.path, encoder.space)
        self._rebuilding = None

    def _rebuild(self, encoder: Encoder, again: bool, in_table: bool = False) -> None:
        """Bring the index up to date from a thread of its own, on a connection of its own."""
        store = open_store(self._store.path, create=False)
        try:
            if in_table:
                facts = store.index_facts()
                wanted = RECALL if facts is None else facts["wanted"]
                optimize(store, encoder, kind=TABLE, recall=wanted)
            elif not (again and rebuild(store, encoder.space)):
                optimize(store, encoder)
            self._rebuilding = None
        except (SensoriumError, OSError, MemoryError) as error:
            # Searches stay right without an index; `_rebuilding` stays set, so that it is not
            # tried again and again.
            warnings.warn(
                f"{self._store.path}: the index was not built ({error})",
                SensoriumWarning, stacklevel=1,
            )  # fmt: skip
        finally:
            store.close()


def require_count(name: str, value: Any, least: int) -> None:
    """Refuse what is no number of things."""
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
        raise UsageError(f"{name} is a whole number of at least {least}, got {value!r}")
