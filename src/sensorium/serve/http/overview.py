"""A collection as a whole: when, where, what is like what, and what is there twice."""

from __future__ import annotations

import gzip
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from sensorium.collection.collection import store_of
from sensorium.collection.duplicates import find_duplicate_items
from sensorium.media.segments import SegmentRecord
from sensorium.plain import plain_fields
from sensorium.serve.answers import Answer
from sensorium.serve.http import declared
from sensorium.serve.http.collections import item_of, with_states
from sensorium.serve.http.depends import CollectionName, Id, OpenCollection, ServedState, needs
from sensorium.serve.maps import packed

router = APIRouter(prefix="/api/collections/{collection}", tags=["overview"])


@router.get(
    "/items/{item}/text",
    summary="What is said and written in it",
    dependencies=[needs("read")],
    responses=declared.TEXT,
)
def text(
    collection: OpenCollection,
    item: Id,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
    around: Annotated[float | None, Query(ge=0, description="Start of a passage's span")] = None,
    page: Annotated[int | None, Query(ge=1, description="Where that passage is")] = None,
    chapter: Annotated[int | None, Query(ge=1, description="Where that passage is")] = None,
) -> Answer:
    """Passages in their order: seconds or characters where they are, and what read them.

    ``source`` is "speech", "writing" or "detection" of words that were found in media, and "text"
    of a document's own. With ``around``, of many passages those about the one that begins there,
    instead of those from ``offset``.
    """
    found = item_of(collection, item)
    stored = list(store_of(collection).texts(item=found.id).values())
    if around is not None:
        place = (page or chapter or 0, around)
        offset = sum(_place(one) < place for one in stored) - limit // 2
        offset = max(0, min(offset, len(stored) - limit))
    passages = [
        {"text": one.text, "span": one.span, "source": one.source or "text", **one.details}
        for one in stored[offset : offset + limit]
    ]
    return Answer({"item": found.id, "count": len(stored), "passages": passages})


def _place(passage: SegmentRecord) -> tuple[int, float]:
    """What passages are sorted by: the page or chapter, and where they begin in it."""
    where = passage.details.get("page") or passage.details.get("chapter") or 0
    return where, passage.span[0] if passage.span else 0.0


@router.get(
    "/timeline",
    summary="How many items are of each month",
    dependencies=[needs("read")],
    responses=declared.MONTHS,
)
def timeline(served: ServedState, collection: CollectionName) -> Answer:
    """By the month that they were taken in; the others are counted as undated."""
    months, undated = served.overview(collection).months()
    listed = [{"month": month, "count": count} for month, count in months.items()]
    return Answer({"months": listed, "undated": undated})


@router.get(
    "/places",
    summary="Where items were taken",
    dependencies=[needs("read")],
    responses=declared.PLACES,
)
def places(served: ServedState, collection: CollectionName) -> Answer:
    """Ids with latitude and longitude in degrees, of items that say where they were taken.

    Arrays are little-endian and in base64: ids as uint32, the others as float32.
    """
    seen = served.overview(collection)
    known = ~np.isnan(seen.places[:, 0])
    latitudes, longitudes = seen.places[known].T
    return Answer(
        {
            "count": int(known.sum()),
            "ids": packed(seen.ids[known], "<u4"),
            "latitudes": packed(latitudes, "<f4"),
            "longitudes": packed(longitudes, "<f4"),
        }
    )


@router.get(
    "/map", summary="Items on a plane, like beside like", dependencies=[needs("read")],
    responses={**declared.MAP, 304: {"description": "It is as the client knows it."}},
)  # fmt: skip
def map_(served: ServedState, collection: CollectionName, request: Request) -> Response:
    """Coordinates from -1 to 1 of all items that have vectors.

    Arrays are little-endian and in base64: ids as uint32, x and y as float32, and ``kinds`` as
    uint8, the place of each item's modality in ``modalities``; ``taken`` as uint16, the place of
    the month in ``months``, or 65535 for what is undated.
    """
    packed_map, tag = served.maps.of(
        collection, served.collection(collection), lambda: served.overview(collection)
    )
    headers = {"etag": tag, "cache-control": "private, no-cache", "vary": "accept-encoding"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        return Response(packed_map, media_type="application/json", headers=headers)
    return Response(gzip.decompress(packed_map), media_type="application/json", headers=headers)


@router.get(
    "/duplicates",
    summary="What is there more than once",
    dependencies=[needs("read")],
    responses=declared.GROUPS,
)
def duplicates(
    served: ServedState,
    collection: OpenCollection,
    pixels: Annotated[bool, Query(description="Whether what is in files is compared.")] = True,
    altered: Annotated[bool, Query(description="Whether altered ones are grouped, too.")] = True,
    threshold: Annotated[float | None, Query(gt=0, le=1)] = None,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Answer:
    """Groups, as ``sensorium duplicates --json`` has them; the first of each is the one to keep."""
    with served.turns:
        found = find_duplicate_items(
            collection, threshold=threshold, pixels=pixels, altered=altered
        )
    groups = [
        {**plain_fields(one), "items": with_states(one.items)}
        for one in found[offset : offset + limit]
    ]
    return Answer({"groups": groups, "count": len(found)})
