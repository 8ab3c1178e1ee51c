"""What commands say while they work where there is no terminal."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sensorium.cli import progress
from tests.cli.conftest import Run


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.002)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize(
    ("command", "line"),
    [
        (("index", "{folder}", "--encoder", "{tiny}"), r"indexing(: [0-9]+ of 6)?, 0:00"),
        (("search", "red"), r"sensorium search, 0:00"),
        (("duplicates",), r"sensorium duplicates, 0:00"),
        (("reembed", "--encoder", "{other_tiny}"), r"re-embedding(: [0-9]+ of 6)?, 0:00"),
    ],
)
def test_every_command_speaks(
    run: Run, folder: Path, tiny: Path, other_tiny: Path, tmp_path: Path,
    command: tuple[str, ...], line: str,
) -> None:  # fmt: skip
    library = ("-c", tmp_path / "c.sensorium")
    if command[0] != "index":  # the same files once more would be done before it says anything
        run("index", folder, *library, "--encoder", tiny)
    places = {"folder": folder, "tiny": tiny, "other_tiny": other_tiny}
    done = run(*(word.format(**places) for word in command), *library)
    assert any(re.match(line, told) for told in done.err.splitlines()), done.err
    assert "0:00" not in done.out


def test_a_quick_command_says_nothing(run: Run, library: Path) -> None:
    assert run("search", "red", "-c", library).err == ""


@pytest.mark.usefixtures("often")
def test_steps_follow_one_another(capsys: pytest.CaptureFixture[str]) -> None:
    def heard(words: str) -> None:
        told = ""
        for _ in range(1000):
            told += capsys.readouterr().err
            if words in told:
                return
            time.sleep(0.005)
        pytest.fail(f"{words!r} was not said, but {told!r}")

    with progress.speaking("sensorium train"):
        heard("sensorium train, 0:00\n")
        with progress.progress_of_steps() as steps:
            heard("reading, 0:00\n")
            encoding = steps.said("encoding [pictures]")
            heard("encoding [pictures], 0:00\n")  # no markup
            encoding(0, 4_000)
            heard("encoding [pictures]: 0 of 4,000, 0:00\n")
            encoding(4_000, 4_000)
            heard("encoding [pictures] is done, the next step runs, 0:00\n")
            steps.training(3, 8, {"loss": 1.25, "recall": 0.5, "third": 9.0})
            heard("training: 3 of 8, loss 1.250, recall 0.500, 0:00, about 0:00 left\n")
        heard("sensorium train, 0:00\n")
    capsys.readouterr()
    time.sleep(0.02)
    assert capsys.readouterr().err == ""


def test_what_is_left_is_in_proportion(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    step = progress.Step("indexing")
    step.done, step.total = 250, 1_000
    now = 130.0
    assert step.line() == "indexing: 250 of 1,000, 0:30, about 1:30 left"


def test_other_libraries_are_quiet(tmp_path: Path) -> None:
    program = (
        "import sys, warnings, logging\n"
        "from sensorium.cli import main\n"
        "sys.argv = ['sensorium', 'models']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "warnings.warn('of a library'); logging.getLogger('a.library').warning('of another')\n"
    )
    for flags, told in (((), ""), (("-W", "default"), "of a library")):
        done = subprocess.run(
            [sys.executable, *flags, "-c", program],
            cwd=tmp_path, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert (told in done.stderr) if told else done.stderr == ""
