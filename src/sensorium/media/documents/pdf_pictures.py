"""What of a page of a PDF is a picture: the whole page, or photos on it."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import PIL.Image
import pypdfium2.raw as pdfium

from sensorium.media.documents.pdf_text import MAX_NESTED
from sensorium.media.pictures.tiles import MIN_RATIO

PICTURE_SIDE = 1024
"""Pixels of the longer side of what is drawn: enough to read the writing of a page."""

LONG_SIDE = 8192
"""The same of what is so long that it has tiles (web pages that were printed as one)."""

PAGE_SHARE = 0.5
"""Share of a page that one picture covers, from which on the page is a picture: a scan."""

MIN_SHARE = 0.05
"""Sides of a photo, as shares of the page's longer side: smaller ones are icons."""

MIN_PIXELS = 32
"""Sides of a photo as it is stored: smaller ones are patterns and shades."""

MAX_STRETCH = 10.0
"""Sides of a photo to each other: what is longer is a rule or a bar."""

MAX_PHOTOS = 100
"""Photos of a page; the largest are taken."""

MAX_ASKED = 50
"""Pictures of a page of which it is found out whether a layer hides them, by drawing it twice."""

MAX_OBJECTS = 50_000
"""Objects of a page that are looked at."""

BACKGROUND_LETTERS = 200
"""Visible letters over a picture that covers the page, from which on it may be a background."""

BACKGROUND_DETAIL = 3.0
"""Mean difference of neighbouring pixels, of 255, at `DETAIL_SIDE`: gradients and watermarks have
less, photos and scans of more than a few lines have more."""

DETAIL_SIDE = 128

DRAWING_SHARE = 0.2
"""Share of a page that curves and slanted lines stretch over, from which on it is a drawing."""

MIN_CURVES = 3
MIN_STEPS = 6
"""Paths, and steps of all of them: a chart has more, a logo or a tick may have fewer."""

MAX_PATHS = 2_000
"""Paths of a page that are looked into."""

GRID = 32
"""Cells of a side of the page's area, in which is counted what drawings cover."""

HASHED = 1 << 20
"""Bytes of a stored picture that tell it from others, beside its length and sides."""

Box = tuple[float, float, float, float]
"""Left, upper, right, lower, as shares of the page's sides."""


@dataclass(frozen=True, slots=True)
class Part:
    """What is to be drawn of a page.

    Attributes
    ----------
    box : tuple of float, optional
        Left, upper, right and lower as shares of the page's sides; None for the whole page.
    pixels : int
        Of the longer side as it is stored; 0 for a page that no picture covers.
    key : str
        The same for a picture that stands on many pages.
    """

    box: Box | None = None
    pixels: int = 0
    key: str = ""


@dataclass(slots=True)
class _Picture:
    box: Box
    pixels: tuple[int, int]
    objects: list[Any] = field(default_factory=list)

    @property
    def sides(self) -> tuple[float, float]:
        return self.box[2] - self.box[0], self.box[3] - self.box[1]

    @property
    def share(self) -> float:
        return self.sides[0] * self.sides[1]


_Matrix = tuple[float, float, float, float, float, float]
_SAME: _Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


def parts_of(page: Any, has_text: bool, layered: bool) -> list[Part]:
    """What of a page is to be drawn: all of it, or photos.

    All of it where there is no text, where one picture covers most of it (a scan, with or
    without a layer of recognised text, a page number or a stamp), and where drawings do.

    Parameters
    ----------
    page : pypdfium2.PdfPage
    has_text : bool
    layered : bool
        Whether the document has layers, some of which may be switched off.
    """
    pictures, drawn = _survey(page, layered)
    whole = not has_text or drawn
    covering = 0
    rest = []
    for picture in _put_together(pictures):
        if picture.share < PAGE_SHARE:
            rest.append(picture)
        elif not has_text or not _is_background(page, picture):
            whole = True
            covering = max(covering, *picture.pixels)
    parts = [Part(pixels=covering)] if whole else []
    longer = max(page.get_size())
    sides = [side / longer for side in page.get_size()]
    photos = [picture for picture in rest if _is_photo(picture, sides)]
    photos = sorted(photos, key=lambda one: one.share, reverse=True)[:MAX_PHOTOS]
    photos.sort(key=lambda one: (one.box[1], one.box[0]))
    return parts + [
        Part(photo.box, max(photo.pixels), "-".join(_key(one) for one in photo.objects[:64]))
        for photo in photos
    ]


