"""``sensorium answer``, ``summarize`` and ``translate``: what they print, and their exit codes."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensorium import Collection
from sensorium.cli.terminal import ESCAPING
from tests.cli.conftest import Run
from tests.tasks.servers import Scripted, scripted_server

BRIDGE = "The bridge was built by Anna Keller in 1932. It is 410 meters long and crosses the Elbe."
CATS = "Cats purr to communicate various emotions. A cat weighs about 4 kg and sleeps a lot."


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "bridge.md").write_text(f"# Bridges\n\n{BRIDGE}\n", "utf-8")
    (folder / "cats.txt").write_text(CATS, "utf-8")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    return folder


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    with scripted_server() as script:
        yield script


# what is written


@pytest.mark.parametrize("verb", ["answer", "summarize", "translate"])
def test_a_folder_is_not_written_over(run: Run, texts: Path, verb: str) -> None:
    words = {"answer": ["Who?"], "summarize": [], "translate": ["http://127.0.0.1:1/v1#m"]}[verb]
    before = sorted(texts.iterdir())
    done = run(verb, *words, texts / "cats.txt", "--out", texts)
    assert done.code == 2 and "is a folder, and what is written is one file" in done.err
    assert sorted(texts.iterdir()) == before and (texts / "cats.txt").read_text("utf-8") == CATS


def test_where_nothing_can_be_written_is_said(run: Run, texts: Path) -> None:
    done = run("summarize", texts / "cats.txt", "--out", texts / "cats.txt" / "x")
    assert done.code == 3 and "x: cannot be written (" in done.err


@pytest.mark.skipif(sys.platform != "linux", reason="file names are text there")
def test_names_that_are_no_text_are_written(run: Run, texts: Path, tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(texts) + b"/no\xff.txt"))
    odd.write_text(BRIDGE, "utf-8")
    plain, told = tmp_path / "plain.txt", tmp_path / "told.jsonl"
    assert run("summarize", odd, texts / "cats.txt", "--out", plain).code == 0
    assert "no\\udcff.txt\n" in plain.read_text("utf-8")
    assert run("summarize", odd, "--json", "--out", told).code == 0
    assert json.loads(told.read_text("utf-8"))["source"] == str(odd)


# what is printed


def test_halves_of_letters_end_nothing(run: Run, script: Scripted, tmp_path: Path) -> None:
    script.writes("Hallo \ud83d Welt")
    asked = ("translate", f"{script.url}/v1#m", "Hello", "--to", "de")
    done = run(*asked)
    assert done.code == 0 and done.out == "Hallo ? Welt\n"
    assert json.loads(run(*asked, "--json").out)["text"] == "Hallo ? Welt"
    assert run(*asked, "--out", tmp_path / "x.txt").code == 0
    assert (tmp_path / "x.txt").read_text("utf-8") == "Hallo ? Welt\n"


@pytest.mark.parametrize(
    ("encoding", "written"),
    [("utf-8", "图 é".encode()), ("ascii", b"\\u56fe \\xe9"), ("latin-1", b"\\u56fe \xe9")],
)
def test_what_a_stream_has_no_bytes_for_is_escaped(encoding: str, written: bytes) -> None:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding=encoding, errors=ESCAPING) as stream:
        stream.write("图 é no\udcff.txt \ud83d")
        stream.flush()
        assert raw.getvalue() == written + b" no\xff.txt \\ud83d"


# answer


def test_an_answer(run: Run, texts: Path) -> None:
    done = run("answer", "Who built the bridge?", texts / "bridge.md", texts / "cats.txt")
    assert (done.code, done.err) == (0, "")
    text, probability, source, passage = done.out.rstrip("\n").split("\t")
    assert text == "Anna Keller" and 0.5 < float(probability) <= 1
    assert source.endswith("bridge.md") and "Anna Keller" in passage


def test_what_is_not_there_has_an_exit_code(run: Run, texts: Path) -> None:
    done = run("answer", "Who invented cheese?", texts / "cats.txt")
    assert done.code == 1 and done.out.startswith("not in the text\t0.")


def test_answers_as_json_with_what_was_skipped(run: Run, texts: Path) -> None:
    done = run("answer", "How long is the bridge?", texts, "--json", "-k", "2")
    rows = [json.loads(line) for line in done.lines]
    skipped, best = rows[:2]  # what cannot be read is told when that is found out
    assert done.code == 1 and skipped["skipped"].endswith("broken.pdf")
    assert best["text"] == "410 meters long" == best["passage"][slice(*best["span"])]
    assert best["origin"]["model"] == "mini" and best["origin"]["revision"]


def test_pictures_are_asked(run: Run, sample: Path) -> None:
    pictures = [sample / "images" / f"x_{name}.jpg" for name in ("cat", "dog")]
    done = run("answer", "is this image a cat?", *pictures)
    assert done.code == 0 and [line.split("\t")[0] for line in done.lines] == ["yes", "no"]
    refused = run("answer", "what colour is it?", *pictures)
    assert refused.code == 2 and "name another --model" in refused.err


def test_a_collection_is_asked(run: Run, texts: Path, tmp_path: Path) -> None:
    with Collection(tmp_path / "c.sensorium", "mini") as library:
        library.add(texts / "bridge.md", texts / "cats.txt")
    done = run("answer", "Who built the bridge?", "-c", tmp_path / "c.sensorium")
    assert done.code == 0 and done.out.startswith("Anna Keller\t")
    nothing = run(
        "answer", "Who built it?", "-c", tmp_path / "c.sensorium", "--where", "path = 'x'"
    )
    assert nothing.code == 1 and nothing.out == ""
    both = run("answer", "Who?", texts, "-c", tmp_path / "c.sensorium")
    assert both.code == 2 and "not both" in both.err


def test_a_server_is_asked(run: Run, texts: Path, script: Scripted) -> None:
    script.writes('{"passage": 1, "answer": "Anna Keller"}')
    done = run("answer", "Who built it?", texts / "bridge.md", "--model", f"{script.url}#m")
    assert done.code == 0 and done.out.startswith("Anna Keller\t")


# summarize


def test_summaries(run: Run, texts: Path, tmp_path: Path) -> None:
    one = run("summarize", texts / "cats.txt", "-n", "1")
    assert one.code == 0 and one.err == "" and one.out.strip() in CATS
    all_of_them = run("summarize", texts, "-n", "1")
    assert all_of_them.code == 1 and "broken.pdf" in all_of_them.err
    assert [Path(line).name for line in all_of_them.lines[::2]] == ["bridge.md", "cats.txt"]
    told = run("summarize", texts / "cats.txt", "-n", "1", "--json", "--out", tmp_path / "s.json")
    fact = json.loads((tmp_path / "s.json").read_text("utf-8"))
    assert told.out == "" and fact["text"] + "\n" == one.out
    assert fact["sentences"][0]["gain"] == 1 and 0 < fact["coverage"] <= 1


def test_a_text_from_standard_input(shell: Run) -> None:
    done = shell('printf "%s" "$1" | sensorium summarize -n 1', CATS)
    assert done.code == 0 and done.out.strip() in CATS
    empty = shell("sensorium summarize </dev/null")
    assert empty.code == 2 and "no text to summarize" in empty.err


def test_bad_lengths(run: Run, texts: Path) -> None:
    for options in (("-n", "0"), ("--share", "2"), ("-n", "1", "--share", "0.1")):
        done = run("summarize", texts / "cats.txt", *options)
        assert done.code == 2 and "Traceback" not in done.err


# translate


def test_a_server_translates(run: Run, texts: Path, script: Scripted, tmp_path: Path) -> None:
    script.writes("Hallo.")
    server = f"{script.url}#m"
    done = run("translate", server, "Hello.", "--to", "German")
    assert (done.code, done.out) == (0, "Hallo.\n")
    files = run("translate", server, texts / "cats.txt", texts / "broken.pdf", "--to", "de")
    name, text = files.lines
    assert (files.code, text) == (1, "Hallo.") and "broken.pdf" in files.err
    assert name.endswith("cats.txt")
    rows = run(
        "translate", server, texts / "cats.txt", "--to", "de", "--json", "-o", tmp_path / "t"
    )
    fact = json.loads((tmp_path / "t").read_text("utf-8"))
    assert rows.out == "" and (fact["source"], fact["text"]) == (CATS, "Hallo.")
    assert fact["origin"]["kind"] == "server" and fact["complete"] is True
    assert "has to be told the language" in run("translate", server, "Hello.").err
    assert "no such file" in run("translate", server, "missing.txt", "--to", "de").err
