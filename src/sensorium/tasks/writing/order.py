"""From lines of writing, as they are found in a picture, to passages in the order of reading.

Lines that follow one another closely are a block. Blocks side by side are columns, read one after
the other, when both hold running text; else they are a table, a receipt or a form, of which every
row is read from left to right. Order among passages: Breuel 2003, "High performance document layout
analysis", section 3 (above before below, left before right where nothing lies across between them).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import numpy as np
import numpy.typing as npt

from sensorium.media.documents.cutting import SEGMENT_WEIGHT, weight
from sensorium.media.documents.wording import joined_lines, words_at_line_ends

SAME_ROW = 0.5
"""Share of the lower of two boxes beside which the other stands, for them to be of one row."""

WORD_GAP = 0.6
"""Heights between two pieces of one line: spaces are 0.3 wide, gaps between columns 1 and more."""

LINE_GAP = 0.8
"""Heights between the boxes of lines that follow one another. The detector's boxes are a third
higher than the letters: this is what double spacing leaves."""

LIKE_HEIGHT = 1.8
"""Ratio of heights up to which lines are one block: more is a heading and its text."""

SAME_COLUMN = 0.3
"""Share of the narrower of two lines that must lie below the other for them to be one block."""

ROW_GAP = 40
"""Heights between the cells of a row: a page is 45 wide in twelve points."""

PROSE_SIGNS = 12
"""Letters of a line of running text, in the middle of its lines; Chinese signs count twice. Labels
and values are shorter."""

PROSE_DIGITS = 0.3
"""Share of digits from which on lines are values, however long."""

MOST_ORDERED = 120
"""Passages that are ordered together; time and memory grow with the third power."""

HIGH = 1.5
"""Height over width from which on the recogniser takes a box for writing from top to bottom."""

ALONG = 0.7
"""Cosine of the angle to other writing, 45 degrees, from which on a line is read by itself."""

_HAN_OR_KANA = re.compile(
    "[\u2e80-\u2fdf\u3040-\u30ff\u31f0-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’」』)）]*$")
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_WIDE_NAMES = {code: to for code, to in _WIDE.items() if chr(to).isalnum()}


@dataclass(frozen=True)
class Line:
    """A line of writing in a picture.

    Attributes
    ----------
    text : str
    sure : float
        The recogniser's confidence, 0 to 1.
    corners : ndarray of float, shape (4, 2)
        Upper left, upper right, lower right, lower left, as the letters stand; in pixels.
    """

    text: str
    sure: float
    corners: npt.NDArray[np.float64]

    @property
    def height(self) -> float:
        """Of the box, across the writing, in pixels."""
        return _sides(self.corners)[1]

    @property
    def is_high(self) -> bool:
        """Whether the recogniser has taken a box, not turned yet, for writing that runs down."""
        width, height = _sides(self.corners)
        return height >= HIGH * width and len(self.text) > 1

    @property
    def angle(self) -> float:
        """By which the writing is turned, in radians."""
        along = (self.corners[1] - self.corners[0]) + (self.corners[2] - self.corners[3])
        return math.atan2(along[1], along[0])


@dataclass(frozen=True)
class Passage:
    """Lines that are read as one.

    Attributes
    ----------
    text : str
    lines : tuple of Line
        In the order of reading.
    """

    text: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class _Block:
    """A box, in the picture turned upright, and the rows in it, each from left to right."""

    left: float
    upper: float
    right: float
    lower: float
    rows: tuple[tuple[_Block, ...], ...] = ()
    line: Line | None = None
    is_table: bool = False

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.lower - self.upper

    @property
    def middle(self) -> float:
        return (self.upper + self.lower) / 2


def passages_of(lines: Iterable[Line]) -> list[Passage]:
    """Bring lines into the order of reading, and together what is read as one.

    Parameters
    ----------
    lines : iterable of Line
        In any order.
    """
    given = list(lines)
    skew = _skew(given)
    along = [_cell(line, -skew) for line in given if math.cos(line.angle - skew) > ALONG]
    across = [_cell(line, -skew) for line in given if math.cos(line.angle - skew) <= ALONG]
    blocks = _chains(_tables(_chains(_runs(along))))
    blocks = _ordered([*blocks, *(_block([[cell]]) for cell in across)])
    return [
        _passage(rows, is_table=block.is_table) for block in blocks for rows in _portions(block)
    ]


def narrow(text: str) -> str:
    """Write full-width letters and digits as ordinary ones, signs, too, where nothing is Chinese.

    The recogniser knows both forms, and takes "," beside English letters for a full-width one.
    """
    return text.translate(_WIDE_NAMES if _HAN_OR_KANA.search(text) else _WIDE)


def _sides(corners: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Width and height of a box that may be turned."""
    edges = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
    return float(edges[0] + edges[2]) / 2, float(edges[1] + edges[3]) / 2