def drawn(page: Any, part: Part) -> PIL.Image.Image:
    """Draw a page, or a part of it, as RGB: with forms, notes and what lies over a photo."""
    width, height = page.get_size()
    left, upper, right, lower = part.box or (0.0, 0.0, 1.0, 1.0)
    longer = max((right - left) * width, (lower - upper) * height)
    shorter = min((right - left) * width, (lower - upper) * height)
    scale = PICTURE_SIDE / longer
    if longer >= MIN_RATIO * shorter:  # its tiles are as large as a usual page
        scale = min(LONG_SIDE / longer, PICTURE_SIDE / 2**0.5 / shorter)
    if part.box is not None:  # no larger than it is stored, nor than it is shown
        scale = min(scale, max(1.0, part.pixels / longer))
    crop = (left * width, (1 - lower) * height, (1 - right) * width, upper * height)
    picture: PIL.Image.Image = page.render(scale=scale, crop=crop).to_pil()
    return picture.convert("RGB")


def _is_photo(picture: _Picture, sides: Sequence[float]) -> bool:
    width, height = (share * side for share, side in zip(picture.sides, sides, strict=True))
    return (
        min(width, height) >= MIN_SHARE
        and max(width, height) <= MAX_STRETCH * min(width, height)
        and min(picture.pixels) >= MIN_PIXELS
    )


def _survey(page: Any, layered: bool) -> tuple[list[_Picture], bool]:
    """The pictures of a page, and whether drawings cover much of it."""
    pictures: list[_Picture] = []
    cells = np.zeros((GRID, GRID), bool)
    curves = steps = 0
    paths = 0
    place = _Place(page)
    for count, (found, matrix) in enumerate(_placed(page)):
        if count >= MAX_OBJECTS:
            break
        kind = pdfium.FPDFPageObj_GetType(found)
        if kind == pdfium.FPDF_PAGEOBJ_IMAGE:
            box = place.of_picture(found, matrix)
            if box is None:
                continue
            if layered and len(pictures) < MAX_ASKED and _is_hidden(page, found):
                continue
            width, height = ctypes.c_uint(), ctypes.c_uint()
            pdfium.FPDFImageObj_GetImagePixelSize(found, width, height)
            pictures.append(_Picture(box, (width.value, height.value), [found]))
        elif kind == pdfium.FPDF_PAGEOBJ_PATH and paths < MAX_PATHS:
            paths += 1
            if (more := _curved_steps(found)) and (box := place.of_bounds(found, matrix)):
                if (box[2] - box[0]) * (box[3] - box[1]) > 0.95:
                    continue  # a background
                curves += 1
                steps += more
                left, upper, right, lower = (int(share * GRID) for share in box)
                cells[upper : lower + 1, left : right + 1] = True
    is_drawing = curves >= MIN_CURVES or steps >= 3 * MIN_STEPS
    return pictures, bool(is_drawing and steps >= MIN_STEPS and cells.mean() >= DRAWING_SHARE)


def _placed(page: Any) -> Iterator[tuple[Any, _Matrix]]:
    """Each object of a page and of its forms, with the matrix of its forms."""
    waiting: list[tuple[Iterator[int], Any, Any, _Matrix]] = [
        (
            iter(range(pdfium.FPDFPage_CountObjects(page))),
            page,
            pdfium.FPDFPage_GetObject,
            _SAME,
        )
    ]
    while waiting:
        numbers, parent, get, matrix = waiting[-1]
        for number in numbers:
            found = get(parent, number)
            if not found:
                continue
            if pdfium.FPDFPageObj_GetType(found) != pdfium.FPDF_PAGEOBJ_FORM:
                yield found, matrix
            elif len(waiting) <= MAX_NESTED:
                inner = iter(range(max(0, pdfium.FPDFFormObj_CountObjects(found))))
                outer = _times(_matrix(found), matrix)
                waiting.append((inner, found, pdfium.FPDFFormObj_GetObject, outer))
                break
        else:
            waiting.pop()


