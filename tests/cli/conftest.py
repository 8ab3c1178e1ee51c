"""A small collection, and the command as a real process."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import PIL.Image
import pytest

from sensorium import Collection
from sensorium.cli import main, progress
from tests.media.small_pictures import red_blue

COLORS = ("red", "green", "blue", "white", "black")


@dataclass
class Shell:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


Run = Callable[..., Shell]


@pytest.fixture(autouse=True)
def no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is said of a command that takes long: a busy machine is no failure."""
    monkeypatch.setattr(progress, "EVERY", 3600.0)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Run ``sensorium`` with these arguments in this process, from its entry point on."""

    def call(
        *arguments: str | Path, env: dict[str, str] | None = None, cwd: Path | None = None
    ) -> Shell:
        with monkeypatch.context() as changes:
            changes.setattr(sys, "argv", ["sensorium", *map(str, arguments)])
            changes.setenv("COLUMNS", "300")  # errors of usage are drawn in a box
            for name, value in (env or {}).items():
                changes.setenv(name, value)
            if cwd is not None:
                changes.chdir(cwd)
            capsysbinary.readouterr()
            with pytest.raises(SystemExit) as done:
                main()
        out, err = map(os.fsdecode, capsysbinary.readouterr())
        assert isinstance(done.value.code, int)
        return Shell(done.value.code, out, err)

    return call


@pytest.fixture(scope="session")
def shell() -> Run:
    """Run a line of ``/bin/sh`` in which ``sensorium`` is the command."""

    def call(line: str, *arguments: str | Path, **env: str) -> Shell:
        source = Path(__file__).parent.parent.parent / "src"
        command = f'sensorium() {{ {shlex.quote(sys.executable)} -m sensorium "$@"; }}; {line}'
        done = subprocess.run(
            ["/bin/sh", "-c", command, "sh", *map(str, arguments)],
            capture_output=True,
            env={**os.environ, "PYTHONPATH": str(source), **env},
            check=False,
        )
        out, err = (os.fsdecode(stream) for stream in (done.stdout, done.stderr))
        assert "Traceback" not in err, err
        return Shell(done.returncode, out, err)

    return call


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Plain pictures, captions for them, and one whose name has a line break."""
    folder = tmp_path_factory.mktemp("pictures")
    for color in COLORS:
        PIL.Image.new("RGB", (40, 30), color).save(folder / f"{color}.png")
    red_blue().save(folder / "two\nlines 图.png")
    captions = "".join(f"{color}.png,a {color} square,{n}\n" for n, color in enumerate(COLORS))
    (folder / "captions.csv").write_text("path,caption,number\n" + captions)
    return folder


@pytest.fixture(scope="session")
def library(folder: Path, tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection of the folder; tests only read it."""
    path = tmp_path_factory.mktemp("library") / "c.sensorium"
    with Collection(path, tiny) as collection:
        report = collection.add(folder, folder / "captions.csv")
        assert report.added == len(COLORS) + 1 and not report.skipped
    return path