def _skew(lines: Sequence[Line]) -> float:
    """The angle by which the writing of a picture is turned, in radians: that of most letters."""
    angles = []
    for line in lines:
        width, height = _sides(line.corners)
        if width > 3 * height:  # a short line's box may lie askew around upright letters
            angles.append((line.angle, width))
    # Around the one of most letters: angles begin anew at half a turn.
    middle = max(angles, key=lambda one: one[1], default=(0.0, 0.0))[0]
    angles = [(middle + math.remainder(one - middle, math.tau), width) for one, width in angles]
    half, passed = sum(width for _, width in angles) / 2, 0.0
    for angle, width in sorted(angles):
        passed += width
        if passed >= half:
            return angle
    return 0.0


def _cell(line: Line, turn: float) -> _Block:
    rotation = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    corners = line.corners @ rotation
    (left, upper), (right, lower) = corners.min(0), corners.max(0)
    width, height = _sides(line.corners)
    if (
        width > height and math.cos(line.angle + turn) > ALONG
    ):  # of what still lies askew, the box around it is too high
        middle = (upper + lower) / 2
        upper, lower = max(upper, middle - height / 2), min(lower, middle + height / 2)
    return _Block(float(left), float(upper), float(right), float(lower), line=line)


def _block(rows: Sequence[Sequence[_Block]], *, is_table: bool = False) -> _Block:
    cells = [cell for row in rows for cell in row]
    return _Block(
        min(cell.left for cell in cells), min(cell.upper for cell in cells),
        max(cell.right for cell in cells), max(cell.lower for cell in cells),
        tuple(map(tuple, rows)), is_table=is_table,
    )  # fmt: skip


def _near(blocks: Sequence[_Block], reach: float) -> Iterator[tuple[int, int]]:
    """Pairs of blocks, the higher first, that are `reach` times its height apart at most.

    Not all pairs: a long screenshot has thousands of lines.
    """
    order = sorted(range(len(blocks)), key=lambda n: blocks[n].upper)
    for place, i in enumerate(order):
        end = blocks[i].lower + reach * _row_height(blocks[i].rows[-1])
        for j in order[place + 1 :]:
            if blocks[j].upper > end:
                break
            yield i, j


def _joined(
    blocks: Sequence[_Block], belong: Callable[[_Block, _Block], bool]
) -> list[list[_Block]]:
    """Groups of blocks side by side that belong together, directly or through others."""
    group = list(range(len(blocks)))

    def root(n: int) -> int:
        while group[n] != n:
            group[n] = group[group[n]]
            n = group[n]
        return n

    for i, j in _near(blocks, 0):
        one, other = sorted((blocks[i], blocks[j]), key=lambda block: block.left)
        if root(i) != root(j) and belong(one, other):
            group[root(j)] = root(i)
    found: dict[int, list[_Block]] = {}
    for n, block in enumerate(blocks):
        found.setdefault(root(n), []).append(block)
    return list(found.values())


def _runs(cells: Sequence[_Block]) -> list[_Block]:
    """Pieces of one line, which the detector took apart at wide spaces, together."""

    def follow(one: _Block, other: _Block) -> bool:
        high, low = max(one.height, other.height), min(one.height, other.height)
        gap = other.left - one.right
        return _beside(one, other) and high <= LIKE_HEIGHT * low and -low < gap < WORD_GAP * low

    found = []
    for group in _joined([_block([[cell]]) for cell in cells], follow):
        row = [cell for block in group for cell in block.rows[0]]
        found.append(_block([sorted(row, key=lambda cell: cell.left)]))
    return found


