"""Pictures and documents of many formats, compared with ImageMagick, ExifTool and pandoc.

FFmpeg, ImageMagick and pandoc write the files, over the product of their options; HEIC with turns,
and raw files, are put together by the tests.
"""

from __future__ import annotations

import fnmatch
import io
import itertools
import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageDraw
import pytest

from sensorium.errors import MediaError
from sensorium.media import Document, Image, Text, open_media
from sensorium.media.pictures.raw import find_preview, open_preview
from tests.media.heics import exif_item, grid, heif, mirrored, picture_item, turned
from tests.media.raws import MAKERS
from tests.media.small_pictures import corners, exif

pytestmark = pytest.mark.slow

MAGICK = next(
    (
        program
        for program in ("/usr/bin/convert", shutil.which("magick"), shutil.which("convert"))
        if program is not None and Path(program).exists()
    ),
    None,
)

TOLERANCE = 2.5
"""Mean difference of levels of 255: rounding of 16 bits, and of colours that are subsampled."""

EXPLAINED_PICTURES: Mapping[str, str] = {}

EXPLAINED_PREVIEWS = {
    "cr3 *": "ExifTool goes by the description of the track's codec, which these files lack",
}

EXPLAINED_WORDS = {
    "epub * --toc": "pandoc reads the list of landmarks, which is hidden",
}

Pixels = npt.NDArray[np.uint8]


def run(*command: str | Path) -> bytes:
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout


def drawing(size: tuple[int, int] = (121, 90)) -> PIL.Image.Image:
    """Ramps of all colours, and a sharp edge."""
    width, height = size
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    picture = PIL.Image.fromarray(np.stack([x, y, 255 - x], axis=2).round().astype(np.uint8))
    PIL.ImageDraw.Draw(picture).rectangle((10, 10, width // 3, height // 2), "navy")
    return picture


def magick_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """What ImageMagick writes, by a name that says how."""
    assert MAGICK is not None
    drawing().save(folder / "colour.png")
    drawing().convert("L").save(folder / "grey.png")
    layered = drawing().convert("RGBA")
    layered.putalpha(drawing().convert("L"))
    layered.save(folder / "alpha.png")
    ways: list[tuple[str, str, list[str]]] = []
    for colour, suffix in itertools.product(("colour", "grey", "alpha"), ("jp2", "j2k")):
        ways.append((suffix, colour, ["-depth", "12"]))
    for colour, depth in itertools.product(("colour", "grey", "alpha"), ("8", "16")):
        ways.append(("jp2", colour, ["-depth", depth]))
        ways.append(("j2k", colour, ["-depth", depth]))
        if colour != "alpha":
            ways.append(("ppm" if colour == "colour" else "pgm", colour, ["-depth", depth]))
            plain = ["-depth", depth, "-compress", "none"]
            ways.append(("ppm" if colour == "colour" else "pgm", colour, plain))
            ways.append(("pfm", colour, []))
        ways.append(("pam", colour, ["-depth", depth]))
    for colour in ("colour", "grey", "alpha"):
        ways.append(("ico", colour, []))
        ways.append(("ico", colour, ["-resize", "256x256"]))
        ways.append(("cur", colour, ["-resize", "32x32!"]))
        ways += [("tga", colour, ["-compress", kind]) for kind in ("none", "rle")]
        ways.append(("qoi", colour, []))
        ways += [("heic", colour, ["-quality", q]) for q in ("40", "95")]
    for depth in ("10", "12"):
        ways.append(("heic", "colour", ["-depth", depth]))
    ways.append(("heic", "colour", ["-resize", "1000x700!"]))
    ways.append(("tga", "colour", ["-colors", "16", "-type", "Palette"]))
    ways.append(("pbm", "grey", ["-monochrome"]))
    ways.append(("pbm", "grey", ["-monochrome", "-compress", "none"]))
    for number, (suffix, colour, options) in enumerate(ways):
        path = folder / f"magick{number}.{suffix}"
        try:
            run(MAGICK, folder / f"{colour}.png", *options, path)
        except subprocess.CalledProcessError:
            continue  # this build of it lacks the format
        if path.exists():
            yield f"magick {suffix} {colour} {' '.join(options)}".strip(), path


def ffmpeg_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """What FFmpeg writes."""
    if shutil.which("ffmpeg") is None:
        return
    source = folder / "source.png"
    drawing().save(source)
    ways = {
        "ppm": ("rgb24", "rgb48be"), "pgm": ("gray", "gray16be"), "pbm": ("monowhite",),
        "pam": ("rgb24", "rgba", "gray", "ya8", "rgb48be", "gray16be"),
        "pfm": ("grayf32le", "grayf32be", "gbrpf32le", "gbrpf32be"), "qoi": ("rgb24", "rgba"),
        "tga": ("bgr24", "bgra", "gray", "rgb555le"), "jp2": ("rgb24", "gray", "yuv420p"),
        "j2k": ("rgb24", "gray16le"),
    }  # fmt: skip
    for suffix, formats in ways.items():
        for pixels in formats:
            path = folder / f"{pixels}.{suffix}"
            with suppress(subprocess.CalledProcessError):  # this build of it lacks the format
                run("ffmpeg", "-y", "-loglevel", "error", "-i", source, "-pix_fmt", pixels, path)
            if not path.exists():
                continue
            yield f"ffmpeg {suffix} {pixels}", path


def own_heics(folder: Path) -> Iterator[tuple[str, Path]]:
    """HEIC files with what phones put into them."""
    size = (128, 64)
    turns = [(), *((turned(n),) for n in (1, 2, 3)), *((mirrored(n),) for n in (0, 1))]
    turns += [(turned(n), mirrored(axis)) for n in (1, 3) for axis in (0, 1)]
    for number, properties in enumerate(turns):
        block = exif({0x0112: 6}).tobytes()
        items = [picture_item(corners(size), *properties), exif_item(block, of=1)]
        path = folder / f"turn{number}.heic"
        path.write_bytes(heif(items))
        yield f"own heic turn {number}", path
    whole = corners((256, 128))
    tiles = [whole.crop((x, y, x + 128, y + 64)) for y in (0, 64) for x in (0, 128)]
    items = [grid(2, 2, (250, 120), [2, 3, 4, 5])]
    path = folder / "grid.heic"
    path.write_bytes(heif([*items, *(picture_item(tile, hidden=True) for tile in tiles)]))
    yield "own heic grid", path


def seen_by_others(path: Path) -> Pixels:
    """The picture over white, as ImageMagick decodes it, or FFmpeg what that does not."""
    assert MAGICK is not None
    # It says of the TGA files that it writes that rows come from below, and they do not.
    if path.suffix in (".qoi", ".tga"):
        command = ("ffmpeg", "-loglevel", "error", "-i", path, "-f", "rawvideo", "-pix_fmt")
        raw = np.frombuffer(run(*command, "rgba", "-"), np.uint8)
        picture = PIL.Image.fromarray(raw.reshape(drawing().height, drawing().width, 4))
        white = PIL.Image.new("RGBA", picture.size, "white")
        return np.asarray(PIL.Image.alpha_composite(white, picture).convert("RGB"))
    content = run(
        MAGICK, f"{path}[0]" if path.suffix not in (".ico", ".cur") else path, "-background",
        "white", "-alpha", "remove", "-colorspace", "sRGB", "-depth", "8", "-type", "TrueColor",
        "ppm:-",
    )  # fmt: skip
    with PIL.Image.open(io.BytesIO(content)) as picture:
        return np.asarray(picture.convert("RGB"))


def checked(compared: Mapping[str, str], explained: Mapping[str, str], what: str) -> None:
    """Say how many were compared; what differs must be explained, and all explanations true."""
    print(f"{len(compared)} {what} compared")
    differing = {name: words for name, words in compared.items() if words}
    unexplained = {
        name: words
        for name, words in differing.items()
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in explained)
    }
    assert not unexplained, "\n".join(f"{name}: {words}" for name, words in unexplained.items())
    for pattern in explained:
        assert any(fnmatch.fnmatchcase(name, pattern) for name in differing), f"{pattern} is equal"


@pytest.mark.skipif(MAGICK is None, reason="needs ImageMagick")
def test_pictures(tmp_path: Path) -> None:
    compared: dict[str, str] = {}
    for files in (magick_files, ffmpeg_files, own_heics):
        for name, path in files(tmp_path):
            expected = seen_by_others(path)
            try:
                found = np.asarray(Image(path).load())
            except MediaError as error:
                compared[name] = str(error)
                continue
            if found.shape != expected.shape:
                compared[name] = f"{found.shape}, ImageMagick {expected.shape}"
                continue
            distance = np.abs(found.astype(int) - expected.astype(int)).mean()
            compared[name] = f"levels differ by {distance:.1f}" if distance > TOLERANCE else ""
    assert len(compared) >= 70
    checked(compared, EXPLAINED_PICTURES, "pictures")


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="needs ExifTool")
def test_previews_of_raw_files(tmp_path: Path) -> None:
    compared: dict[str, str] = {}
    for kind, orientation in itertools.product(MAKERS, (1, 3, 6, 8)):
        path = tmp_path / f"{orientation}.{kind}"
        path.write_bytes(MAKERS[kind](orientation))
        content = path.read_bytes()
        found = find_preview(content, path.suffix)
        assert found is not None
        ours = content[found.start : found.stop]
        theirs = max(
            (run("exiftool", "-b", f"-{tag}", path) for tag in ("JpgFromRaw", "PreviewImage")),
            key=len,
        )
        (said,) = json.loads(run("exiftool", "-json", "-n", "-Orientation", "-Model", path))
        with open_preview(found, content, path.name, []) as picture:
            turn = picture.getexif().get(0x0112)
            model = picture.getexif().get(0x0110)
        differences = []
        # ExifTool leaves out fill bytes at the end.
        if not ours.startswith(theirs[:-2]) or not theirs:
            differences.append(f"another preview ({len(ours):,} bytes, ExifTool {len(theirs):,})")
        if (turn, model) != (said.get("Orientation"), said.get("Model")):
            differences.append(f"says {turn} {model}, ExifTool {said}")
        compared[f"{kind} {orientation}"] = "; ".join(differences)
    checked(compared, EXPLAINED_PREVIEWS, "raw files")


