from __future__ import annotations

from pathlib import Path

import pytest

from sensorium.data.examples import Examples
from sensorium.data.pairs import read_text_pairs
from sensorium.errors import UsageError


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def right(pairs: Examples) -> dict[str, list[str]]:
    return dict(zip(pairs.names, pairs.texts, strict=True))


def test_the_first_two_columns_are_text_and_translation(tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", 'en,de,note\na dog,ein Hund,x\n"a, b","a, b",\n')
    assert right(read_text_pairs(table)) == {"a dog": ["ein Hund"], "a, b": ["a, b"]}


def test_columns_can_be_named_in_any_table(tmp_path: Path) -> None:
    table = write(tmp_path / "t.tsv", "id\tde\ten\n1\tein Hund\ta dog\n2\tder Hund\ta dog\n")
    found = read_text_pairs(table, "en", "de")
    assert right(found) == {"a dog": ["ein Hund", "der Hund"]}
    lines = '{"en": "a dog", "de": ["ein Hund", "der Hund", "ein Hund"]}\n{"en": "b", "de": "c"}\n'
    table = write(tmp_path / "t.jsonl", lines)
    assert right(read_text_pairs(table)) == {"a dog": ["ein Hund", "der Hund"], "b": ["c"]}


def test_rows_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", "en,de\na dog,ein Hund\n,nichts\nnothing,\na,b,c\n")
    found = read_text_pairs(table)
    assert right(found) == {"a dog": ["ein Hund"]}
    assert [(one.path, one.reason.split(":")[0]) for one in found.skipped] == [
        ("t.csv:3", "row has no en"),
        ("t.csv:4", "row has no de"),
        ("t.csv:5", "row has more fields than the header"),
    ]


@pytest.mark.parametrize(
    ("name", "text", "columns", "message"),
    [
        ("t.csv", "en\na\n", (None, None), "needs a column of texts and one of"),
        ("t.csv", "en,de\na,b\n", ("fr", None), "has no column 'fr'; it has en, de"),
        ("t.csv", "en,de\na,b\n", ("en", "en"), "are both of the column 'en'"),
        ("t.csv", "en,de\n,\n", (None, None), "no row has a text"),
        ("t.txt", "a b\n", (None, None), "is no table"),
    ],
)
def test_tables_of_something_else_are_refused(
    tmp_path: Path, name: str, text: str, columns: tuple[str | None, str | None], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        read_text_pairs(write(tmp_path / name, text), *columns)