def _matrix(found: Any) -> _Matrix:
    read = pdfium.FS_MATRIX()
    if not pdfium.FPDFPageObj_GetMatrix(found, read):
        return _SAME
    return read.a, read.b, read.c, read.d, read.e, read.f


def _times(one: _Matrix, two: _Matrix) -> _Matrix:
    """The matrix that does first one, then the other."""
    a, b, c, d, e, f = one
    g, h, i, j, k, m = two
    return (
        a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j,
        e * g + f * i + k, e * h + f * j + m,
    )  # fmt: skip


class _Place:
    """Brings points of a page to shares of what is shown of it, turned as it is shown."""

    def __init__(self, page: Any) -> None:
        self.left, self.lower, self.right, self.upper = page.get_bbox()
        self.turns = page.get_rotation() // 90

    def of_picture(self, found: Any, forms: _Matrix) -> Box | None:
        """Where a picture lies, as far as it is shown."""
        a, b, c, d, e, f = _times(_matrix(found), forms)
        box = self._box([(e, f), (a + e, b + f), (c + e, d + f), (a + c + e, b + d + f)])
        clip = pdfium.FPDFPageObj_GetClipPath(found)
        for number in range(min(16, max(0, pdfium.FPDFClipPath_CountPaths(clip))) if clip else 0):
            points = []
            for step in range(min(256, pdfium.FPDFClipPath_CountPathSegments(clip, number))):
                points.append(_point(pdfium.FPDFClipPath_GetPathSegment(clip, number, step)))
            if points:
                clipped = self._box([_through(point, forms) for point in points])
                box = _common(box, clipped)
        return None if box is None or box[0] >= box[2] or box[1] >= box[3] else box

    def of_bounds(self, found: Any, forms: _Matrix) -> Box | None:
        sides = [ctypes.c_float() for _ in range(4)]
        if not pdfium.FPDFPageObj_GetBounds(found, *sides):
            return None
        left, lower, right, upper = (side.value for side in sides)
        corners = [(left, lower), (left, upper), (right, lower), (right, upper)]
        return self._box([_through(corner, forms) for corner in corners])

    def _box(self, points: Sequence[tuple[float, float]]) -> Box | None:
        width, height = self.right - self.left, self.upper - self.lower
        if not (width > 0 and height > 0):
            return None
        across = [(x - self.left) / width for x, _ in points]
        down = [(self.upper - y) / height for _, y in points]
        for _ in range(self.turns):  # by 90 degrees clockwise each
            across, down = [1 - share for share in down], across
        box = (min(across), min(down), max(across), max(down))
        return _common(box, (0.0, 0.0, 1.0, 1.0))


def _through(point: tuple[float, float], matrix: _Matrix) -> tuple[float, float]:
    (x, y), (a, b, c, d, e, f) = point, matrix
    return a * x + c * y + e, b * x + d * y + f


def _point(step: Any) -> tuple[float, float]:
    x, y = ctypes.c_float(), ctypes.c_float()
    pdfium.FPDFPathSegment_GetPoint(step, x, y)
    return x.value, y.value


def _common(one: Box | None, two: Box | None) -> Box | None:
    if one is None or two is None:
        return None
    left, upper = max(one[0], two[0]), max(one[1], two[1])
    right, lower = min(one[2], two[2]), min(one[3], two[3])
    return (left, upper, right, lower) if left <= right and upper <= lower else None


def _curved_steps(path: Any) -> int:
    """Steps of a path that are curves or slanted lines; 0 for boxes and rules."""
    count = 0
    before: tuple[float, float] | None = None
    for number in range(min(64, pdfium.FPDFPath_CountSegments(path))):
        step = pdfium.FPDFPath_GetPathSegment(path, number)
        kind = pdfium.FPDFPathSegment_GetType(step)
        point = _point(step)
        if kind == pdfium.FPDF_SEGMENT_BEZIERTO or (
            kind == pdfium.FPDF_SEGMENT_LINETO
            and before is not None
            and min(abs(point[0] - before[0]), abs(point[1] - before[1])) > 0.5
        ):
            count += 1
        before = point
    return count


