"""The plots of a report, as PNG files: recall curves, confusion matrix, worst samples.

Figures are made without pyplot, so no backend is chosen and no state left behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageDraw

from sensorium.errors import MediaError, MissingExtraError
from sensorium.evaluation.result import TITLES, Measurement, Result
from sensorium.media import Image
from sensorium.media.lettering import Face, faces_for, text_width, writable, write_line

try:
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontEntry, FontProperties, fontManager
    from matplotlib.patheffects import withStroke
    from matplotlib.text import Text
    from matplotlib.ticker import PercentFormatter
except ModuleNotFoundError as error:
    raise MissingExtraError("matplotlib", "evaluate") from error

DPI = 150

CURVE_TO = 100
"""Hits that a recall curve goes to."""

MAX_CLASSES = 50
"""Classes that a confusion matrix is readable for; of more, `MOST_CONFUSED` are shown."""

MOST_CONFUSED = 30

COUNTED_CLASSES = 30
"""Classes up to which the cells have room for their counts."""

TILE = 168  # pixels of a picture's longer side on the sheet of worst samples
GAP = 14
TEXT = 15
LINE = 20
TITLE = 22
MARGIN = 8  # between words and the edge of their box
TEXT_LINES = (TILE - 2 * MARGIN) // LINE


def plot_recall(result: Result, path: Path) -> None:
    """Draw, for each measurement, the share of queries with a right answer in the first k."""
    figure = Figure(figsize=(6.4, 4), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    longest = 1
    for name, found in result.measurements.items():
        ranks = np.array([sample["rank"] for sample in found.samples])
        depth = min(CURVE_TO, max(10, int(ranks.max())))
        longest = max(longest, depth)
        k = np.arange(1, depth + 1)
        shares = (ranks[:, None] <= k).mean(axis=0)
        label = f"{TITLES[name]} ({len(ranks):,} {'queries' if len(ranks) != 1 else 'query'})"
        axes.plot(k, shares, linewidth=2, label=label)
    axes.set_xscale("log")
    ticks = [k for k in (1, 2, 5, 10, 20, 50, 100) if k <= longest]
    axes.set_xticks(ticks, [str(k) for k in ticks])
    axes.minorticks_off()
    axes.set_xlim(1, longest)
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel("first k hits")
    axes.set_ylabel("queries with a right answer among them")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", frameon=False)
    _save(figure, path)


def plot_confusion(found: Measurement, path: Path) -> None:
    """Draw which classes were taken for which; of very many classes the most confused."""
    assert found.confusion is not None
    counts = np.array(found.confusion["counts"])
    names = [labels[0] for labels in found.confusion["labels"]]
    shown = np.arange(len(names))
    title = ""
    if len(names) > MAX_CLASSES:
        shown = _most_confused(counts)
        title = f"The {len(shown)} most confused of {len(names)} classes"
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    n = len(shown)
    side = max(3.0, 0.3 * n)
    figure = Figure(figsize=(side + 2.6, side + 2.2), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(shares[np.ix_(shown, shown)], cmap="Blues", vmin=0, vmax=1)
    labels = [writable(_cut(names[number])) for number in shown]
    totals = counts.sum(axis=1)[shown]
    rows = [f"{label} ({total})" for label, total in zip(labels, totals, strict=True)]
    axes.set_xticks(range(n), labels, rotation=90, fontsize=9)
    axes.set_yticks(range(n), rows, fontsize=9)
    for text in [*axes.get_xticklabels(), *axes.get_yticklabels()]:
        _use_fonts(text)
    axes.set_xlabel("taken for")
    axes.set_ylabel("right class (pictures)")
    axes.set_title(title, fontsize=11)
    axes.set_xticks(np.arange(n + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(n + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="whitesmoke", linewidth=0.8)
    axes.tick_params(which="both", length=0)
    if n <= COUNTED_CLASSES:
        for row, right in enumerate(shown):
            for column, taken in enumerate(shown):
                if counts[right, taken]:
                    dark = shares[right, taken] > 0.5
                    axes.text(
                        column, row, str(counts[right, taken]), ha="center", va="center",
                        fontsize=8, color="white" if dark else "black",
                    )  # fmt: skip
    else:
        bar = figure.colorbar(image, ax=axes, shrink=3 / side, format=PercentFormatter(1))
        bar.set_label("share of the class's pictures")
    _save(figure, path)


def _most_confused(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
    """The classes of the most frequent confusions, in their own order."""
    mistakes = counts - np.diag(np.diag(counts))
    chosen: dict[int, None] = {}
    for cell in np.argsort(-mistakes, axis=None, kind="stable"):
        row, column = divmod(int(cell), len(counts))
        if not mistakes[row, column] or len({*chosen, row, column}) > MOST_CONFUSED:
            break
        chosen |= {row: None, column: None}
    return np.array(sorted(chosen) or range(MOST_CONFUSED), np.intp)


def draw_worst_queries(result: Result, name: str, path: Path) -> None:
    """Draw the queries whose right answer came last: question, right answer, first hits."""
    found = result.measurements[name]
    columns = 2 + max(len(worst["hits"]) for worst in found.worst)
    width = columns * (TILE + GAP) + 3 * GAP
    row_height = TILE + 2 * LINE + GAP
    top = TITLE + LINE + 3 * GAP
    sheet = PIL.Image.new("RGB", (width, top + len(found.worst) * row_height), "white")
    draw = PIL.ImageDraw.Draw(sheet)
    title = f"The {len(found.worst)} worst of {len(found.samples):,} queries, {TITLES[name]}"
    write_line(draw, (GAP, GAP), title, TITLE, width - 2 * GAP, "black")
    # The hits stand a little apart from question and answer.
    lefts = [GAP + column * (TILE + GAP) + (GAP if column > 1 else 0) for column in range(columns)]
    heads = ["asked", "right answer", *(f"hit {n}" for n in range(1, columns - 1))]
    for left, head in zip(lefts, heads, strict=True):
        write_line(draw, (left, TITLE + 2 * GAP), head, TEXT, TILE, "dimgrey")
    for number, worst in enumerate(found.worst):
        upper = top + number * row_height
        draw.line((GAP, upper - GAP // 2, width - GAP, upper - GAP // 2), fill="lightgrey")
        sample = found.samples[worst["sample"]]
        for left, cell in zip(lefts, [sample, worst["right"], *worst["hits"]], strict=False):
            _draw_cell(sheet, draw, result, cell, (left, upper))
        below = upper + TILE + 4
        rank = "not found" if sample.get("missed") else f"at rank {sample['rank']:,}"
        write_line(draw, (lefts[1], below), rank, TEXT, TILE, "firebrick")
        if sample["answers"] > 1:
            more = f"best of {sample['answers']:,} right answers"
            write_line(draw, (lefts[1], below + LINE), more, TEXT, TILE, "dimgrey")
    sheet.save(path)


def draw_worst_pictures(result: Result, name: str, path: Path) -> None:
    """Draw the pictures that were most surely taken for a wrong class."""
    found = result.measurements[name]
    columns = min(4, len(found.worst))
    cell_width, cell_height = TILE + 3 * GAP, TILE + 2 * LINE + 2 * GAP
    width = max(columns * cell_width + GAP, 480)
    top = TITLE + 3 * GAP
    rows = -(-len(found.worst) // columns)
    sheet = PIL.Image.new("RGB", (width, top + rows * cell_height), "white")
    draw = PIL.ImageDraw.Draw(sheet)
    title = f"The surest of {sum(s['label'] != s['predicted'] for s in found.samples):,} mistakes"
    write_line(draw, (GAP, GAP), title, TITLE, width - 2 * GAP, "black")
    for number, worst in enumerate(found.worst):
        left = GAP + number % columns * cell_width
        upper = top + number // columns * cell_height
        _draw_cell(sheet, draw, result, found.samples[worst["sample"]], (left, upper))
        room = cell_width - GAP
        for n, (text, color) in enumerate(
            ((f"taken for {worst['hits'][0]['text']}", "firebrick"),
             (f"right: {worst['right']['text']}", "black"))
        ):  # fmt: skip
            write_line(draw, (left, upper + TILE + 4 + n * LINE), text, TEXT, room, color)
    sheet.save(path)


def _draw_cell(
    sheet: PIL.Image.Image,
    draw: PIL.ImageDraw.ImageDraw,
    result: Result,
    cell: dict[str, Any],
    where: tuple[int, int],
) -> None:
    """Put a picture, or words, or what is left of a picture that is gone, into a square."""
    if "picture" not in cell:
        draw.rectangle((*where, where[0] + TILE, where[1] + TILE), fill="whitesmoke")
        lines = _wrapped(cell["text"], TILE - 2 * MARGIN, TEXT_LINES)
        upper = where[1] + (TILE - len(lines) * LINE) // 2
        for n, line in enumerate(lines):
            write_line(draw, (where[0] + MARGIN, upper + n * LINE), line, TEXT, TILE, "black")
        return
    try:
        picture = Image(result.picture(cell["picture"])).load(min_side=TILE)
    except MediaError:
        picture = PIL.Image.new("RGB", (TILE, TILE), "lightgrey")
    picture.thumbnail((TILE, TILE), PIL.Image.Resampling.LANCZOS)
    # On the bottom line, where what is said of it stands right below.
    corner = (where[0] + (TILE - picture.width) // 2, where[1] + TILE - picture.height)
    sheet.paste(picture, corner)


def _wrapped(text: str, width: int, lines: int) -> Sequence[str]:
    """Break a text into lines at spaces, and anywhere in scripts without them."""
    text = writable(text)
    rows = [""]
    for word in text.split():
        separator = " " if rows[-1] else ""
        if text_width(rows[-1] + separator + word, TEXT) <= width:
            rows[-1] += separator + word
            continue
        if rows[-1]:
            rows.append("")
        for character in word:
            if rows[-1] and text_width(rows[-1] + character, TEXT) > width:
                rows.append("")
            rows[-1] += character
        if len(rows) > lines:
            return [*rows[: lines - 1], rows[lines - 1][:-3] + "..."]
    return rows


def _use_fonts(text: Text) -> None:
    """Give a label fonts that have its characters, beside Matplotlib's own."""
    faces = [face for face in faces_for(text.get_text()) if face.path]
    if not faces:
        return
    # Matplotlib cannot set the weight: all letters are written thin, and drawn around.
    thin = [_family(face) for face in faces if face.is_thin]
    others = [_family(face) for face in faces if not face.is_thin]
    families = [*thin, "DejaVu Sans", *others]
    text.set_fontproperties(FontProperties(family=families, size=text.get_fontsize()))
    if thin:
        text.set_path_effects([withStroke(linewidth=0.3, foreground=text.get_color())])


@cache
def _family(face: Face) -> str:
    """Make a font known to Matplotlib, under a name that no other has."""
    name = f"{face.path} {face.index}"
    entry = FontEntry(
        fname=face.path, index=face.index, name=name, style="normal", variant="normal",
        weight=400, stretch="normal", size="scalable",
    )  # fmt: skip
    fontManager.ttflist.append(entry)
    return name


def _cut(name: str, length: int = 28) -> str:
    return name if len(name) <= length else name[: length - 1] + "…"


def _save(figure: Figure, path: Path) -> None:
    # Without the version of Matplotlib, equal plots are equal files.
    figure.savefig(path, metadata={"Software": None})