def _beside(one: _Block, other: _Block) -> bool:
    """Whether two boxes are of one row."""
    shared = min(one.lower, other.lower) - max(one.upper, other.upper)
    return shared >= SAME_ROW * min(one.height, other.height)


def _below(one: _Block, other: _Block) -> bool:
    """Whether a block may go on in another."""
    end, start = _row_height(one.rows[-1]), _row_height(other.rows[0])
    if max(end, start) > LIKE_HEIGHT * min(end, start):
        return False
    gap = other.upper - one.lower
    shared = min(one.right, other.right) - max(one.left, other.left)
    return (
        -SAME_ROW * min(end, start) < gap < LINE_GAP * min(end, start)
        and other.middle > one.middle
        and shared > SAME_COLUMN * min(one.width, other.width)
    )


def _row_height(row: Sequence[_Block]) -> float:
    return median(cell.height for cell in row)


def _chains(blocks: Sequence[_Block]) -> list[_Block]:
    """Blocks of which each is the only one below the other, as one.

    A heading over two columns has two below it, and stays alone.
    """
    after: dict[int, list[int]] = {n: [] for n in range(len(blocks))}
    before: dict[int, list[int]] = {n: [] for n in range(len(blocks))}
    for i, j in _near(blocks, LINE_GAP):
        if _below(blocks[i], blocks[j]):
            after[i].append(j)
            before[j].append(i)
    found = []
    for start in range(len(blocks)):
        alone = len(before[start]) == 1 and len(after[before[start][0]]) == 1
        if alone:
            continue  # it is reached from the one above
        chain = [start]
        while len(after[chain[-1]]) == 1 and len(before[after[chain[-1]][0]]) == 1:
            chain.append(after[chain[-1]][0])
        rows = [row for n in chain for row in blocks[n].rows]
        found.append(_block(rows, is_table=any(blocks[n].is_table for n in chain)))
    return found


def _tables(blocks: Sequence[_Block]) -> list[_Block]:
    """Blocks side by side that are columns of a table, as one block of rows."""
    found = []
    for group in _joined(blocks, lambda one, other: _is_row_of(one, other, blocks)):
        if len(group) == 1:
            found.append(group[0])
            continue
        cells = [cell for block in group for row in block.rows for cell in row]
        found.append(_block(_rows(cells), is_table=True))
    return found


def _is_row_of(one: _Block, other: _Block, blocks: Sequence[_Block]) -> bool:
    """Whether two blocks, the first on the left, are columns of one table."""
    height = max(_row_height(one.rows[0]), _row_height(other.rows[0]))
    gap = other.left - one.right
    if not -0.5 * height < gap < ROW_GAP * height:
        return False
    pairs = _aligned(one, other)
    if not pairs:
        return False
    for between in blocks:
        inside = one.right <= between.left and between.right <= other.left
        if inside and _aligned(one, between) and _aligned(between, other):
            return False  # each belongs to the one between, or not
    if len(one.rows) == len(other.rows) == 1:
        return True
    if _is_prose(one) and _is_prose(other):
        return False
    shared = [
        sum(block.upper - 0.5 * height < _block([row]).middle < block.lower + 0.5 * height
            for row in rows)
        for rows, block in ((one.rows, other), (other.rows, one))
    ]  # fmt: skip
    return pairs >= 0.6 * min(shared)


def _aligned(one: _Block, other: _Block) -> int:
    """How many rows of one block stand beside a row of the other."""
    rows = [_block([row]) for row in other.rows]
    return sum(any(_beside(_block([row]), beside) for beside in rows) for row in one.rows)


def _is_prose(block: _Block) -> bool:
    """Whether a block is running text, rather than labels or values."""
    rows = [_row_text(row) for row in block.rows]
    signs = [sum(2 if _HAN_OR_KANA.match(c) else 1 for c in row if c.isalnum()) for row in rows]
    digits = sum(c.isdigit() for row in rows for c in row)
    labels = sum(row.rstrip().endswith((":", "：")) for row in rows)
    return (
        median(signs) >= PROSE_SIGNS
        and digits < PROSE_DIGITS * max(1, sum(signs))
        and 2 * labels < len(rows)
    )


