"""Commands over many files: each result at once, bad files as they come, and how they end."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer

from sensorium.cli import EXIT_INTERRUPTED, EXIT_PARTLY, output, progress
from sensorium.cli.streaming import streaming
from sensorium.cli.terminal import Console
from sensorium.data.files import Selection
from sensorium.media.skipped import Note, Skipped
from tests.cli.conftest import Run
from tests.media.small_pictures import encode, red_blue
from tests.tasks.servers import Asked, Scripted, scripted_server

posix = pytest.mark.skipif(os.name != "posix", reason="the system has no signals and SIGPIPE")


@pytest.fixture
def script() -> Iterator[Scripted]:
    with scripted_server() as script:
        yield script


class Begun:
    """A command as a process, whose output is read as it comes."""

    def __init__(self, *arguments: str | Path) -> None:
        command = [sys.executable, "-m", "sensorium", *map(str, arguments)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        )
        self.told = b""

    def hear(self, results: int) -> None:
        """Wait until so many results were printed."""
        assert self.process.stdout is not None
        while self.told.count(b"Hallo.") < results:
            chunk = self.process.stdout.read(65536)
            assert chunk, (self.told, self.process.communicate())
            self.told += chunk

    def leave(self) -> None:
        """Read no more of it."""
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process.stdout = None

    def ended(self) -> tuple[int, str, str]:
        """Its exit code, and all that it printed."""
        rest, said = self.process.communicate(timeout=120)
        return self.process.returncode, (self.told + (rest or b"")).decode(), said.decode()


def waiting_after(first: int, script: Scripted) -> threading.Event:
    """Let a server answer the `first` requests at once and others when the event is set."""
    may = threading.Event()
    script.writes("Hallo.")
    at_once = script.say

    def say(asked: Asked) -> tuple[int, bytes]:
        if len(script.asked) > first:
            may.wait(60)
        return at_once(asked)

    script.say = say
    return may


@pytest.fixture
def made(script: Scripted, tmp_path: Path) -> Callable[[str], list[str | Path]]:
    """Arguments of commands that ask the server about three files each."""
    folder = tmp_path / "three"
    folder.mkdir()
    for n in range(3):
        (folder / f"{n}.txt").write_text(f"The castle number {n} is old.", "utf-8")
        (folder / f"{n}.png").write_bytes(encode(red_blue((30 + n, 40)), "PNG"))

    def arguments(verb: str) -> list[str | Path]:
        texts, pictures = sorted(folder.glob("*.txt")), sorted(folder.glob("*.png"))
        model = f"{script.url}#m"
        return {
            "translate": ["translate", model, *texts, "--to", "de"],
            "translate lines": ["translate", model, "One.", "Two.", "Three.", "--to", "de"],
            "summarize": ["summarize", folder, "--model", model],
            "caption": ["caption", folder, "--model", model],
            "answer": ["answer", "What is it?", *pictures, "--model", model],
        }[verb]

    return arguments


VERBS = ("translate", "translate lines", "summarize", "caption", "answer")


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_each_result_is_told_before_the_next_is_made(
    script: Scripted, made: Callable[[str], list[str | Path]], verb: str, form: tuple[str, ...]
) -> None:
    may = waiting_after(1, script)
    command = Begun(*made(verb), *form)
    command.hear(1)  # the server is silent about the second one
    may.set()
    code, told, said = command.ended()
    assert (code, told.count("Hallo.")) == (0, 3) and "skipped" not in said


@posix
@pytest.mark.parametrize("verb", ["translate", "caption"])
def test_an_interrupted_command_says_how_far_it_was(
    script: Scripted, made: Callable[[str], list[str | Path]], verb: str
) -> None:
    may = waiting_after(2, script)
    command = Begun(*made(verb))
    command.hear(2)
    while len(script.asked) < 3:  # it has done with the second one
        time.sleep(0.01)
    command.process.send_signal(signal.SIGINT)
    code, told, said = command.ended()
    may.set()
    assert (code, told.count("Hallo.")) == (EXIT_INTERRUPTED, 2)
    assert said.splitlines() == ["interrupted; 2 of 3 done"]


@posix
def test_a_reader_that_saw_enough_ends_what_stores_nothing(
    script: Scripted, tmp_path: Path
) -> None:
    texts = [f"Text {n}." for n in range(20)]
    asks = ("translate", f"{script.url}#m", *texts, "--to", "de")
    may = waiting_after(1, script)
    command = Begun(*asks)
    command.hear(1)
    command.leave()
    may.set()
    assert command.ended() == (0, "Hallo.\n", "")
    assert len(script.asked) == 2  # of the second one it was told that nobody reads it
    script.asked.clear()
    out = tmp_path / "out.txt"  # what is stored is worth no less
    command = Begun(*asks, "--out", out)
    command.leave()
    assert command.ended()[0] == 0
    assert out.read_text("utf-8") == "\n\n".join(["Hallo."] * 20) + "\n"


def test_texts_that_come_again_are_translated_once(run: Run, script: Scripted) -> None:
    script.writes("A.", "B.")
    done = run("translate", f"{script.url}#m", *["One.", "Two."] * 9, "--to", "de")
    assert done.lines == ["A.", "B."] * 9 and len(script.asked) == 2


def test_bad_files_are_told_where_they_come(run: Run, script: Scripted, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    for name in ("a", "c"):
        (folder / f"{name}.txt").write_text("The castle is old.", "utf-8")
    (folder / "b.pdf").write_bytes(b"%PDF-1.4 nothing")
    script.writes("Old.")
    done = run("summarize", folder, tmp_path / "none.txt", "--model", f"{script.url}#m", "--json")
    told = [json.loads(line) for line in done.lines]
    names = [Path(one.get("skipped") or one["source"]).name for one in told]
    assert (done.code, names) == (EXIT_PARTLY, ["none.txt", "a.txt", "b.pdf", "c.txt"])
    file = tmp_path / "written.json"
    stored = run("summarize", folder, "--model", f"{script.url}#m", "--json", "--out", file)
    assert (stored.code, stored.out) == (EXIT_PARTLY, "") and "skipped" in stored.err
    assert len(file.read_text("utf-8").splitlines()) == 2


def test_what_is_written_whole_is_not_written_by_half(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    chosen = Selection([Path(f"{n}.png") for n in range(5)])
    boxes = tmp_path / "boxes.json"
    with (
        pytest.raises(typer.Exit) as ended,
        streaming("detecting", chosen, False, at_end=boxes) as stream,
    ):
        for n in stream.each(range(5)):
            if n == 3:
                raise KeyboardInterrupt
    assert ended.value.exit_code == EXIT_INTERRUPTED
    said = capsys.readouterr().err
    assert said.startswith("interrupted; 3 of 5 done, ") and said.endswith("is not written\n")


def test_a_terminal_is_not_flooded(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(output, "notices", Console(file=screen, force_terminal=True, width=200))
    with pytest.raises(typer.Exit) as ended, streaming("detecting", Selection(), False) as stream:
        stream.skip(*(Skipped(f"{n}.png", f"broken {n}") for n in range(30)))
        stream.skip(Note("film.mp4", "no second track"))
    assert ended.value.exit_code == EXIT_PARTLY
    told = screen.getvalue()
    assert "19.png" in told and "20.png" not in told and "... and 11 more" in told


def test_a_bar_and_results_share_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(output, "notices", Console(file=screen, force_terminal=True, width=80))
    monkeypatch.setattr(output, "console", Console(file=screen, force_terminal=True, width=80))
    with progress.progress_bar("detecting") as told:
        told(1, 4)
        with progress.above_bar():
            screen.write("A RESULT\n")
        told(2, 4)
    before, after = screen.getvalue().split("A RESULT\n")
    # The line of the bar is wiped when a result is printed, and the bar is there again behind it.
    assert "1/4" in before and before.rindex("\x1b[2K") > before.rindex("1/4")
    assert "2/4" in after


def test_rows_of_files_share_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(output, "console", Console(file=screen, force_terminal=True, width=100))
    table = output.GrowingTable(("label", "probability"), left=("label",))
    table.add("a.png", [("dog", "0.98")])
    table.add("b.png", [("a red car", "0.50"), ("猫", "0.40")])
    lines = [line for line in screen.getvalue().splitlines() if "\x1b" not in line]
    assert lines == [
        "a.png", "  dog           0.98",
        "b.png", "  a red car         0.50", "  猫                0.40",
    ]  # fmt: skip
