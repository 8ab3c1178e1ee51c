"""File names, captions and labels that hold what terminals obey, through every command."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sensorium.visible import OBEYED
from tests.cli.conftest import Run
from tests.media.small_pictures import encode, red_blue

EVIL = "\x1b]0;owned\x07\x9b31m\u202egpj [red] :boom:"
SAID = re.compile(f"[{OBEYED}]")


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    folder = tmp_path / f"{EVIL} ["  # with the next name "[/red]", which ends no markup
    folder.mkdir()
    for number, size in enumerate([(40, 40), (40, 40), (50, 30)]):
        (folder / f"red] {number} {EVIL}.png").write_bytes(encode(red_blue(size), "PNG"))
    (folder / f"broken {EVIL}.jpg").write_bytes(b"broken")
    rows = [
        {"path": f"red] {number} {EVIL}.png", "title": f"a {EVIL}", f"key {EVIL}": f"b {EVIL}"}
        for number in range(3)
    ]
    (folder / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return folder


def test_nothing_that_a_terminal_obeys_is_printed(
    run: Run, evil: Path, tiny: Path, tmp_path: Path
) -> None:
    library = tmp_path / f"{EVIL}.sensorium"
    at = ("-c", library)
    labels = ("--labels", f"red {EVIL},blue")
    words = tmp_path / f"{EVIL}.txt"
    words.write_text(f"Red{EVIL} is the colour of evil{EVIL} things. Blue is not.", "utf-8")
    commands: list[tuple[int, tuple[str | Path, ...]]] = [
        (1, ("index", evil, *at, "--encoder", tiny)),
        (0, ("index", evil / "manifest.jsonl", *at)),
        (1, ("index", evil, *at, "--json")),
        (1, ("index", evil / f"gone {EVIL}.png", *at)),
        (0, ("search", "red", *at)),
        (0, ("search", "red", *at, "--json")),
        (0, ("search", "boom", *at, "--mode", "words")),
        (0, ("search", evil / f"red] 0 {EVIL}.png", *at)),
        (3, ("search", evil / f"broken {EVIL}.jpg", *at)),
        (2, ("search", "red", *at, "--where", f"nothing{EVIL} = 1")),
        (0, ("search", f"red {EVIL}", *at, "--explain")),
        (0, ("explain", f"red {EVIL}", evil / f"red] 0 {EVIL}.png", "--encoder", tiny)),
        (0, ("explain", f"red {EVIL}", evil / f"red] 0 {EVIL}.png", "--encoder", tiny, "--json")),
        (0, ("answer", f"What is the colour {EVIL}of evil things?", words)),
        (0, ("answer", f"What is the colour {EVIL}of evil things?", words, "--json")),
        (0, ("summarize", words, "-n", "1")),
        (0, ("summarize", words, "-n", "1", "--json")),
        (0, ("info", *at)),
        (0, ("info", *at, "--json")),
        (0, ("duplicates", *at)),
        (0, ("duplicates", *at, "--json")),
        (0, ("classify", *at, *labels)),
        (1, ("classify", evil, *labels, "--encoder", tiny)),
        (1, ("classify", evil, *labels, "--encoder", tiny, "--json")),
        (3, ("info", "-c", tmp_path / f"none {EVIL}")),
        (2, ("evaluate", evil / f"none {EVIL}", "--encoder", tiny)),
    ]
    for code, command in commands:
        done = run(*command)
        assert done.code == code, (command, done)
        for text in (done.out, done.err):
            assert not SAID.search(text.replace("\n", "").replace("\t", "")), (command, text)
        if "--json" in command:
            # Programs get it as it is.
            assert json.dumps(EVIL)[1:-1] in json.dumps([json.loads(line) for line in done.lines])
    for path in evil.glob("*.png"):
        path.unlink()
    done = run("prune", *at)
    assert done.code == 0 and len(done.lines) == 3 and not SAID.search(done.out.replace("\n", ""))