def _put_together(pictures: list[_Picture]) -> list[_Picture]:
    """Make one of pictures that lie on each other (a scan's layers) or are strips of one."""
    whole: list[_Picture] = []
    for picture in pictures:
        for one in reversed(whole[-8:]):
            if _are_one(one.box, picture.box):
                one.box = (
                    min(one.box[0], picture.box[0]), min(one.box[1], picture.box[1]),
                    max(one.box[2], picture.box[2]), max(one.box[3], picture.box[3]),
                )  # fmt: skip
                one.pixels = (
                    max(one.pixels[0], picture.pixels[0]), max(one.pixels[1], picture.pixels[1])
                )  # fmt: skip
                one.objects += picture.objects
                break
        else:
            whole.append(picture)
    return whole


def _are_one(one: Box, two: Box) -> bool:
    near = 0.003  # of the page: two points
    same_columns = abs(one[0] - two[0]) < near and abs(one[2] - two[2]) < near
    same_rows = abs(one[1] - two[1]) < near and abs(one[3] - two[3]) < near
    if same_columns and same_rows:
        return True
    width, height = two[2] - two[0], two[3] - two[1]
    if same_columns and width > 3 * height:
        return min(abs(one[3] - two[1]), abs(one[1] - two[3])) < near
    if same_rows and height > 3 * width:
        return min(abs(one[2] - two[0]), abs(one[0] - two[2])) < near
    return False


def _key(found: Any) -> str:
    """The same for the same stored picture."""
    size = pdfium.FPDFImageObj_GetImageDataRaw(found, None, 0)
    buffer = ctypes.create_string_buffer(size)
    pdfium.FPDFImageObj_GetImageDataRaw(found, buffer, size)
    return f"{hashlib.blake2b(memoryview(buffer)[:HASHED], digest_size=12).hexdigest()}{size}"


def _is_hidden(page: Any, found: Any) -> bool:
    """Whether a layer hides a picture: the page looks the same without it."""
    seen = _sketch(page)
    pdfium.FPDFPageObj_SetIsActive(found, False)
    unseen = _sketch(page)
    pdfium.FPDFPageObj_SetIsActive(found, True)
    return bool(np.array_equal(seen, unseen))


def _sketch(page: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    scale = DETAIL_SIDE / max(page.get_size())
    pixels: np.ndarray[Any, np.dtype[np.uint8]] = page.render(
        scale=scale, draw_annots=False, may_draw_forms=False
    ).to_numpy()
    return pixels


def _is_background(page: Any, picture: _Picture) -> bool:
    """Whether a picture that covers a page only lies under its text."""
    texts = []
    letters = 0
    for found, _ in _placed(page):
        if pdfium.FPDFPageObj_GetType(found) == pdfium.FPDF_PAGEOBJ_TEXT and (
            pdfium.FPDFTextObj_GetTextRenderMode(found) != 3  # the recognised words of a scan
        ):
            texts.append(found)
    textpage = page.get_textpage()
    try:
        for found in texts:
            letters += pdfium.FPDFTextObj_GetText(found, textpage, None, 0) // 2
            if letters > 4 * BACKGROUND_LETTERS:
                break
    finally:
        textpage.close()
    if letters < BACKGROUND_LETTERS:
        return False
    for found in texts:
        pdfium.FPDFPageObj_SetIsActive(found, False)
    grey = _sketch(page).astype(np.float32).mean(axis=2)
    for found in texts:
        pdfium.FPDFPageObj_SetIsActive(found, True)
    left, upper, right, lower = picture.box
    height, width = grey.shape
    grey = grey[int(upper * height) : int(lower * height), int(left * width) : int(right * width)]
    detail = max(float(np.abs(np.diff(grey, axis=axis)).mean()) for axis in (0, 1))
    return detail < BACKGROUND_DETAIL
