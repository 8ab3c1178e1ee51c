"""Searching by words: names, captions and other texts, in any script."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensorium import Collection
from sensorium.collection import sqlite
from sensorium.collection.checking import check
from sensorium.collection.schema import SCHEMA_VERSION
from sensorium.collection.sqlite_store import SQLiteStore
from sensorium.collection.words.full_text import FORMER, describe
from sensorium.collection.words.query import match_expression
from sensorium.encoders import Encoder
from sensorium.errors import CollectionError, UsageError
from sensorium.media import Image
from tests.collection.pictures import png

CAPTIONS = {
    "IMG_0001.png": "A windmill in the evening",
    "red_bird2.png": "",
    "blueCar.png": "",
    "DSC_0004.png": "湖边的风车",
    "DSC_0005.png": "一只猫在桌子上",
    "DSC_0006.png": "Café in Zürich, dogs sleeping",
    "DSC_0007.png": "東京タワーの夜",
}


@pytest.fixture
def library(tmp_path: Path, encoder: Encoder) -> Collection:
    collection = Collection(tmp_path / "words.sensorium", encoder)
    for number, (name, caption) in enumerate(CAPTIONS.items()):
        path = tmp_path / name
        path.write_bytes(png(number))
        collection.add(path, metadata={"caption": caption} if caption else None)
    return collection


def names(library: Collection, query: str, **options: object) -> list[str]:
    hits = library.search(query, mode="words", **options)  # type: ignore[arg-type]
    return [Path(hit.path).name for hit in hits]


@pytest.mark.parametrize(
    ("query", "answers"),
    [
        ("windmill", ["IMG_0001.png"]),
        ("the windmills", ["IMG_0001.png"]),  # stems; function words alone find nothing more
        ("red bird", ["red_bird2.png"]),
        ("car", ["blueCar.png"]),
        ("风车", ["DSC_0004.png"]),
        ("一只猫", ["DSC_0005.png"]),
        ("猫", ["DSC_0005.png"]),
        ("桌子上的猫", ["DSC_0005.png"]),
        ("cafe", ["DSC_0006.png"]),
        ("ZURICH", ["DSC_0006.png"]),
        ("dog", ["DSC_0006.png"]),
        ("東京", ["DSC_0007.png"]),
        ("タワー", ["DSC_0007.png"]),
        ('"windmill evening"', []),
        ('"the evening"', ["IMG_0001.png"]),
        ("submarine", []),
        ("", []),
        ('... !? "', []),
    ],
)
def test_what_is_found(library: Collection, query: str, answers: list[str]) -> None:
    from sensorium.media import Text

    hits = library.search(Text(query), mode="words") if query else []
    assert [Path(hit.path).name for hit in hits] == answers


def test_more_words_come_first(library: Collection) -> None:
    assert names(library, "evening dogs windmill")[0] == "IMG_0001.png"
    hits = library.search("evening dogs windmill", mode="words")
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert all(hit.score > 0 for hit in hits)


@pytest.mark.parametrize(
    "query", ['" OR name: x', "NEAR(a b)", "windmill*", "a AND", "name:red", "(((", "'; DROP", "^a"]
)
def test_nothing_is_an_operator(library: Collection, query: str) -> None:
    names(library, query)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.text(max_size=40))
def test_any_text_is_a_query(query: str) -> None:
    expression = match_expression(query)
    if expression is not None:
        with sqlite3.connect(":memory:") as db:
            db.execute("CREATE VIRTUAL TABLE w USING fts5 (t)")
            db.execute("SELECT * FROM w WHERE w MATCH ?", (expression,)).fetchall()
        db.close()


def test_words_follow_their_items(library: Collection, tmp_path: Path) -> None:
    path = tmp_path / "IMG_0001.png"
    library.add(path, metadata={"caption": "a lighthouse"})
    assert names(library, "windmill") == []
    assert names(library, "lighthouse") == ["IMG_0001.png"]
    moved = path.rename(tmp_path / "seaside.png")
    library.add(moved)
    assert names(library, "lighthouse") == names(library, "seaside") == ["seaside.png"]
    library.delete(moved)
    assert names(library, "lighthouse") == []
    ids = {row[0] for row in library._store.read("SELECT rowid FROM words")}
    assert ids == {row[0] for row in library._store.read("SELECT id FROM items")}


def test_filters_and_pages(library: Collection) -> None:
    everything = names(library, "windmill bird car dogs 风车")
    assert len(everything) == 5
    pages = [names(library, "windmill bird car dogs 风车", k=2, offset=n) for n in (0, 2, 4)]
    assert [name for page in pages for name in page] == everything
    assert names(library, "windmill bird", where="caption IS NULL") == ["red_bird2.png"]
    assert names(library, "windmill bird", where="caption = 'x'") == []


def test_hybrid_holds_both(library: Collection) -> None:
    hits = library.search("风车", 3, hybrid=True)
    assert Path(hits[0].path).name == "DSC_0004.png"  # what both find comes first
    assert len(hits) == 3
    assert hits == library.search("风车", 3, mode="hybrid")
    pages = [library.search("风车", 2, mode="hybrid", offset=n)[0].id for n in (0, 2, 4)]
    assert len(set(pages)) == 3


def test_a_picture_has_no_words(library: Collection, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a search by words takes a text"):
        library.search(Image(tmp_path / "blueCar.png"), mode="words")


def test_what_is_indexed() -> None:
    name, text = describe("/x/2023-05-IMG_12holidayPhoto.jpeg", {"tags": ["a", {"b": "c"}], "n": 5})
    assert name == "2023 202305 img 12 holidayphoto img 12 holiday photo"
    assert text.split() == ["a", "c"]
    assert describe("https://example.org/a/red_car.jpg?x=1", {})[0].split() == ["red", "car"]


def as_version_4(path: Path) -> None:
    """Let a collection be as versions before 5 wrote it, its words cut by FTS5 alone."""
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE words")
        for statement in FORMER:
            db.execute(statement)
        for item, name, caption in db.execute("SELECT id, path, metadata FROM items").fetchall():
            db.execute(
                "INSERT INTO words (rowid, name, text) VALUES (?, ?, ?)",
                (item, Path(name).stem, caption),
            )
        for passage, text in db.execute("SELECT id, text FROM passages").fetchall():
            db.execute("INSERT INTO words (rowid, name, text) VALUES (?, '', ?)", (-passage, text))
        db.execute("PRAGMA user_version = 4")
    db.close()


def answers(library: Collection) -> list[list[str]]:
    asked = ("风车", "bluecar", "DSC0004", "Zürich", "किताब", "stone lanterns")
    return [names(library, query) for query in asked]


@pytest.fixture
def old(library: Collection, tmp_path: Path) -> Path:
    page = tmp_path / "page.txt"
    page.write_text("Two stone lanterns stand before the gate. किताब\n", "utf-8")
    library.add(page)
    assert answers(library) == [
        ["DSC_0004.png"], ["blueCar.png"], ["DSC_0004.png"], ["DSC_0006.png"], ["page.txt"],
        ["page.txt"],
    ]  # fmt: skip
    library.close()
    as_version_4(library.path)
    return library.path


def test_words_of_an_earlier_version_are_cut_anew(old: Path, encoder: Encoder) -> None:
    with Collection(old, encoder) as upgraded:
        found = answers(upgraded)
        assert all(len(names) == 1 for names in found)
        assert check(upgraded).damages == []
        with closing(SQLiteStore(old)) as second:
            assert second.read("PRAGMA user_version") == [(SCHEMA_VERSION,)]
        upgraded.delete(old.parent / "DSC_0004.png")
        assert names(upgraded, "风车") == []
    with Collection(old, encoder) as again:
        assert answers(again)[1:] == [*found[1:2], [], *found[3:]]


def test_damaged_words_of_an_earlier_version_are_made_again(old: Path, encoder: Encoder) -> None:
    with sqlite3.connect(old) as db:
        db.execute("UPDATE words_data SET block = x'00'")
    db.close()
    with Collection(old, encoder) as upgraded:
        assert all(len(names) == 1 for names in answers(upgraded))


@pytest.mark.parametrize("version", [4, 3])
def test_a_file_of_an_earlier_version_that_cannot_be_written(
    old: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    with sqlite3.connect(old) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute(f"PRAGMA user_version = {version}")
    db.close()
    before = old.read_bytes()
    monkeypatch.setattr(sqlite, "is_fixed", lambda path: True)
    if version == 3:
        with pytest.raises(CollectionError, match=r"format 3 .*cannot be written: copy it"):
            Collection(old, encoder)
    else:
        with Collection(old, encoder) as fixed:
            assert all(len(names) == 1 for names in answers(fixed))
            assert len(fixed.search("windmill", 3, hybrid=True)) == 3
            with pytest.raises(CollectionError, match="cannot be written"):
                fixed.delete(1)
    assert old.read_bytes() == before


def test_a_file_of_the_first_version_gets_words_and_a_log(
    library: Collection, encoder: Encoder
) -> None:
    library.close()
    with sqlite3.connect(library.path) as db:  # what version 1 did not have
        db.execute("DROP TRIGGER forget_words")
        db.execute("DROP TRIGGER log_removal")
        db.execute("DROP TABLE words")
        db.execute("DROP TABLE removed_segments")
        db.execute("DROP TABLE passages")
        db.execute("DROP TABLE segment_modalities")
        db.execute("ALTER TABLE items DROP COLUMN extracted")
        for table in ("segments", "next_segments"):
            for column in ("modality", "details", "passage_id", "checksum"):
                db.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        db.execute("PRAGMA user_version = 1")
    db.close()
    with Collection(library.path, encoder) as upgraded:
        assert names(upgraded, "风车") == ["DSC_0004.png"]
        upgraded.delete(1)
        assert upgraded._store.removed(0)[0].tolist() == [[1, 1]]
        assert names(upgraded, "windmill") == []
