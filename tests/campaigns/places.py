"""What is attacked: small media, encoders and collections, made anew by each campaign."""

from __future__ import annotations

import json
import math
import shutil
import struct
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image

from tests.campaigns.running import Done, run
from tests.media.pdfs import text_pdf
from tests.tiny_encoder import DIMENSION, WORDS, make_tiny_encoder
from tests.training import multimodal, pictures

COLOURS = ("red", "green", "blue", "yellow", "purple", "orange", "white", "black", "cyan", "pink")


def write_media(folder: Path) -> Path:
    """Write a file or two of each kind of media, ten pictures, and a table of what they show."""
    folder.mkdir(parents=True)
    lines = ["path,caption,number"]
    for number, colour in enumerate(COLOURS):
        picture = PIL.Image.new("RGB", (40 + number, 30), colour)
        picture.paste("grey", (0, 0, 8 + number, 12))
        name = f"{colour}.{'jpg' if number % 3 == 1 else 'png'}"
        picture.save(folder / name)
        lines.append(f"{name},a {colour} square,{number}")
    (folder / "captions.csv").write_text("\n".join(lines) + "\n", "utf-8")
    sentences = [f"The {colour} dog and the cat see photo {n}." for n, colour in enumerate(COLOURS)]
    (folder / "notes.txt").write_text(" ".join(sentences * 12), "utf-8")
    (folder / "page.html").write_text(f"<title>Cats</title><p>{' '.join(sentences)}</p>", "utf-8")
    (folder / "page.pdf").write_bytes(text_pdf("a red cat", "a blue dog"))
    (folder / "cube.obj").write_text(_cube(), "utf-8")
    with wave.open(str(folder / "tone.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        tones = [int(9000 * math.sin(n / 3)) for n in range(8000)]
        file.writeframes(struct.pack("<8000h", *tones))
    _write_film(folder / "film.mp4")
    return folder


def _write_film(path: Path) -> None:
    try:
        from tests.media.films import write_film
    except ImportError:  # without the extra that reads films
        return
    write_film(path, [("red", 1.0), ("blue", 1.0)], sound=2.0)


def _cube() -> str:
    corners = [f"v {x} {y} {z}" for x in (0, 1) for y in (0, 1) for z in (0, 1)]
    faces = ("1 2 4 3", "5 7 8 6", "1 5 6 2", "3 4 8 7", "1 3 7 5", "2 6 8 4")
    return "\n".join([*corners, *(f"f {face}" for face in faces)]) + "\n"


def write_vectors(folder: Path, count: int, seed: int = 0) -> Path:
    """Write vectors as `sensorium import` takes them; each lies near its caption's."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    words = rng.normal(size=(len(WORDS), DIMENSION))
    chosen = rng.integers(0, len(WORDS), (count, 3))
    vectors = words[chosen].sum(axis=1) + rng.normal(0, 0.3, (count, DIMENSION))
    np.save(folder / "vectors.npy", vectors.astype(np.float32))
    rows = [
        {"path": f"/nowhere/{seed}-{n}.png", "caption": " ".join(WORDS[w] for w in some),
         "kind": WORDS[some[0]]}
        for n, some in enumerate(chosen)
    ]  # fmt: skip
    lines = "\n".join(map(json.dumps, rows))
    (folder / "items.jsonl").write_text(lines + "\n", "utf-8")
    return folder


class Seeds:
    """Media, encoders and collections that attacks copy.

    Parameters
    ----------
    folder : Path
        Where they are made; none is there yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        self.media = folder / "media"
        self.tiny = folder / "tiny"
        self.other = folder / "other"
        done = self.run(program=self._write)
        assert done.code == 0, done.err

    def run(self, *arguments: str | Path, program: Callable[[], None] | None = None) -> Done:
        """Run a command that is not disturbed."""
        return run(*arguments, folder=self.folder, home=self.home, program=program)

    def needs(self, *arguments: str | Path) -> Done:
        """Run a command that has to succeed, or to skip something."""
        done = self.run(*arguments)
        assert done.code in (0, 1), (arguments, done.err)
        return done

    def _write(self) -> None:
        write_media(self.media)
        make_tiny_encoder(self.tiny)
        make_tiny_encoder(self.other, seed=1, name="other")
        write_vectors(self.folder / "vectors", 1100)
        write_vectors(self.folder / "more-vectors", 40, seed=1)
        pictures.write_classes(self.folder / "classes", ("red", "green", "blue"), count=6)
        multimodal.write_table(self.folder / "table", rows=24)
        self._write_texts()

    def _write_texts(self) -> None:
        try:
            from tests.training import tiny_generation
        except ImportError:  # without torch
            return
        tiny_generation.table(self.folder / "captioned", broken=False)
        rows = [
            f"a {c} {t},le {t} {c}"
            for c in tiny_generation.COLOURS
            for t in ("cat", "dog", "square")
        ]
        (self.folder / "texts.csv").write_text("\n".join(["en,fr", *rows]) + "\n", "utf-8")

    def collection(self, name: str = "library.sensorium") -> Path:
        """A collection of the media, made when it is first asked for."""
        path = self.folder / name
        if not path.exists():
            self.needs("index", self.media, self.media / "captions.csv", "-c", path,
                       "--encoder", self.tiny)  # fmt: skip
        return path

    def large(self) -> Path:
        """A collection of vectors with captions, enough for an index and for learned codes."""
        path = self.folder / "large.sensorium"
        if not path.exists():
            self.needs("import", self.folder / "vectors", "-c", path, "--encoder", self.tiny)
        return path


def copy(source: Path, target: Path) -> None:
    """Copy a file or a folder, times and all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target)
