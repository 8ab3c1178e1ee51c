"""Make a folder of every kind of media from the sample collection, to try searches on.

    python examples/media.py Media
    sensorium index Media --speech --ocr

Needs the extras ``media``, ``evaluate`` (matplotlib writes the PDF) and ``test`` (trimesh writes
the 3-D objects), and espeak-ng, a speech synthesiser, for what is spoken (``apt install
espeak-ng``).
"""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import soundfile
import trimesh
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

SAMPLE = Path(__file__).parent.parent / "sample"

PHOTOS = ("x_panda", "x_horse", "x_cow", "c_hammer1", "c_cathedral")
MUSIC = ("x_africa", "x_orchestra")
BELL = "a_bell"

QUESTION = "drums.wav"
"""Five seconds of the first music, beside the folder: to ask with."""

TALK = (
    "Good morning, and welcome to our club. The honey harvest was good this year.",
    "In September we shall visit the botanical garden. Please bring warm clothes.",
    "Finally, remember that the deadline for the tax declaration is the end of July.",
)
PAUSE = 1.0
"""Seconds of silence between what is said."""

FILM = (
    ("x_neuschwansteinCastle", "This is a beautiful castle in the mountains."),
    ("x_giraffe", "Now we see a giraffe in Africa."),
    ("x_eiffelTower", "And here is the famous tower of Paris."),
)
SCENE_SECONDS = 4.0

PAGES = (
    "Annual report of the garden club\n\nThe pear trees were pruned in March.\n"
    "A new greenhouse was built behind the old wall.",
    "Members' meeting\n\nThe treasurer presented the accounts.\nA new chairwoman was elected.",
)

RATE = 22_050


def make(folder: Path) -> None:
    """Write the media, and a question beside them; files of the same names are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in PHOTOS:
        shutil.copy(_photo(name), folder)
    for name in (*MUSIC, BELL):
        shutil.copy(SAMPLE / "audio" / f"{name}.ogg", folder)
    write_talk(folder / "talk.wav", TALK)
    write_film(folder / "film.mp4", FILM)
    write_pages(folder / "report.pdf", PAGES)
    invoice = PIL.Image.new("RGB", (900, 400), "white")
    font = PIL.ImageFont.load_default(40)
    PIL.ImageDraw.Draw(invoice).text((60, 160), "Invoice number 4711: total 250 euros", 0, font)
    invoice.save(folder / "invoice.png")
    cube, ball = trimesh.creation.box(), trimesh.creation.icosphere(radius=0.4)
    ball.apply_translation((0, 0, 0.9))
    for part, colour in ((cube, (200, 30, 30, 255)), (ball, (30, 60, 200, 255))):
        part.visual.face_colors = colour
    trimesh.Scene([cube, ball]).export(folder / "scene.glb")
    table = [trimesh.creation.box((2.0, 1.2, 0.1))]
    for x, y in itertools.product((-0.9, 0.9), (-0.5, 0.5)):
        leg = trimesh.creation.box((0.1, 0.1, 1.0))
        leg.apply_translation((x, y, -0.5))
        table.append(leg)
    trimesh.util.concatenate(table).export(folder / "table.stl")
    heard, rate = soundfile.read(SAMPLE / "audio" / f"{MUSIC[0]}.ogg", dtype="float32")
    soundfile.write(folder.parent / QUESTION, heard[6 * rate : 11 * rate], rate)


def write_talk(path: Path, sentences: Sequence[str]) -> None:
    """Sentences spoken one after the other, with a pause behind each."""
    quiet = np.zeros(round(PAUSE * RATE), np.float32)
    parts = [part for sentence in sentences for part in (_spoken(sentence), quiet)]
    soundfile.write(path, np.concatenate(parts), RATE)


def write_pages(path: Path, pages: Sequence[str]) -> None:
    """A PDF with a text on each page."""
    with PdfPages(path) as out:
        for page in pages:
            sheet = Figure(figsize=(6, 4))
            sheet.text(0.1, 0.8, page, verticalalignment="top")
            out.savefig(sheet)


def _photo(name: str) -> Path:
    found = sorted((SAMPLE / "images").glob(f"{name}.jpg"))
    if not found:
        raise SystemExit(f"{SAMPLE / 'images'}: there is no {name}.jpg")
    return found[0]


def _spoken(sentence: str) -> npt.NDArray[np.float32]:
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "said.wav"
        try:
            subprocess.run(["espeak-ng", "-s", "140", "-w", path, sentence], check=True)
        except FileNotFoundError:
            raise SystemExit("espeak-ng is not installed; run: apt install espeak-ng") from None
        samples, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE
    return np.asarray(samples, np.float32)


def write_film(path: Path, film: Sequence[tuple[str, str]]) -> None:
    """Photos one after the other, each with a sentence spoken over it."""
    scenes, track = [], []
    for name, sentence in film:
        said = _spoken(sentence)
        scenes.append((PIL.Image.open(_photo(name)).convert("RGB").resize((480, 360)), len(said)))
        rest = round(SCENE_SECONDS * RATE) - len(said)
        track += [said, np.zeros(max(0, rest), np.float32)]
    sound = np.concatenate(track)
    with av.open(str(path), "w") as container:
        pictures: Any = container.add_stream("mpeg4", rate=10)
        pictures.width, pictures.height, pictures.pix_fmt = 480, 360, "yuv420p"
        pictures.bit_rate = 2_000_000
        voice: Any = container.add_stream("aac", rate=RATE, layout="mono")
        number = 0
        for picture, samples in scenes:
            frame = av.VideoFrame.from_image(picture)
            for _ in range(round(max(SCENE_SECONDS, samples / RATE) * 10)):
                frame.pts, number = number, number + 1
                container.mux(pictures.encode(frame))
        container.mux(pictures.encode(None))
        for start in range(0, len(sound), 1024):
            block = np.ascontiguousarray(sound[None, start : start + 1024])
            said_frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            said_frame.rate, said_frame.pts = RATE, start
            container.mux(voice.encode(said_frame))
        container.mux(voice.encode(None))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    make(Path(sys.argv[1]))
