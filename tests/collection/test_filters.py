"""``where=``: what it finds, and that it can do nothing but read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sensorium import Collection
from sensorium.collection import filters
from sensorium.errors import UsageError
from tests.collection.pictures import check_vectors, write, write_many

ON_BOTH_STORES = True

PEOPLE = [
    {"name": "Ann", "age": 30, "code": "007", "city": "Zürich", "tags": ["x", "y"]},
    {"name": "ben", "age": 4.5, "code": "8", "city": "北京"},
    {"name": "O'Hara", "age": 100, "code": "9", "city": None},
    {"name": 'say "hi"', "age": "old"},
]


@pytest.fixture
def people(collection: Collection, folder: Path) -> Collection:
    files = write_many(folder, range(len(PEOPLE)))
    lines = [
        json.dumps({"path": file.name, **person})
        for file, person in zip(files, PEOPLE, strict=True)
    ]
    (folder / "m.jsonl").write_text("\n".join(lines))
    assert collection.add(folder / "m.jsonl").added == len(PEOPLE)
    return collection


def ids(collection: Collection, where: str, modality: str | None = None) -> list[int]:
    """Ids by search; delete and classify take the same expressions."""
    return sorted(hit.id for hit in collection.search("dog", where=where, modality=modality))


def test_ids_of_items(people: Collection) -> None:
    assert people.ids().tolist() == [item.id for item in people.items()] == [1, 2, 3, 4]
    assert people.ids("age > 29").tolist() == [item.id for item in people.items("age > 29")]
    assert [item.id for item in people.items(ids=people.ids()[1:3])] == [2, 3]
    people.delete(2)
    assert people.ids().tolist() == [1, 3, 4]
    with pytest.raises(UsageError, match="unbalanced"):
        people.ids("((")


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("1", [1, 2, 3, 4]),
        ("0", []),
        ("NULL", []),
        ("name = 'Ann'", [1]),
        ("name = 'O''Hara'", [3]),
        ("name = 'say \"hi\"'", [4]),
        ("name LIKE 'a%'", [1]),
        ("lower(name) = 'ben'", [2]),
        ("NAME = 'Ann' AND \"Age\" > 29", [1]),
        ("age > 29", [1, 3, 4]),  # SQLite: every text is greater than every number
        ("typeof(age) != 'text' AND age > 29", [1, 3]),
        ("age BETWEEN 4 AND 5", [2]),
        ("code = '007'", [1]),
        ("code = 7", []),
        ("city IS NULL", [3, 4]),
        ("city = 'Zürich' OR city = '北京'", [1, 2]),
        ("name IN ('Ann', 'ben')", [1, 2]),
        ("(name = 'Ann') OR (name = 'ben')", [1, 2]),
        ("name = ')(' OR name = 'Ann'", [1]),
        ("name = 'Ann' -- a comment (", [1]),
        ("name = 'Ann' /* a ( comment */", [1]),
        ("name = 'Ann' -- it's", [1]),
        ("width = 8 AND height = 8", [1, 2, 3, 4]),
        ("path LIKE '%/0002.png'", [3]),
        ("modality = 'image' AND size > 0 AND modified > '2000' AND added > 0", [1, 2, 3, 4]),
        ("id = 2", [2]),
        ("metadata ->> '$.tags[0]' = 'x'", [1]),
        ("tags LIKE '%\"y\"%'", [1]),
        ("id = (SELECT max(1, 2))", [2]),
        ("age = (SELECT 30)", [1]),
        ("[age] = 30 OR `name` = 'ben'", [1, 2]),
    ],
)
def test_expressions(people: Collection, where: str, expected: list[int]) -> None:
    assert ids(people, where) == expected


def test_modality(people: Collection) -> None:
    assert ids(people, "age = 30", modality="image") == [1]
    assert ids(people, "age = 30", modality="audio") == []
    with pytest.raises(UsageError, match="unbalanced parentheses"):
        ids(people, "1) OR (1", modality="audio")


FORBIDDEN = [
    "(SELECT count(*) FROM sqlite_master)",
    "id IN (SELECT id FROM segments)",
    "EXISTS (SELECT 1 FROM meta)",
    "(SELECT value FROM meta)",
    "EXISTS (SELECT 1 FROM pragma_table_info('items'))",
    "EXISTS (SELECT 1 FROM json_each('[1]'))",
    "EXISTS (SELECT 1 FROM sqlite_schema)",
    "randomblob(10) IS NOT NULL",
    "random() > 0",
    "zeroblob(1000000000) IS NOT NULL",
    "load_extension('x') IS NULL",
    "sqlite_version() > '3'",
    "readfile('/etc/passwd') IS NULL",
    "instr(name, 'A')",
    "id IN (WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n)",
    "(SELECT group_concat(path) FROM items) IS NOT NULL",
    "last_insert_rowid() = 0",
    "fts5('x')",
]

MALFORMED = [
    "", "   ", ";", "1;", "1; DELETE FROM items", "1; ATTACH 'x' AS y", "PRAGMA journal_mode",
    "DELETE FROM items", "id =", "(1", "1)", "1) OR (1", "1) UNION SELECT (5",
    "1 ORDER BY id", "1 LIMIT 1", "1 /* (", "name = 'open", 'name = "open', "?", ":a = 1",
    "?1 = 'image'", "name = 'Ann' name", "-- nothing", "id = 1 UNION SELECT 2", "nul\0byte = 1",
    "name = '\ud800'", "(((((" * 500 + "1" + ")))))" * 500,
    "1) UNION SELECT path FROM items WHERE (1",
]  # fmt: skip


def written(place: Path) -> list[bytes]:
    """What is in the file of a collection, or in the files of one in Lance."""
    files = [place] if place.is_file() else sorted(p for p in place.rglob("*") if p.is_file())
    return [file.read_bytes() for file in files]


@pytest.mark.parametrize("where", FORBIDDEN + MALFORMED)
def test_nothing_but_reading_items(people: Collection, where: str) -> None:
    before = written(people.path)
    with pytest.raises(UsageError, match="where=") as caught:
        people.search("dog", where=where)
    if where in FORBIDDEN:
        message = str(caught.value)
        reasons = ("only reading items is allowed", "no such", "vtable constructor failed")
        assert any(reason in message for reason in reasons)
    with pytest.raises(UsageError, match="where="):
        people.delete(where=where)
    with pytest.raises(UsageError, match="where="):
        people.classify(["dog", "cat"], where=where)
    assert len(people) == len(PEOPLE)
    assert written(people.path) == before


@pytest.mark.parametrize("name", ["nmae", '"nmae"', "[nmae]", "`nmae`", '"Zürich"', "ITEM_id"])
def test_an_unknown_column_names_the_known(people: Collection, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        people.search("dog", where=f"{name} = 'Ann'")
    message = str(caught.value)
    assert "no such column" in message
    assert name.strip('"[]`') in message
    assert "age, city, code, height, name, tags, width" in message
    assert "'single quotes'" in message


NAMES = [
    "camera model", "ключ", "深さ", "🐶", "a.b", "a[0]", "it's", "x-y", "1st", "select", "$x",
    "back\\slash", "new\nline", "tab\t", "%s", "{x}", "a--b", "/*", "group", "ß", "()",
]  # fmt: skip


def test_names_of_every_kind(collection: Collection, folder: Path) -> None:
    for seed, name in enumerate(NAMES):
        collection.add(write(folder / f"{seed:02}.png", seed), metadata={name: f"value {seed}"})
    for seed, name in enumerate(NAMES):
        assert ids(collection, f"\"{name}\" = 'value {seed}'") == [seed + 1], name
        assert ids(collection, f'"{name}" IS NOT NULL') == [seed + 1], name
    assert ids(collection, "🐶 = 'value 3' OR 深さ = 'value 2' OR ß = 'value 19'") == [3, 4, 20]


def test_spellings_of_one_name(collection: Collection, folder: Path) -> None:
    """SQL does not tell "Year" from "year": both are found; beyond ASCII they are two names."""
    files = write_many(folder, range(4))
    for file, name in zip(files, ["Year", "year", "Ä", "ä"], strict=True):
        collection.add(file, metadata={name: 2001})
    assert ids(collection, "year = 2001") == ids(collection, '"YEAR" = 2001') == [1, 2]
    assert ids(collection, "Ä = 2001") == [3]
    assert ids(collection, "ä = 2001") == [4]


def test_names_that_columns_have_already(collection: Collection, folder: Path) -> None:
    file = write(folder / "a.png", 1)
    collection.add(file, metadata={"size": "XL", "Path": "mine", "": "empty", 'a"b': 1})
    assert ids(collection, f"size = {file.stat().st_size}") == [1]
    assert ids(collection, "path = 'mine'") == []
    assert ids(collection, "metadata ->> 'size' = 'XL' AND metadata ->> '$.Path' = 'mine'") == [1]


def test_a_user_overrules_what_the_file_says(collection: Collection, folder: Path) -> None:
    collection.add(write(folder / "a.png", 1), metadata={"width": 99})
    assert ids(collection, "width = 99") == [1]
    assert ids(collection, "width = 8") == []


def test_long_patterns(people: Collection) -> None:
    with pytest.raises(UsageError, match="too complex"):
        people.search("dog", where=f"name LIKE '{'%a' * 5_000}'")
    assert ids(people, f"name = '{'a' * 100_000}'") == []


def test_long_values(people: Collection, folder: Path) -> None:
    people.add(folder / "0000.png", metadata={"text": "word " * 300_000})
    assert ids(people, "text LIKE '%word %'") == [1]
    with pytest.raises(UsageError, match="too big"):
        people.search("dog", where=f"(SELECT {'x || ' * 16}x FROM (SELECT text AS x)) = ''")


def test_time_limit(people: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "MAX_SECONDS", 0.05)
    tables = ", ".join(f"items AS t{n}" for n in range(24))  # 4 ** 24 combinations
    with pytest.raises(UsageError, match="took longer than"):
        people.search("dog", where=f"EXISTS (SELECT 1 FROM {tables} WHERE t1.size < 0)")
    assert ids(people, "age = 30") == [1]


def test_delete_where(people: Collection, folder: Path, encoder: object) -> None:
    assert people.delete(where="age = 30 OR age = 100") == 2
    assert people.delete(where="age = 30") == 0
    assert ids(people, "1") == [2, 4]
    assert people.delete(4, where="id = 4 OR name = 'ben'") == 2
    check_vectors(people, people.encoder, {})


def test_odd_paths_of_collections(tmp_path: Path, tiny: Path, folder: Path) -> None:
    for name in ("a?mode=rwc", "a#b", "100%25", "sp ace", "你好", "quo'te\""):
        with Collection(tmp_path / "odd" / name, tiny) as collection:
            collection.add(write(folder / "a.png", 1))
            assert ids(collection, "width = 8") == [1]
    assert len(list((tmp_path / "odd").iterdir())) == 6


def test_no_kind_of_media_is_told(collection: Collection) -> None:
    with pytest.raises(UsageError, match="modality is 'smell'; it is one of text, image"):
        collection.search("a cat", modality="smell")
