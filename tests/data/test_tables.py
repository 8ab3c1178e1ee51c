"""What users bring is read as they mean it, and what cannot be used is named."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.data import tables
from sensorium.data.class_folders import label_of_folder, read_class_folders
from sensorium.data.pairs import read_pairs
from sensorium.data.questions import (
    find_kind,
    find_qrels,
    read_qrels,
    read_queries,
    weighted,
    with_weight,
)
from sensorium.data.tables import read_rows
from sensorium.errors import UsageError
from sensorium.evaluation.collection_retrieval import match_documents
from tests.evaluation.conftest import COLORS, EACH


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


# Which kind


def test_the_kind_is_found_by_looking(classes: Path, pairs: Path, beir: Path) -> None:
    assert [find_kind(path) for path in (classes, pairs, beir)] == ["folder", "pairs", "queries"]
    assert find_kind(write(classes.parent / "result.json", "{}")) == "result"
    assert find_kind(classes.parent) == "result"


@pytest.mark.parametrize("name", ["nowhere", "nowhere.csv", "there.txt"])
def test_what_is_none_of_them(tmp_path: Path, name: str) -> None:
    write(tmp_path / "there.txt", "")
    with pytest.raises(UsageError, match=r"folder of pictures per class.*\.csv.*BEIR folder"):
        find_kind(tmp_path / name)


# Pairs


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", 'path,caption\na.png,"a cat, asleep"\nb.png,a dog\nb.png,the dog\n'),
        ("t.tsv", "\ufeffid\tfilepath\ttitle\n1\ta.png\ta cat, asleep\n2\tb.png\ta dog\n"
                  "3\tb.png\tthe  dog\n"),
        ("t.jsonl", '{"image": "a.png", "text": "a cat, asleep"}\n\n'
                    '{"image": "b.png", "text": ["a dog", "the dog"]}\n'),
        ("t.CSV", 'Path,caption_en,caption_zh,license\na.png,"a cat, asleep",,CC0\n'
                  "b.png,a dog,the dog,CC0\nb.png,a dog,,\n"),
    ],
)  # fmt: skip
def test_tables_of_pairs(tmp_path: Path, name: str, text: str) -> None:
    pairs = read_pairs(write(tmp_path / name, text))
    assert pairs.pairs == [("a.png", "a cat, asleep"), ("b.png", "a dog"), ("b.png", "the dog")]
    assert dict(zip(pairs.names, pairs.sources, strict=True)) == {
        "a.png": tmp_path / "a.png", "b.png": tmp_path / "b.png"
    }  # fmt: skip
    assert pairs.skipped == []


def test_rows_that_cannot_be_used_are_named_with_their_line(tmp_path: Path) -> None:
    text = (
        "path,caption\n,no picture\na.png,\na.png,one, two\n"
        "https://x.org/a.png,far away\na\0.png,odd\ngood.png,good\n"
    )
    pairs = read_pairs(write(tmp_path / "t.csv", text))
    assert pairs.pairs == [("good.png", "good")]
    reasons = {item.path: item.reason for item in pairs.skipped}
    assert list(reasons) == [f"t.csv:{line}" for line in range(2, 7)]
    assert reasons["t.csv:2"] == "row has no path"
    assert reasons["t.csv:3"] == "row has no caption"
    assert "quotes" in reasons["t.csv:4"]
    assert "download" in reasons["t.csv:5"] and "NUL" in reasons["t.csv:6"]
    lines = '{"path": "a.png", "caption": "x"}\nnot json\n[1]\n{"path": 5, "caption": "x"}\n'
    pairs = read_pairs(write(tmp_path / "t.jsonl", lines))
    assert [item.path for item in pairs.skipped] == ["t.jsonl:2", "t.jsonl:3", "t.jsonl:4"]


def test_half_a_character_does_no_harm(tmp_path: Path) -> None:
    row = json.dumps({"path": "a.png", "caption": "a \ud83d cat"})
    pairs = read_pairs(write(tmp_path / "t.jsonl", row))
    assert pairs.pairs == [("a.png", "a ? cat")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it has no rows"),
        ("path,license\na.png,CC0\n", "begins with 'caption'.*it has path, license"),
        ("name,caption\na.png,x\n", "path, image, filepath.*it has name, caption"),
        ("path,caption\n,\n", "no row names a picture and a caption"),
    ],
)
def test_tables_that_are_none(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_pairs(write(tmp_path / "t.csv", text))


def test_a_table_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("path,caption\na.png,caf\u00e9\n".encode("latin-1"))
    with pytest.raises(UsageError, match=r"t\.csv: is not UTF-8 text"):
        read_pairs(tmp_path / "t.csv")


# Folders


def test_a_folder_per_class(classes: Path) -> None:
    (classes / "the_red" / "deep").mkdir()
    (classes / "the_red" / "red0.png").rename(classes / "the_red" / "deep" / "red0.png")
    (classes / "loose.png").write_bytes(b"")
    (classes / "notes").mkdir()
    (classes / "notes" / "todo.txt").write_text("no picture")
    found = read_class_folders(classes)
    assert found.words == {f"the_{color}": [f"the {color}"] for color in sorted(COLORS)}
    assert len(found) == len(COLORS) * EACH + 1  # also the one that is broken
    path = classes / "the_red" / "deep" / "red0.png"
    row = found.names.index("the_red/deep/red0.png")
    assert (found.sources[row], found.labels[row]) == (path, "the_red")
    assert [(item.path, item.reason[:30]) for item in found.skipped] == [
        (str(classes / "loose.png"), "lies beside the class folders:")
    ]


def test_names_of_folders_become_words() -> None:
    assert label_of_folder("sea_lion") == "sea lion"
    assert label_of_folder("three-toed__sloth") == "three toed sloth"
    assert label_of_folder("__") == "__"


def test_labels_of_classes(classes: Path, tmp_path: Path) -> None:
    labels = write(
        tmp_path / "labels.csv",
        "folder,label,zh\nthe_red,red,红\nthe_blue,blue,,navy,blue\nthe_red,crimson,\n",
    )
    assert read_class_folders(classes, labels).words == {
        "the_blue": ["blue", "navy"],
        "the_green": ["the green"],
        "the_red": ["red", "红", "crimson"],
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("folder,name\nthe_red,red\n", "columns folder,label; label is missing"),
        ("folder,label\nThe_red,red\n", "hold no pictures: The_red; there are the_blue, the_green"),
        ("folder,label\nthe_red,\n", r"labels.csv:2: 'the_red' has no label"),
        ("folder,label\nthe_red,x\nthe_blue,x\n", "'the_blue' and 'the_red' have the same label"),
    ],
)
def test_labels_that_do_not_fit(classes: Path, tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_class_folders(classes, write(tmp_path / "labels.csv", text))


def test_a_folder_without_classes_says_what_was_looked_for(classes: Path) -> None:
    with pytest.raises(UsageError, match=r"two or more class folders.*found none and 4 pictures"):
        read_class_folders(classes / "the_blue")
    (classes / "the-red").mkdir()
    (classes / "the-red" / "x.png").write_bytes(b"")
    with pytest.raises(UsageError, match="'the-red' and 'the_red' have the same label 'the red'"):
        read_class_folders(classes)


# Queries and judgements


def test_queries(tmp_path: Path) -> None:
    text = (
        '{"_id": "a", "text": "a cat", "metadata": {}}\n{"_id": 7, "text": "a dog"}\n'
        '{"id": "c", "image": "x.png", "text": ""}\n{"_id": "a", "text": "again"}\n'
        '{"text": "no id"}\n{"_id": "d"}\n{"_id": "e", "text": "x", "image": "x.png"}\n?\n'
    )
    queries, skipped = read_queries(write(tmp_path / "queries.jsonl", text))
    assert [*queries] == ["a", "7", "c"]
    assert queries["a"].text == "a cat" and queries["a"].picture is None
    assert queries["c"].picture == tmp_path / "x.png" and queries["c"].name == "x.png"
    assert [item.path for item in skipped] == [f"queries.jsonl:{line}" for line in range(4, 9)]
    with pytest.raises(UsageError, match=r"holds no query.*queries.jsonl:1: query has no _id"):
        read_queries(write(tmp_path / "queries.jsonl", "{}\n"))
    with pytest.raises(UsageError, match="there is no such file"):
        read_queries(tmp_path / "gone.jsonl")


def test_questions_of_several_parts(tmp_path: Path) -> None:
    """As a shell takes them: weights before a colon, files beside the table."""
    (tmp_path / "2:b.png").write_bytes(b"")
    rows: list[dict[str, object]] = [
        {"_id": "a", "text": ["castle", "0.5:at night"], "without": "people"},
        {"_id": "b", "text": "16:9", "like": ["a.png", "2:b.png", "3:c.wav"], "unlike": "4:d.mp4"},
        {"_id": "c", "like": "c.wav"},
        {"_id": "d", "image": "a.png", "without": ["2:dog", "sea"]},
        {"_id": "e", "text": ["16:9"]},  # the only part has no weight
        {"_id": "f", "without": "dog"},
        {"_id": "g", "text": "a", "image": "a.png", "without": "dog"},
        {"_id": "h", "text": "a", "like": "https://example.org/a.png"},
        {"_id": "i", "like": 7},
    ]
    file = write(tmp_path / "queries.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows))
    queries, skipped = read_queries(file)
    parts = {
        name: [(part.side, part.what, part.weight) for part in query.parts]
        for name, query in queries.items()
    }
    assert parts == {
        "a": [("text", "castle", 1), ("text", "at night", 0.5), ("without", "people", 1)],
        "b": [
            ("text", "9", 16), ("like", "a.png", 1), ("like", "2:b.png", 1), ("like", "c.wav", 3),
            ("unlike", "d.mp4", 4),
        ],
        "c": [("like", "c.wav", 1)],
        "d": [("like", "a.png", 1), ("without", "dog", 2), ("without", "sea", 1)],
        "e": [],
    }  # fmt: skip
    assert queries["e"].text == "16:9"
    assert queries["b"].parts[3].path == tmp_path / "c.wav" and not queries["b"].text
    assert [item.path for item in skipped] == [f"queries.jsonl:{line}" for line in range(6, 10)]
    assert "an example (like)" in skipped[0].reason and "not both" in skipped[1].reason
    assert "URLs are not fetched" in skipped[2].reason


@given(st.floats(0.001, 1000), st.text(min_size=1).map(str.strip).filter(bool))
def test_weights_are_read_as_they_are_written(weight: float, what: str) -> None:
    assert weighted(with_weight(weight, what)) == (weight, what)
    assert weighted(with_weight(1, what)) == (1, what)


@pytest.mark.parametrize(
    "text",
    [
        "query-id\tcorpus-id\tscore\nq1\tmy cat.png\t1\nq1\tb.png\t0\nq 2\tb.png\t2.5\n",
        "q1\tmy cat.png\t1\r\nq1\tb.png\t0\r\nq 2\tb.png\t2.5\r\n",
        "q1\t0\tmy cat.png\t1\n\nq1\t0\tb.png\t0\nq 2\t0\tb.png\t2.5\n",
    ],
)
def test_judgements_between_tabs(tmp_path: Path, text: str) -> None:
    judgements = read_qrels(write(tmp_path / "q.tsv", text))
    assert judgements.grades == {"q1": {"my cat.png": 1, "b.png": 0}, "q 2": {"b.png": 2.5}}
    assert judgements.skipped == []


def test_judgements_of_trec(tmp_path: Path) -> None:
    text = "q1 0 a.png 1\nq1 Q0 my black cat.png 2\nq2  0  b.png  -1\nq2 0 b.png high\n"
    judgements = read_qrels(write(tmp_path / "q.txt", text))
    assert judgements.grades == {"q1": {"a.png": 1, "my black cat.png": 2}, "q2": {"b.png": -1}}
    assert [item.path for item in judgements.skipped] == ["q.txt:4"]
    with pytest.raises(UsageError, match="holds no judgement"):
        read_qrels(write(tmp_path / "q.txt", "query-id\tcorpus-id\tscore\n"))


def test_the_judgements_of_a_beir_folder(beir: Path) -> None:
    assert find_qrels(beir) == beir / "qrels" / "test.tsv"
    (beir / "qrels" / "dev.tsv").write_text("")
    assert find_qrels(beir) == beir / "qrels" / "test.tsv"
    (beir / "qrels" / "test.tsv").rename(beir / "qrels" / "train.tsv")
    with pytest.raises(UsageError, match=r"holds dev.tsv, train.tsv: say which with --qrels"):
        find_qrels(beir)
    (beir / "qrels.tsv").write_text("")
    assert find_qrels(beir) == beir / "qrels.tsv"
    with pytest.raises(UsageError, match=r"neither qrels.tsv nor qrels/\*.tsv"):
        find_qrels(beir.parent)


def test_documents_are_items_by_path_name_or_number(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "linked.png").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    items = {
        3: str(tmp_path / "a.png"), 5: str(tmp_path / "sub" / "b.png"), 8: "/x/c.png",
        9: "/y/c.png", 11: str(tmp_path / "real" / "linked.png"),
    }  # fmt: skip
    ids = ["a.png", "sub/b.png", "b.png", "/x/c.png", "c.png", "link/linked.png", "3", "\0"]
    found, unknown = match_documents(ids, items, tmp_path / "qrels.tsv")
    assert found == {"a.png": 3, "sub/b.png": 5, "b.png": 5, "/x/c.png": 8, "link/linked.png": 11}
    assert "several items" in unknown["c.png"]
    assert "no item" in unknown["3"]  # beside ids that are names it is no number of an item
    found, unknown = match_documents(["3", "11", "4"], items, tmp_path / "qrels.tsv")
    assert found == {"3": 3, "11": 11} and list(unknown) == ["4"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "a,b\n1,2\n" + "x" * 2000 + ",1\n", r"a\.csv:3: a cell of over 1,000 char"),
        (
            "a.csv",
            "a,b\n" + "," * 100 + "\n",
            r"a\.csv:2: a row of 101 cells; .* at most 100 columns",
        ),
    ],
)
def test_tables_that_are_none_are_told_with_the_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str, words: str
) -> None:
    monkeypatch.setattr(tables, "MAX_FIELD", 1000)
    monkeypatch.setattr(tables, "MAX_COLUMNS", 100)
    table = tmp_path / name
    table.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=words):
        list(read_rows(table))


def test_lines_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_LINE", 1000)
    table = tmp_path / "a.jsonl"
    table.write_text('{"a": 1}\n{"a": "' + "x" * 2000 + '"}\n', encoding="utf-8")
    with pytest.raises(UsageError, match=r"a\.jsonl:2: a line of over 1,000 characters"):
        list(read_rows(table))


def test_what_has_no_end_is_no_table(tmp_path: Path) -> None:
    link = tmp_path / "a.jsonl"
    link.symlink_to("/dev/zero")
    pipe = tmp_path / "a.csv"
    os.mkfifo(pipe)
    for path in (link, pipe, Path("/dev/zero")):
        with pytest.raises(UsageError, match=r"cannot be read \(is no regular file\)"):
            list(read_rows(path))


def test_lines_of_json_that_mean_nothing_cost_a_row(tmp_path: Path) -> None:
    table = tmp_path / "a.jsonl"
    deep = '{"a": ' + "[" * 500 + "]" * 500 + "}"
    endless = '{"a": ' * 100_000
    wide = '{"a": [' + ",".join("[]" for _ in range(500)) + "]}"
    rows = [deep, endless, '{"a": ' + "9" * 5000 + "}", "{", wide, '{"b": 2}']
    table.write_text("\n".join(rows), encoding="utf-8")
    found = [row for _, row in read_rows(table)]
    assert found[0] == found[1] == "line holds lists or objects over 100 deep within each other"
    assert found[2] == "line is not JSON (a whole number in it has thousands of digits)"
    assert str(found[3]).startswith("line is not JSON (Expecting property name")
    assert found[4:] == [{"a": [[]] * 500}, {"b": 2}]


def test_columns_of_one_name(tmp_path: Path) -> None:
    names = tables.distinct_names(["c"] * 20_000 + ["c.1", "d", "d"])
    assert names[:3] == ["c", "c.1", "c.2"] and names[-2:] == ["d", "d.1"]
    assert len(set(names)) == len(names)