def _rows(cells: Sequence[_Block]) -> list[list[_Block]]:
    """Cells of a table by row: small ones first, a large one goes where it overlaps most."""
    rows: list[list[_Block]] = []
    for cell in sorted(cells, key=lambda cell: cell.height):
        shares = [max(_shared(cell, other) for other in row) for row in rows]
        if shares and max(shares) >= SAME_ROW:
            best = max(range(len(rows)), key=lambda n: (shares[n], rows[n][0].lower))
            rows[best].append(cell)
        else:
            rows.append([cell])
    rows.sort(key=lambda row: median(cell.middle for cell in row))
    return [sorted(row, key=lambda cell: cell.left) for row in rows]


def _shared(one: _Block, other: _Block) -> float:
    shared = min(one.lower, other.lower) - max(one.upper, other.upper)
    return shared / max(1e-9, min(one.height, other.height))


def _ordered(blocks: Sequence[_Block]) -> list[_Block]:
    """Blocks in the order of reading."""
    blocks = sorted(blocks, key=lambda block: (block.upper, block.left))
    if len(blocks) > MOST_ORDERED:
        # Band by band, where nothing goes across; what is left of that many is no page.
        bands: list[list[_Block]] = [[]]
        lower = -math.inf
        for block in blocks:
            if block.upper > lower:
                bands.append([])
            bands[-1].append(block)
            lower = max(lower, block.lower)
        small = (_ordered(band) if len(band) <= MOST_ORDERED else band for band in bands)
        return [block for band in small for block in band]
    left, right = (np.array([getattr(b, name) for b in blocks]) for name in ("left", "right"))
    middle = np.array([block.middle for block in blocks])
    over = np.minimum.outer(right, right) > np.maximum.outer(left, left)
    above = np.less.outer(middle, middle)
    # [i, j, k]: whether k lies across, between i and j from above to below, and over both.
    between = above[:, None, :] & above.T[None, :, :]
    between |= above.T[:, None, :] & above[None, :, :]
    across = (between & over[:, None, :] & over[None, :, :]).any(2)
    before = np.where(over, above, np.less.outer(left, left) & ~across)
    ordered: list[int] = []
    waiting = np.ones(len(blocks), bool)
    while waiting.any():
        free = waiting & ~before[waiting].any(0)
        chosen = int(np.flatnonzero(free if free.any() else waiting)[0])
        waiting[chosen] = False
        ordered.append(chosen)
    return [blocks[n] for n in ordered]


def _passage(rows: Sequence[Sequence[_Block]], *, is_table: bool) -> Passage:
    texts = [" ".join(_row_text(row).split()) for row in rows]
    text = " ".join(texts)
    if not is_table:
        written = "\n".join(texts)
        text = " ".join(joined_lines(written, words_at_line_ends(written)).split())
    return Passage(text, tuple(cell.line for row in rows for cell in row if cell.line is not None))


def _portions(block: _Block) -> Iterator[Sequence[Sequence[_Block]]]:
    """The rows of a block, no more at a time than an encoder takes: whole sentences if possible."""
    rows = list(block.rows)
    while rows:
        size, heavy, end = 0, 0.0, 0
        for row in rows:
            text = _row_text(row)
            heavy += weight(text) + 1
            if size and heavy > SEGMENT_WEIGHT:
                break
            size += 1
            if _SENTENCE_END.search(text):
                end = size
        if size < len(rows) and 2 * end >= size:
            size = end
        yield rows[:size]
        rows = rows[size:]


def _row_text(row: Sequence[_Block]) -> str:
    text = row[0].line.text if row[0].line else ""
    for one, other in pairwise(row):
        said = other.line.text if other.line else ""
        is_near = other.left - one.right < WORD_GAP * min(one.height, other.height)
        text = _glued(text, said) if is_near else f"{text} {said}"
    return text


def _glued(text: str, more: str) -> str:
    """Two pieces of one line; Chinese has no space between its signs."""
    return f"{text} {more}" if text.endswith("-") else joined_lines(f"{text}\n{more}")
