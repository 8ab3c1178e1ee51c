"""``sensorium search --interactive``: by pipes, as a person types."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest

from sensorium import Collection
from tests.cli.conftest import COLORS, Run, Shell


@pytest.fixture
def library(library: Path, tmp_path: Path) -> Path:
    """A copy: what is judged stays in it."""
    return Path(shutil.copy(library, tmp_path / "c.sensorium"))


@pytest.fixture
def say(run: Run, library: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Search for a photo and type lines."""

    def typed(lines: bytes | str, *options: str) -> Shell:
        raw = lines.encode() if isinstance(lines, str) else lines
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw), "utf-8"))
        return run("search", "a photo", "-i", "-c", library, *options)

    return typed


def lists(done: Shell) -> list[list[list[str]]]:
    """Each list that was shown: number with its mark, score, path."""
    return [
        [line.split("\t") for line in block.splitlines()]
        for block in done.out.split("\n\n")
        if block.strip()
    ]


def test_hits_are_judged_and_shown_again(say, library: Path) -> None:  # type: ignore[no-untyped-def]
    done = say("+6 -1\nq\n")
    first, second = lists(done)
    assert done.code == 0 and done.err == ""
    assert [row[0] for row in first] == ["1", "2", "3", "4", "5", "6"]
    assert first[0][2] not in [row[2] for row in second] and len(second) == len(COLORS)
    (marked,) = [row for row in second if row[0].endswith("+")]
    assert marked[2] == first[5][2]
    with Collection(library) as collection:
        said = collection.search("a photo").judgements
    assert [*said.values()] == [True, False]
    # It is there the next time; numbers are those of the list that is seen.
    again = lists(say("=" + marked[0].rstrip("+") + "\n"))
    assert [row[1:] for row in again[0]] == [row[1:] for row in second]
    assert not any(row[0].endswith("+") for row in again[1])


@pytest.mark.parametrize("lines", ["", "q\n", "Q", "\n\n", "quit\n+1\n"])
def test_the_end_of_it(say, lines: str, library: Path) -> None:  # type: ignore[no-untyped-def]
    done = say(lines)
    assert done.code == 0 and len(lists(done)) == 1 + lines.count("\n\n") * 2
    with Collection(library) as collection:
        assert collection.search("a photo").judgements == {}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("+7", "no hit has the number 7"),
        ("+0", "no hit has the number 0"),
        ("+" + "9" * 5000, "no hit has the number 9999"),
        ("1", "'1' says nothing of a hit"),
        ("+1 delete everything", "says nothing of a hit"),
        ("+1 +99", "no hit has the number 99"),
        ("\x1b[2J", "says nothing of a hit"),
        ("?", "+1 -3: hit 1 is relevant"),
    ],
)
def test_a_line_that_says_nothing_does_nothing(  # type: ignore[no-untyped-def]
    say, library: Path, line: str, told: str
) -> None:
    done = say(f"{line}\nq\n")
    assert done.code == 0 and told in done.err and len(lists(done)) == 1
    assert "\x1b" not in done.out + done.err
    with Collection(library) as collection:
        assert collection.search("a photo").judgements == {}


def test_bytes_that_are_no_text(say) -> None:  # type: ignore[no-untyped-def]
    done = say(b"+1\xff\xfe\n+1\nq\n")
    assert done.code == 0 and "says nothing of a hit" in done.err and len(lists(done)) == 2


def test_it_goes_with_no_other_output(say) -> None:  # type: ignore[no-untyped-def]
    for option in ("--json", "--paths", "-0"):
        done = say("", option)
        assert done.code == 2 and "--interactive goes with no other" in done.err


def test_qrels_are_exported(run: Run, say, library: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    say("+1 -2\nq\n")
    done = run("export", tmp_path / "judged", "-c", library, "--layout", "qrels")
    assert done.code == 0 and "2 judgements of 1 queries" in done.out
    assert (tmp_path / "judged" / "qrels.txt").read_text("utf-8").count("\n") == 2
    done = run("export", tmp_path / "judged", "-c", library, "--layout", "qrels")
    assert done.code == 2 and "exists" in done.err
