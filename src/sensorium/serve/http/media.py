"""Files of items, and small pictures of them."""

from __future__ import annotations

import hashlib
import io
import mimetypes
import os
from stat import S_ISREG
from typing import Annotated

import PIL.Image
from fastapi import APIRouter, Query, Request
from starlette.responses import FileResponse, Response

from sensorium.collection import Hit, Item
from sensorium.collection.previews import preview
from sensorium.data.files import stored_path
from sensorium.media import Modality
from sensorium.media.mesh import VIEWS
from sensorium.serve.access import Refused
from sensorium.serve.http.collections import item_of
from sensorium.serve.http.depends import Id, OpenCollection, ServedState, needs
from sensorium.serve.thumbnails import Thumbnails

router = APIRouter(prefix="/api/collections/{collection}/items/{item}", tags=["media"])

SIDES = (128, 256, 512, 1024, 2048)
"""Pixels of a small picture's longer side: few sizes, so that each is made once."""

SHOWN = ("image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "video/", "audio/")
"""What a browser may show by itself. All else is downloaded: SVG, HTML and PDF hold programs."""

MONTH = 30 * 24 * 3600


@router.head("/media", include_in_schema=False, dependencies=[needs("read")])
@router.get(
    "/media", summary="The file itself", dependencies=[needs("read")], response_class=FileResponse,
    responses={
        200: {"content": {"*/*": {}}, "description": "All of it."},
        206: {"content": {"*/*": {}}, "description": "The part that was asked for."},
        304: {"description": "It is as the client knows it."},
        416: {"description": "There is no such part."},
    },
)  # fmt: skip
def file(collection: OpenCollection, item: Id, request: Request) -> Response:
    """In parts where a player asks for them (Range), and not again where it is known (ETag)."""
    found = item_of(collection, item)
    path = stored_path(found.path)
    stat = _stat(found)
    tag = f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"'
    headers = {"etag": tag, "cache-control": "private, no-cache"}
    if _is_known(request, tag):  # before any range is looked at (RFC 9110, section 13.2.2)
        return Response(status_code=304, headers=headers)
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    shown = kind.startswith(SHOWN)
    return FileResponse(
        path, media_type=kind if shown else "application/octet-stream", headers=headers,
        stat_result=stat, filename=path.name,
        content_disposition_type="inline" if shown else "attachment",
    )  # fmt: skip


def _stat(found: Item) -> os.stat_result:
    """What the file of an item is, where it is one."""
    try:
        stat = stored_path(found.path).stat()
    except OSError as error:
        raise Refused(
            404, f"the file of item {found.id} cannot be read ({error.strerror})"
        ) from error
    if not S_ISREG(stat.st_mode):
        raise Refused(404, f"what lies in the place of item {found.id} is no file")
    return stat


@router.head("/thumbnail", include_in_schema=False, dependencies=[needs("read")])
@router.get(
    "/thumbnail", summary="A small picture of it", dependencies=[needs("read")],
    response_class=Response,
    responses={200: {"content": {"image/webp": {}}},
               304: {"description": "It is as the client knows it."}},
)  # fmt: skip
def thumbnail(
    served: ServedState,
    collection: OpenCollection,
    item: Id,
    request: Request,
    side: Annotated[int, Query(ge=16, le=2048)] = 256,
    at: Annotated[
        float | None, Query(description="Seconds into a film.", ge=0, allow_inf_nan=False)
    ] = None,
    view: Annotated[int | None, Query(description="View of a 3-D object.", ge=0, le=1000)] = None,
    page: Annotated[
        int | None, Query(description="Of a PDF, or of a TIFF of several.", ge=1, le=1 << 30)
    ] = None,
) -> Response:
    """WebP, upright, at least as large as asked for where the item is.

    Of a PDF a page, of another document its first lines, of a sound how loud it is in the course of
    time.
    """
    found = item_of(collection, item)
    side = next(one for one in SIDES if one >= side)
    hit = _hit(found, at, view, page)
    stat = _stat(found)
    facts = (
        found.path,
        stat.st_mtime_ns,
        stat.st_size,
        side,
        hit.span,
        sorted(hit.details.items()),
    )
    name = hashlib.sha256(repr(facts).encode("utf-8", "surrogateescape")).hexdigest()
    headers = {"etag": f'"{name[:32]}"', "cache-control": f"private, max-age={MONTH}"}
    if _is_known(request, headers["etag"]):
        return Response(status_code=304, headers=headers)
    made = _made(served.thumbnails, name, hit, side)
    return Response(made, media_type="image/webp", headers=headers)


def _hit(found: Item, at: float | None, view: int | None, page: int | None) -> Hit:
    """The place of an item that is shown: few are told apart, and each is made once."""
    facts, span = {}, None
    if view is not None and found.modality == Modality.MESH:
        facts["view"] = view % len(VIEWS)
    if page is not None and (found.modality == Modality.TEXT or page <= _pages(found)):
        facts["page"] = page
    if at is not None and found.modality == Modality.VIDEO:
        length = found.metadata.get("duration")  # a table may say anything
        at = round(min(at, length) if isinstance(length, float) else at, 1)
        span = at, at
    return Hit(
        found.id, found.path, found.modality, found.metadata, span=span, score=0.0, details=facts
    )


def _pages(found: Item) -> int:
    """How many pages a picture has; 0 where all of it is one."""
    pages = found.metadata.get("pages")  # a table may say anything
    return pages if found.modality == Modality.IMAGE and isinstance(pages, int) else 0


def _made(kept: Thumbnails, name: str, hit: Hit, side: int) -> bytes:
    """A small picture, kept for the next one who asks."""
    if (known := kept.get(name)) is not None:
        return known
    picture = preview(hit, side)
    picture.thumbnail((side, side), PIL.Image.Resampling.LANCZOS)
    written = io.BytesIO()
    picture.convert("RGB").save(written, "WEBP", quality=80)
    kept.keep(name, written.getvalue())
    return written.getvalue()


def _is_known(request: Request, tag: str) -> bool:
    said = request.headers.get("if-none-match", "")
    return said == "*" or tag in [one.strip().removeprefix("W/") for one in said.split(",")]
