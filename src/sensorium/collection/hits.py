"""Looking up what a search found: items, places, texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sensorium.collection.results import Hit
from sensorium.collection.rows import StoredItem
from sensorium.collection.store import Store
from sensorium.media.segments import SegmentRecord
from sensorium.ranking.scoring import Ranked


def hits_of(store: Store, lines: Sequence[Sequence[Ranked]]) -> list[list[Hit]]:
    """Look up the ranked items of some queries; what is gone is left out.

    A hit tells of the stored text that it was found by, or else of the segment.
    """
    ranked = [result for line in lines for result in line]
    wanted = dict.fromkeys(result.segment for result in ranked if result.segment is not None)
    segments = store.segments(list(wanted))
    texts = store.texts([result.text_id for result in ranked if result.text_id is not None])
    # Another process may have replaced a segment since the vectors were read.
    rest = dict.fromkeys(result.item for result in ranked if result.segment not in segments)
    items = store.items(list(rest))
    answers = []
    for line in lines:
        hits = []
        for item, score, segment, text_id, probability in line:
            record = texts.get(text_id) if text_id is not None else None
            row = segments.get(segment) if segment is not None else None
            if row is not None:
                of_item: dict[str, Any] = {
                    "id": item, "path": row.path, "modality": row.modality,
                    "metadata": {**row.metadata}, "indexed": row.indexed,
                }  # fmt: skip
                record = record or row.record
            elif item in items:
                of_item = item_fields(items[item])
                record = record or SegmentRecord()
            else:
                continue
            hits.append(
                Hit(
                    **of_item, span=record.span, score=score, text=record.text,
                    details=details_of(record), probability=probability,
                )
            )  # fmt: skip
        answers.append(hits)
    return answers


def details_of(record: SegmentRecord) -> dict[str, Any]:
    """What an answer says of where a segment is, and where its words are from."""
    source = (
        {"source": record.source} if record.source in ("speech", "writing", "detection") else {}
    )
    return {**record.details, **source}


def item_fields(item: StoredItem) -> dict[str, Any]:
    """What an answer shows of a stored item."""
    return {
        "id": item.id,
        "path": item.file.path,
        "modality": item.modality,
        "metadata": {**item.properties, **item.metadata},
        "indexed": (item.file.size, item.file.mtime_ns),
    }
