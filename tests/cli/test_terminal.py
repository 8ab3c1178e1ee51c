"""What a person at a terminal sees, told from a pipe by a real pseudo-terminal."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sensorium import Collection
from sensorium.cli import output
from sensorium.collection import Hit
from tests.cli.conftest import COLORS
from tests.media.small_pictures import encode, red_blue

pty = pytest.importorskip("pty", reason="the system has no pseudo-terminals")

ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07)")


def on_terminal(*arguments: str | Path) -> tuple[int, str, str]:
    """Exit code, what was written, and the same without colours and movements."""
    source = Path(__file__).parent.parent.parent / "src"
    keyboard, screen = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "sensorium", *map(str, arguments)],
        stdin=screen, stdout=screen, stderr=screen,
        env={**os.environ, "PYTHONPATH": str(source), "COLUMNS": "120", "TERM": "xterm-256color"},
    )  # fmt: skip
    os.close(screen)
    written = b""
    while True:
        try:
            chunk = os.read(keyboard, 65536)
        except OSError:  # Linux says so when the last writer has gone
            break
        if not chunk:
            break
        written += chunk
    os.close(keyboard)
    text = written.decode()
    return process.wait(), text, ESCAPES.sub("", text)


def test_hits_are_a_table_with_captions(folder: Path, library: Path) -> None:
    code, _, text = on_terminal("search", folder / "green.png", "-c", library)
    assert code == 0
    head, first, *_ = text.splitlines()
    assert head.split() == ["score", "path", "caption"]
    assert first.split()[:2] == ["1", "1.000"] and first.rstrip().endswith("a green square")
    assert r"two\nlines 图.png" in text  # made visible, not obeyed
    assert len(text.splitlines()) >= len(COLORS) + 2


def test_a_long_path_leaves_room_for_the_caption(tiny: Path, tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a folder of holidays"] * 6)
    deep.mkdir(parents=True)
    (deep / "IMG_1234.png").write_bytes(encode(red_blue(), "PNG"))
    with Collection(tmp_path / "c.sensorium", tiny) as collection:
        collection.add(deep, metadata={"title": "a red square beside a blue one"})
    code, _, text = on_terminal("search", "red", "-c", tmp_path / "c.sensorium")
    assert code == 0
    _, row = text.splitlines()
    assert "…" in row and "/IMG_1234.png" in row  # cut in its middle
    assert row.rstrip().endswith("a red square beside a blue one")


def test_a_caption_is_one_line_and_no_command_to_the_terminal(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode(red_blue(), "PNG"))
    with Collection(tmp_path / "c.sensorium", tiny) as collection:
        collection.add(tmp_path / "a.png", metadata={"title": "two\nlines \x1b[2J of 图"})
    code, raw, text = on_terminal("search", "red", "-c", tmp_path / "c.sensorium")
    assert code == 0 and "\x1b[2J" not in raw
    assert text.splitlines()[1].rstrip().endswith("two lines [2J of 图")


def test_indexing_draws_a_bar_and_names_only_some_of_what_it_skipped(
    tiny: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(24):
        (folder / f"broken-{number:02}.jpg").write_bytes(bytes([number]) * 9)  # each another reason
    for number in range(5):
        (folder / f"phone-{number}.jxl").write_bytes(b"the same reason")
    (folder / "evil \x1b[2J.jpg").write_bytes(b"broken")
    (folder / "good.png").write_bytes(encode(red_blue(), "PNG"))
    library = tmp_path / "c.sensorium"
    code, raw, text = on_terminal("index", folder, "-c", library, "--encoder", tiny)
    assert code == 1
    assert "indexing" in text
    assert text.count("skipped /") + text.count("skipped '") == 19
    assert "skipped 5 (" in text and "phone-2.jxl and 2 more): JPEG XL pictures cannot be" in text
    assert "... for 6 more reasons (--json lists all of them)" in text
    assert "1 added, 30 skipped" in text
    assert "\x1b[2J" not in raw  # a file name does not clear the screen


def test_labels_stand_under_their_picture(folder: Path, tiny: Path) -> None:
    command = ("classify", folder / "red.png", "--labels", "red,blue", "--encoder", tiny)
    code, _, text = on_terminal(*command)
    assert code == 0
    path, labels = text.splitlines()
    assert path == str(folder / "red.png")
    assert re.search(r"red +\d+", labels) and re.search(r"blue +\d+", labels)
    code, _, text = on_terminal(*command[:3], "red", *command[4:])
    assert re.search(r"red: (yes|no|cannot tell) \(\d+%\)", text.splitlines()[1])


def test_how_likely_hits_are_stands_beside_their_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    shown = output.Console(file=screen, force_terminal=True, width=80, color_system=None)
    monkeypatch.setattr(output, "console", shown)
    hit = Hit(1, "/a.png", "image", {}, None, 0.5, probability=0.746)
    output.print_hits([hit, replace(hit, probability=None)])
    rows = [line.split() for line in screen.getvalue().splitlines()]
    assert rows == [
        ["score", "likely", "path"], ["1", "0.500", "75%", "/a.png"], ["2", "0.500", "/a.png"],
    ]  # fmt: skip
