"""Pieces of long pictures, and lines that lie in several of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.tasks.writing import pieces as reading_pieces
from sensorium.tasks.writing.order import Line
from sensorium.tasks.writing.pieces import Piece, found_in, merged, pieces_of

SIDES = st.integers(1, 40_000)


@settings(max_examples=200, deadline=None)
@given(SIDES, SIDES)
def test_pieces_cover_a_picture_and_are_bounded(width: int, height: int) -> None:
    pieces, share = pieces_of(width, height)
    assert share == 1.0
    axis = 0 if width > height else 1
    edges = [(piece.box[axis], piece.box[axis + 2]) for piece in pieces]
    assert edges[0][0] == 0 and edges[-1][1] == pytest.approx(max(width, height))
    for (_, stop), (start, _) in pairwise(edges):
        assert (stop - start) * pieces[0].scale == pytest.approx(reading_pieces.OVERLAP)
    for piece in pieces:
        left, upper, right, lower = piece.box
        read = (right - left) * piece.scale, (lower - upper) * piece.scale
        assert max(read) <= 2_200 and min(read) <= 1_450
    assert pieces[0].scale >= min(1, 1_333 / min(width, height)) or len(pieces) == 1


@pytest.mark.parametrize(
    ("size", "count", "scale"),
    [
        ((320, 240), 1, 2.0), ((1000, 1000), 1, 1.0), ((800, 600), 1, 1.44), ((1414, 2000), 1, 1.0),
        ((2480, 3508), 1, 0.57), ((6000, 4000), 1, 0.333), ((1920, 1080), 1, 1.0),
        ((1080, 20000), 15, 1.0), ((3840, 2160), 2, 0.655), ((12000, 3000), 4, 0.471),
    ],
)  # fmt: skip
def test_how_pictures_are_read(size: tuple[int, int], count: int, scale: float) -> None:
    pieces, _ = pieces_of(*size)
    assert len(pieces) == count
    assert pieces[0].scale == pytest.approx(scale, abs=0.01)


def test_a_picture_that_never_ends() -> None:
    pieces, share = pieces_of(100, 1_000_000)
    assert len(pieces) == reading_pieces.MOST_PIECES
    assert share == pytest.approx(pieces[-1].box[3] / 1_000_000) and 0.08 < share < 0.1


@pytest.mark.parametrize("size", [(30, 2000), (2000, 30), (300, 200), (1, 1)])
def test_small_sides_get_a_margin_of_the_border(size: tuple[int, int]) -> None:
    picture = PIL.Image.new("RGB", size, (10, 20, 30))
    (piece,), _ = pieces_of(*size)
    cut = piece.cut(picture)
    assert min(cut.size) >= 736 and max(cut.size) <= 2_000
    assert cut.getcolors() == [(cut.width * cut.height, (10, 20, 30))]


def box(left: float, upper: float, right: float, lower: float, text: str = "x") -> Line:
    corners = [[left, upper], [right, upper], [right, lower], [left, lower]]
    return Line(text, 0.9, np.array(corners, np.float64))


def seen(lines: list[Line], pieces: list[Piece]) -> list[list[Line]]:
    """What a perfect detector finds in each piece, of lines that are cut through, too."""
    found = []
    for piece in pieces:
        left, upper, right, lower = piece.box
        here = []
        for line in lines:
            corners = line.corners.clip([left, upper], [right, lower])
            if np.ptp(corners[:, 0]) > 5 and np.ptp(corners[:, 1]) > 5:
                corners = (corners - [left, upper]) * piece.scale
                here.append(replace(line, corners=corners))
        found.append(here)
    return found


@settings(max_examples=100, deadline=None)
@given(st.data(), st.sampled_from(["rows of a wide one", "rows of a high one", "turned by 90"]))
def test_every_line_is_found_once(data: st.DataObject, kind: str) -> None:
    size = (9000, 700) if kind == "rows of a wide one" else (700, 9000)
    lines = []
    for n in range(9):  # that do not touch
        start = data.draw(st.integers(0, 700))
        if kind == "rows of a high one":
            right, height = data.draw(st.integers(40, 650)), data.draw(st.integers(10, 150))
            edges = (20, 950 * n + start, right, 950 * n + start + height)
        else:
            stop = start + data.draw(st.integers(20, 7_000))
            edges = (start, 70 * n, stop, 70 * n + 40)
            if kind == "turned by 90":
                edges = (70 * n, start, 70 * n + 40, stop)
        lines.append(box(*edges, str(n)))
    pieces, _ = pieces_of(*size)
    asked: list[npt.NDArray[np.float64]] = []

    def read(corners: npt.NDArray[np.float64]) -> Line:
        asked.append(corners)
        return Line("again", 0.9, corners)

    views = [found_in(here, pieces, n) for n, here in enumerate(seen(lines, pieces))]
    found = sorted(merged(views, read), key=lambda line: line.corners.tolist())
    assert len(found) == len(lines)
    for one, line in zip(found, sorted(lines, key=lambda line: line.corners.tolist()), strict=True):
        assert one.corners == pytest.approx(line.corners, abs=0.01)
        assert one.text in (line.text, "again")
    assert kind != "rows of a high one" or not asked
