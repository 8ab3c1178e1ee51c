"""How a table of text is written: what stands between its cells, and how it writes decimals.

Spreadsheets write what their language is used to: semicolons between cells and commas in numbers
in much of Europe, UTF-16 with tabs as "Unicode text", a first line ``sep=;`` for themselves.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}
"""What may stand between cells, and what it is called; in the order that wins among equals."""

MAX_FIELD = 16 * 1024 * 1024
"""Characters in one CSV field; the csv module's own limit of 131,072 is below a long document."""

SAMPLE_LINES = 64
"""Lines from the beginning by which separators are compared, where the header has several."""

LEAST_FIT = 0.5
"""Share of the rows that must have as many cells as the header by a separator that is not usual."""

_SAID = re.compile(r'"?sep=([^"\r\n])"?\s*', re.IGNORECASE)
"""The first line by which Excel is told the separator; it is no row."""

_POINTS = re.compile(
    r"[+\-\u2212]?(?=,?[0-9])"
    r"(0|[1-9][0-9]*|[1-9][0-9]{0,2}([.'\u2019 \xa0\u202f\u2009])[0-9]{3}(\2[0-9]{3})*)?"
    r"(,[0-9]+)?([eE][+\-]?[0-9]+)?"
)
"""Numbers with a decimal comma, and dots, spaces or apostrophes between thousands: "7", "12,34",
"1.234,5", "1 234,5", ",5", "1,5E-03"."""

_AS_WITH_POINT = str.maketrans(
    {",": ".", "\u2212": "-", **dict.fromkeys(".'\u2019 \xa0\u202f\u2009", "")}
)

_GROUPED = re.compile(r"[+-]?[1-9][0-9]{0,2}(,[0-9]{3})+")
"""What may be thousands as well: "1,234" is 1234 in English and 1.234 in German."""


@dataclass(frozen=True)
class Dialect:
    """How a table is written.

    Attributes
    ----------
    separator : str
        What stands between cells.
    is_said : bool
        Whether the first line says so (``sep=;``) and is no row.
    """

    separator: str
    is_said: bool = False

    @property
    def name(self) -> str:
        """What the separator is called: "semicolons"."""
        return SEPARATORS.get(self.separator, repr(self.separator))


def dialect_of(lines: Iterable[str], usual: str) -> Dialect:
    """Find out what separates the cells of a table.

    The header decides: a separator that it does not hold outside of quotes is none. Of several, the
    one counts by which most of the rows that follow have as many cells as the header.

    Parameters
    ----------
    lines : iterable of str
        From the beginning; `SAMPLE_LINES` are read.
    usual : str
        The separator of tables of this suffix; it stays where nothing speaks for another.
    """
    sample = list(islice(lines, SAMPLE_LINES))
    if sample and (said := _SAID.fullmatch(sample[0])):
        return Dialect(said[1], is_said=True)
    best, best_fit = usual, (0.0, 0)
    for separator in (usual, *(one for one in SEPARATORS if one != usual)):
        fit = _fit(sample, separator)
        if fit > best_fit and (separator == usual or fit[0] >= LEAST_FIT):
            best, best_fit = separator, fit
    return Dialect(best)


def _fit(sample: Sequence[str], separator: str) -> tuple[float, int]:
    """The share of rows with as many cells as the header, and how many that are; 0 for one cell."""
    rows = [row for row in _rows(sample, separator) if row]
    # Strictly, a quote that closes is followed by a separator: `"a;b","c"` is not split at ";".
    header = next(filter(None, _rows(sample, separator, strict=True)), [])
    if not rows or len(header) < 2 or header != rows[0]:
        return 0.0, 0
    if len(sample) == SAMPLE_LINES and len(rows) > 2:
        rows.pop()  # it may go on beyond the sample
    alike = [len(row) == len(rows[0]) for row in rows[1:]]
    return sum(alike) / len(alike) if alike else 1.0, len(rows[0])


def _rows(lines: Iterable[str], separator: str, *, strict: bool = False) -> Iterator[list[str]]:
    try:
        yield from csv.reader(
            lines, delimiter=separator, strict=strict, skipinitialspace=separator != " "
        )
    except csv.Error:  # of what is read on by a wrong separator; the right one says so later
        return


def decimal_columns(rows: Iterable[Sequence[str]], width: int) -> set[int]:
    """The columns of a table, not separated by commas, that hold numbers with decimal commas.

    All that is in such a column is a number, and one at least has a comma. What could be thousands
    in English ("1,234") counts only where another number of the table cannot be ("12,34").

    Parameters
    ----------
    rows : iterable of sequences of str
        Without the header.
    width : int
        Cells of the header.
    """
    possible = set(range(width))
    with_comma: set[int] = set()
    sure: set[int] = set()
    for row in rows:
        for n in [n for n in possible if n < len(row)]:
            cell = row[n].strip()
            if cell and not _POINTS.fullmatch(cell):
                possible.discard(n)
            elif "," in cell:
                with_comma.add(n)
                if not _GROUPED.fullmatch(cell):
                    sure.add(n)
    return possible & with_comma if possible & sure else set()


def with_point(cell: str) -> str:
    """A number of a column with decimal commas, written with a decimal point."""
    return cell.strip().translate(_AS_WITH_POINT)