TEXTS = {
    "plain": "# The garden\n\nThe pear tree was planted in 2019. It bears fruit.\n\n"
    "The well is dry in August.\n",
    "marks": "Some *words* are **strong**, `code` is code, and a [link](https://example.org) "
    "leads away.\n\n> A quotation.\n\n---\n\nThe end.\n",
    "lists": "1. First\n2. Second\n   - inner one\n   - inner two\n\nTerm\n:   What it is\n",
    "table": "| Fruit | Price |\n|---|---|\n| Pears | 4.20 |\n| Plums | 3.10 |\n\nAfter it.\n",
    "notes": "A claim.[^1] Another one.[^2]\n\n[^1]: Its proof.\n\n[^2]: Its *source*.\n",
    "scripts": "# 花园\n\n梨树种于2019年。八月井水干涸。\n\nСад у дома. حديقة جميلة. Ελληνικά.\n",
    "breaks": "One line\\\nand the next.\n\nSoft hyphen: Donau\u00addampf. Non\u00a0breaking.\n",
    "slides": "# One\n\nFirst.\n\n::: notes\nSay hello.\n:::\n\n# Two\n\n- a point\n- another\n",
}  # fmt: skip


def letters(text: str) -> str:
    """Letters alone: how lists, notes and tables are laid out and numbered is not compared."""
    return "".join(re.findall(r"[^\W\d_]", text.lower()))


@pytest.mark.skipif(shutil.which("pandoc") is None, reason="needs pandoc")
def test_documents(tmp_path: Path) -> None:
    compared: dict[str, str] = {}
    for kind, (name, text), options in itertools.product(
        ("docx", "odt", "epub", "pptx"), TEXTS.items(), ((), ("--number-sections",), ("--toc",))
    ):
        source, path = tmp_path / "source.md", tmp_path / f"made.{kind}"
        source.write_text(text)
        run("pandoc", source, "--metadata", "title=Heading", *options, "-o", path)
        document = open_media(path)
        assert isinstance(document, Document)
        passages = [s.media.text for s in document.segments() if isinstance(s.media, Text)]
        found = sorted(letters(" ".join(passages)))
        # It reads no slides.
        again = source if kind == "pptx" else path
        plain = run("pandoc", again, "-t", "plain", "--wrap=none").decode()
        expected = sorted(letters(plain))
        missing = _less(expected, found)
        beyond = _less(found, expected)
        label = f"{kind} {name} {' '.join(options)}".strip()
        compared[label] = "" if not missing else f"missing {missing!r}, beyond {beyond!r}"
        order = [letters(word) for word in re.findall(r"\w{4,}", plain)]
        joined = letters(" ".join(passages))
        lost = [word for word in order if word not in joined]
        if lost:
            compared[label] += f" words {lost}"
    checked(compared, EXPLAINED_WORDS, "documents")


def _less(one: list[str], other: list[str]) -> str:
    left = list(other)
    return "".join(letter for letter in one if letter not in left or left.remove(letter))
