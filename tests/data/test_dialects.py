"""Tables as spreadsheets of many countries write them: separators, decimal commas, encodings."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.data.dialects import SEPARATORS, dialect_of
from sensorium.data.tables import columns_of, read_good_rows, read_rows
from sensorium.errors import UsageError
from sensorium.tasks.rows.features import detect_target

ROWS = [{"note": "red, round", "grams": "1.5", "kind": "a"},
        {"note": "line\nbreak; | \t", "grams": "1234.25", "kind": "b"}]  # fmt: skip


def rows(table: Path) -> list[object]:
    return [row for _, row in read_rows(table)]


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("first", ["", "sep={}\r\n", '"sep={}"\n'])
@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_every_separator_and_encoding(
    tmp_path: Path, separator: str, encoding: str, first: str, suffix: str
) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, [*ROWS[0]], delimiter=separator)
    writer.writeheader()
    writer.writerows(ROWS)
    table = tmp_path / f"t.{suffix}"
    table.write_bytes((first.format(separator) + text.getvalue()).encode(encoding))
    assert columns_of(table) == ["note", "grams", "kind"]
    assert rows(table) == ROWS


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_decimal_commas(tmp_path: Path, separator: str) -> None:
    table = tmp_path / "t.csv"
    lines = [
        "name;grams;price;mixed;code", "a;12,34;1.234,50;1,5;007", "b;-0,5;7;x;1,25", "c;;12;2,5;3",
    ]  # fmt: skip
    table.write_text("\n".join(lines).replace(";", separator))
    assert rows(table) == [
        {"name": "a", "grams": "12.34", "price": "1234.50", "mixed": "1,5", "code": "007"},
        {"name": "b", "grams": "-0.5", "price": "7", "mixed": "x", "code": "1,25"},
        {"name": "c", "grams": "", "price": "12", "mixed": "2,5", "code": "3"},
    ]


@pytest.mark.parametrize(
    ("cells", "read"),
    [
        (["1,234", "2,500"], ["1,234", "2,500"]),  # thousands, or decimals? it stays what it is
        (["1,234", "0,125"], ["1.234", "0.125"]),  # no thousands begin with 0
        (["1,234", "2,5"], ["1.234", "2.5"]),
        (["1,234,567", "2,5"], ["1,234,567", "2,5"]),
        (["1.234", "2.500"], ["1.234", "2.500"]),
        (["1.234", "2,5"], ["1234", "2.5"]),
        (["12.5", "2,5"], ["12.5", "2,5"]),
    ],
)
def test_thousands_are_not_guessed(tmp_path: Path, cells: list[str], read: list[str]) -> None:
    table = tmp_path / "t.csv"
    table.write_text("x;y\n" + "".join(f"{cell};a\n" for cell in cells))
    assert [row["x"] for row in read_good_rows(table)[0]] == read


@pytest.mark.parametrize(
    ("cell", "read"),
    [
        ("1 234,50", "1234.50"),
        ("1\xa0234\xa0567,5", "1234567.5"),
        ("-1\u202f234,5", "-1234.5"),
        ("1'234,5", "1234.5"),
        ("\u221212,5", "-12.5"),
        (",5", ".5"),
        ("1,5E-03", "1.5E-03"),
    ],
)
def test_numbers_as_spreadsheets_write_them(tmp_path: Path, cell: str, read: str) -> None:
    table = tmp_path / "t.csv"
    table.write_text(f"x;y\n0,25;a\n{cell};b\n", encoding="utf-8")
    assert [row["x"] for row in read_good_rows(table)[0]] == ["0.25", read]


@pytest.mark.parametrize("cell", ["-", ",", "1.234 567,5", "12 34,5", "E5", "1,5,5", "1 234 €"])
def test_what_is_no_number_keeps_its_column(tmp_path: Path, cell: str) -> None:
    table = tmp_path / "t.csv"
    table.write_text(f"x;y\n0,25;a\n{cell};b\n", encoding="utf-8")
    assert [row["x"] for row in read_good_rows(table)[0]] == ["0,25", cell]


def test_columns_of_the_same_name_are_all_kept(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("path,caption, caption\nx.jpg,dog,Hund\n")
    assert rows(table) == [{"path": "x.jpg", "caption": "dog", "caption.1": "Hund"}]


def test_spaces_before_quotes(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text('path, caption\nx.jpg, "a dog, a cat"\n')
    assert rows(table) == [{"path": "x.jpg", "caption": "a dog, a cat"}]


@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_a_quote_that_is_not_closed_swallows_no_rows(tmp_path: Path, suffix: str) -> None:
    table = tmp_path / f"t.{suffix}"
    separator = "," if suffix == "csv" else "\t"
    table.write_text('\npath,caption\na,dog\nb,"cat\nc,cow\n'.replace(",", separator))
    with pytest.raises(UsageError, match=rf"t\.{suffix}:4: a quote in this row is not closed"):
        read_good_rows(table)
    table.write_text('path,caption\na,"dog"'.replace(",", separator))
    assert rows(table) == [{"path": "a", "caption": "dog"}]


def test_a_comma_table_keeps_its_commas(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text('a;b,c\n1;2,"1,5"\n')
    assert rows(table) == [{"a;b": "1;2", "c": "1,5"}]


@pytest.mark.parametrize(
    ("suffix", "text", "columns"),
    [
        ("csv", "a,b;c\n1,2;3\n", ["a", "b;c"]),  # as many by either: the usual one
        ("csv", "id;name, first\n1;Anna\n2;Bo\n", ["id", "name, first"]),
        ("csv", 'id;"name; first";x\n1;a;b\n', ["id", "name; first", "x"]),
        ("csv", "only\na;b\n", ["only"]),
        ("csv", "a|b\nplain\nplain\n", ["a|b"]),
        ("tsv", "Name, first\nAnna\n", ["Name, first"]),
        ("tsv", "a;b\n1;2\n", ["a", "b"]),
        ("csv", "a;b\n", ["a", "b"]),
        ("csv", "sep=#\na#b,c\n", ["a", "b,c"]),
        ("csv", "", []),
        ("csv", "\n\na;b\n1;2\n", ["a", "b"]),
        ("csv", "sep=;\n\na;b\n1;2\n", ["a", "b"]),
        ("csv", 'a; b\n1; "2; 3"\n', ["a", "b"]),
        ("csv", "a,b, b ,b.1\n1,2,3,4\n", ["a", "b", "b.1", "b.1.1"]),
    ],
)
def test_what_separates(tmp_path: Path, suffix: str, text: str, columns: list[str]) -> None:
    table = tmp_path / f"t.{suffix}"
    table.write_text(text)
    assert columns_of(table) == columns


def test_errors_name_the_separator_and_the_line(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("sep=;\na;b\n1;2;3\n4;5\n")
    good, (bad,) = read_good_rows(table)
    assert good == [{"a": "4", "b": "5"}]
    assert (bad.path, bad.reason) == (
        "t.csv:3", "row has more fields than the header: put texts with semicolons in quotes"
    )  # fmt: skip
    table.write_text("a;b;c\n1,2,3\n")
    with pytest.raises(
        UsageError, match=r"holds no row; .*'a;b;c' is read as one column, since co"
    ):
        read_good_rows(table)


def test_a_target_of_decimal_commas(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("note;y\n" + "".join(f"n{n};{n},{n % 7}5\n" for n in range(80)))
    good, _ = read_good_rows(table)
    assert detect_target("y", good) == "number"
    table.write_text("note,y\n" + "".join(f'n{n},"{n},{n % 7}5"\n' for n in range(80)))
    with pytest.raises(UsageError, match=r"target 'y' holds '0,05', which may be a decimal comma"):
        detect_target("y", read_good_rows(table)[0])
    assert detect_target("y", [{"y": "1,2"}, {"y": "1,2"}, {"y": "1,3"}, {"y": "1,3"}] * 3)


CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff"))
NAMES = st.lists(st.text("abcXY _-;,|", min_size=1).filter(str.strip), min_size=2, unique=True)


@settings(max_examples=100, deadline=None)
@given(names=NAMES, data=st.data(), separator=st.sampled_from([*SEPARATORS]))
def test_what_csv_writes_is_read_back(
    names: list[str], data: st.DataObject, separator: str
) -> None:
    """The header in quotes, where the separator stands outside of them alone."""
    table = data.draw(
        st.lists(st.lists(CELLS, min_size=len(names), max_size=len(names)), max_size=4)
    )
    text = io.StringIO()
    csv.writer(text, delimiter=separator, quoting=csv.QUOTE_ALL).writerows([names, *table])
    found = dialect_of(text.getvalue().splitlines(keepends=True), ",")
    assert found.separator == separator
