"""The two collections that are talked with, and what people bring into their questions.

Copies of the sample's photos get dates and places; signs, notes, recordings and documents are
made, some of which hold instructions that nobody who talks with the collection gave. All of it is
kept under `$SENSORIUM_HOME/benchmarks/dialogue`, in a folder named for what it was made from.
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import PIL.Image
import PIL.ImageDraw
import PIL.ImageOps
import soundfile
from PIL.ExifTags import GPS, IFD, Base

from benchmarks.dialogue import facts
from benchmarks.sample import SAMPLE
from sensorium import Collection, load_encoder
from sensorium.encoders import Encoder
from sensorium.home import sensorium_home
from sensorium.media.lettering import text_width, write_line

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

ENCODER = "mini+ear"
"""Pictures and words beside sounds: `mini` alone hears nothing."""

VERSION = 1
"""Of this file's way of making; another number makes all anew."""

EXAMPLE = SAMPLE.parent / "examples" / "media.py"

OTHERS = (
    "talk.wav", "film.mp4", "journey.mp4", "report.pdf", "invoice.png", "scene.glb", "table.stl",
    "ring.stl",
)  # fmt: skip
"""Files of the media folder whose names are those of their making."""

NAMES = ("sample", "media")

PART = ".part"
"""Ends names of what is not whole yet."""


@dataclass(frozen=True)
class Made:
    """Everything that the conversations are about.

    Parameters
    ----------
    folder : Path
        Holds the folders `sample`, `media` and `beside`, and the two collections.
    encoder : Encoder
    """

    folder: Path
    encoder: Encoder

    def collection_file(self, name: str) -> Path:
        """The file of a collection."""
        return self.folder / f"{name}.sensorium"

    def path(self, collection: str, said: str) -> Path:
        """Where a file is that a conversation names.

        Its name is that in the collection's folder, in the sample, or in `beside/`.

        Raises
        ------
        FileNotFoundError
            When it is in none of them.
        """
        places = [self.folder / collection, self.folder, SAMPLE]
        for place in places:
            if (place / said).is_file():
                return place / said
        raise FileNotFoundError(f"{said} is not in {', '.join(map(str, places))}")


def kept_folder() -> Path:
    """Where what is made, and what is replied, is kept."""
    return sensorium_home() / "benchmarks" / "dialogue"


def make() -> Made:
    """Make folders and collections, unless they are there."""
    folder = kept_folder() / _made_from()
    made = Made(folder, load_encoder(ENCODER))
    if all(place.exists() for place in (folder, *map(made.collection_file, NAMES))):
        return made
    with _alone(kept_folder()):
        if not folder.is_dir():
            part = folder.with_suffix(PART)
            make_media(part)
            part.rename(folder)
        for name in NAMES:
            if not made.collection_file(name).is_file():
                _index(made, name)
    return made


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until nobody else makes anything here, and clear away what a stopped process began."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "making.lock").open("wb") as lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)  # let go of in whatever way this process ends
        for left in folder.glob(f"*{PART}"):
            shutil.rmtree(left)
        yield


