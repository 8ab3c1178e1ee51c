"""Looking up what a search found: items, places, exact scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from sensorium.collection.results import Hit
from sensorium.collection.rows import StoredItem
from sensorium.collection.searching import Found, Snapshot
from sensorium.collection.store import SQLiteStore
from sensorium.index.base import Vectors
from sensorium.media.segments import SegmentRecord
from sensorium.ranking.gap import on_one_scale, spreads


def hits_of(
    store: SQLiteStore,
    queries: Vectors,
    lines: Sequence[Sequence[Found]],
    held: Snapshot | None = None,
) -> list[list[Hit]]:
    """Look up what was found, with exact scores.

    An approximate index ranks by compressed vectors; of what it found the order and the scores
    are made exact here, at no further cost: the rows are read anyway.
    """
    wanted = dict.fromkeys(found.segment for line in lines for found in line)
    rows = store.segments(list(wanted))
    # Another process may have replaced a segment since the vectors were read.
    gone = {found.item for line in lines for found in line if found.segment not in rows}
    items = store.items(list(gone)) if gone else {}
    answers = []
    kinds = held.kinds if held is not None else None
    for query, line in zip(queries, lines, strict=True):
        hits = []
        scale = spreads(query, kinds.samples) if kinds else {}
        shared = kinds.shared_with(query) if kinds else []
        for found in line:
            if (row := rows.get(found.segment)) is not None:
                score = min(1.0, max(-1.0, float((row.vector * query).sum())))
                if row.record.modality in shared:
                    own, reference = scale[row.record.modality], scale[shared[0]]
                    score = on_one_scale(score, own, reference)
                hit = Hit(
                    row.item, row.path, row.modality, {**row.metadata}, row.record.span, score,
                    row.record.text, details_of(row.record),
                )  # fmt: skip
            elif found.item in items:
                hit = Hit(**item_fields(items[found.item]), span=None, score=found.score)
            else:
                continue
            hits.append((-hit.score, found.segment, hit))
        hits.sort(key=itemgetter(0, 1))
        answers.append([hit for _, _, hit in hits])
    return answers


def hits_by_words(
    store: SQLiteStore,
    found: Sequence[tuple[int, float]],
    texts: Mapping[int, int],
    segments: Mapping[int, Found] | None = None,
) -> list[Hit]:
    """Look up items with the scores of a search by words, or of a fusion.

    `texts` has where the words were found in items, `segments` the best segment of items that
    were found by their vectors, too.
    """
    items = store.items([item for item, _ in found])
    best = [segments[item].segment for item, _ in found if item in segments] if segments else []
    records = {row.item: row.record for row in store.segments(best).values()}
    said = store.texts([texts[item] for item, _ in found if item in texts])
    records.update({item: said[text] for item, text in texts.items() if text in said})
    hits = []
    for item, score in found:
        if item in items:
            record = records.get(item, SegmentRecord())
            hits.append(
                Hit(
                    **item_fields(items[item]), span=record.span, score=score,
                    text=record.text, details=details_of(record),
                )
            )  # fmt: skip
    return hits


def details_of(record: SegmentRecord) -> dict[str, Any]:
    """What an answer says of where a segment is, and where its words are from."""
    source = {"source": record.source} if record.source in ("speech", "writing") else {}
    return {**record.details, **source}


def item_fields(item: StoredItem) -> dict[str, Any]:
    """What an answer shows of a stored item."""
    return {
        "id": item.id,
        "path": item.file.path,
        "modality": item.modality,
        "metadata": {**item.properties, **item.metadata},
    }