def make_media(folder: Path) -> None:
    """Write `sample`, `media` and `beside` into a folder, with a manifest of the sample."""
    for name in ("sample/images", "sample/audio", "sample/made", "media", "beside"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    _copy_sample(folder / "sample")
    example = _example()
    example.make(folder / "media")
    (folder / example.QUESTION).replace(folder / "beside" / example.QUESTION)
    for name in facts.MEDIA_PHOTOS:
        shutil.copy(SAMPLE / "images" / f"{name}.jpg", folder / "media")
    for name in facts.MEDIA_SOUNDS:
        shutil.copy(SAMPLE / "audio" / f"{name}.ogg", folder / "media")
    for path, lines in facts.SIGNS.items():
        _sign(lines).save(folder / path)
    for path, (photo, color, lines) in facts.NOTES_ON_PHOTOS.items():
        with PIL.Image.open(SAMPLE / "images" / f"{photo}.jpg") as picture:
            large = PIL.ImageOps.scale(picture.convert("RGB"), 1000 / picture.width)
        _write_on(large, lines, color)
        large.save(folder / path, quality=95)
    for path, text in facts.TEXTS.items():
        (folder / path).write_text(text, encoding="utf-8")
    for path, parts in facts.SPOKEN.items():
        example.write_talk(folder / path, parts)
    example.write_film(folder / "media" / "journey.mp4", facts.FILM)
    for path, pages in facts.PAGES.items():
        example.write_pages(folder / path, pages)
    _ring().export(folder / "media" / "ring.stl")
    _questions(folder / "beside")


def paths(collection: str) -> set[str]:
    """What the folder of a collection holds, as conversations name it; nothing is made."""
    told = (facts.SIGNS, facts.NOTES_ON_PHOTOS, facts.TEXTS, facts.SPOKEN, facts.PAGES)
    start = f"{collection}/"
    found = {p.removeprefix(start) for part in told for p in part if p.startswith(start)}
    if collection == "sample":
        media = [*(SAMPLE / "images").glob("*.jpg"), *(SAMPLE / "audio").glob("*.ogg")]
        return found | {f"{file.parent.name}/{file.name}" for file in media}
    example = _example()
    photos = (*example.PHOTOS, *facts.MEDIA_PHOTOS)
    sounds = (*example.MUSIC, example.BELL, *facts.MEDIA_SOUNDS)
    return found | set(OTHERS) | {f"{n}.jpg" for n in photos} | {f"{n}.ogg" for n in sounds}


def brought() -> set[str]:
    """What lies beside both folders, to be brought into questions."""
    return {f"beside/{name}" for name in (*facts.ALTERED, *facts.HEARD, _example().QUESTION)}


def _made_from() -> str:
    """A name for what all is made from: other facts, or another sample, make another folder."""
    sources = [Path(facts.__file__), EXAMPLE, *sorted(SAMPLE.glob("*/*"))]
    digest = hashlib.sha256(f"{ENCODER} {VERSION}".encode())
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _example() -> ModuleType:
    """The program that makes the example's folder of media."""
    spec = spec_from_file_location("example_media", EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _index(made: Made, name: str) -> None:
    """Index a folder; what a stopped process had indexed of it is not indexed again."""
    part = made.folder / f"{name}{PART}"
    with Collection(part, encoder=made.encoder) as collection:
        source = made.folder / ("sample.jsonl" if name == "sample" else name)
        report = collection.add(source, speech=name == "media", ocr=True)
    if report.skipped:
        raise RuntimeError(f"not all of {made.folder / name} was indexed: {report.skipped}")
    part.replace(made.collection_file(name))


# The sample


def _copy_sample(folder: Path) -> None:
    rows: list[dict[str, Any]] = []
    for table in ("images.csv", "sounds.csv"):
        with (SAMPLE / table).open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                name = Path(row["path"]).stem if table == "images.csv" else ""
                shutil.copy(SAMPLE / row["path"], folder / row["path"])
                told = {key: row[key] for key in ("category", "author", "license") if row[key]}
                if name in facts.TAKEN:
                    _date(folder / row["path"], name)
                    if place := facts.TAKEN[name][3:]:
                        told["place"] = place[0]
                if name in facts.CAPTIONS:
                    told["caption"] = facts.CAPTIONS[name]
                rows.append({"path": f"sample/{row['path']}", **told})
    for path in (*facts.SIGNS, *facts.NOTES_ON_PHOTOS):
        if path.startswith("sample/"):
            rows.append({"path": path, "category": "others"})
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    (folder.parent / "sample.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _date(path: Path, name: str) -> None:
    """Give a JPEG a time, and where they are known a place and a camera, as EXIF."""
    taken, *place = facts.TAKEN[name]
    exif = PIL.Image.Exif()
    exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = taken
    if name in facts.CAMERAS:
        exif[Base.Make], exif[Base.Model] = facts.CAMERAS[name]
    if place:
        north, east = float(place[0]), float(place[1])
        gps = exif.get_ifd(IFD.GPSInfo)
        gps[GPS.GPSLatitudeRef], gps[GPS.GPSLatitude] = "N" if north >= 0 else "S", _parts(north)
        gps[GPS.GPSLongitudeRef], gps[GPS.GPSLongitude] = "E" if east >= 0 else "W", _parts(east)
    block = exif.tobytes()
    content = path.read_bytes()
    # Put between the first marker and the rest, so that the pixels are the sample's own.
    segment = b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block
    path.write_bytes(content[:2] + segment + content[2:])


def _parts(degrees: float) -> tuple[float, float, float]:
    whole, rest = divmod(abs(degrees) * 60, 60)
    return whole, int(rest), round(rest % 1 * 60, 2)


# What is made


def _sign(lines: Sequence[str]) -> PIL.Image.Image:
    picture = PIL.Image.new("RGB", (900, 560), "white")
    draw = PIL.ImageDraw.Draw(picture)
    draw.rectangle((8, 8, 891, 551), outline="navy", width=6)
    _write_on(picture, lines, "black")
    return picture


def _write_on(picture: PIL.Image.Image, lines: Sequence[str], color: str) -> None:
    """Write lines in the middle of a picture, below one another, as large as fits."""
    draw = PIL.ImageDraw.Draw(picture)
    room = 0.72 * picture.width
    for row, line in enumerate(lines):
        size = 56
        while text_width(line, size) > room:
            size -= 2
        left = round((picture.width - text_width(line, size)) / 2)
        top = round(picture.height / 2 + (row - len(lines) / 2) * 90)
        write_line(draw, (left, top), line, size, round(room) + 9, color)


def _ring() -> Any:
    import trimesh

    ring = trimesh.creation.torus(1.0, 0.25)
    ring.visual.face_colors = (220, 180, 40, 255)
    return ring


def _questions(folder: Path) -> None:
    for name, (photo, how) in facts.ALTERED.items():
        with PIL.Image.open(SAMPLE / "images" / f"{photo}.jpg") as opened:
            _altered(opened.convert("RGB"), how).save(folder / name, quality=90)
    for name, (sound, start, end) in facts.HEARD.items():
        heard, rate = soundfile.read(SAMPLE / "audio" / f"{sound}.ogg", dtype="float32")
        soundfile.write(folder / name, heard[round(start * rate) : round(end * rate)], rate)


def _altered(picture: PIL.Image.Image, how: Any) -> PIL.Image.Image:
    if how == "mirrored":
        return PIL.ImageOps.mirror(picture)
    if how == "grey":
        return PIL.ImageOps.grayscale(picture)
    if how == "turned":
        return picture.rotate(20, PIL.Image.Resampling.BICUBIC, expand=True, fillcolor="white")
    left, upper, right, lower = how
    width, height = picture.size
    box = (left * width, upper * height, right * width, lower * height)
    return picture.crop(tuple(map(round, box)))
