"""What `duplicates` proves to be a copy: what of it is found, and whether anything else ever is.

    python -m benchmarks.proofs [--encoder NAME] [--count N]

Sets of N pictures (photos, stamps with their coins and dreidels, icons and flags, emoji, white
icons on transparency, forms that differ in a number) and copies of each, saved, turned and scaled
in many ways, are put into a collection each. Whatever a user could delete by ``--null`` and is no
copy of what stays is a false deletion. Of every second pair of forms, one has its copies there but
not itself: the other one must not take its place.
"""

import argparse
import hashlib
import io
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageEnhance
import PIL.ImageOps

from benchmarks import forms
from benchmarks.datasets import home, rows
from sensorium import Collection
from sensorium.collection.duplicates.finding import find_duplicate_items

Picture = PIL.Image.Image


def _jpeg(picture: Picture, quality: int) -> Picture:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return PIL.Image.open(file).convert("RGB")


def _resize(picture: Picture, scale: float) -> Picture:
    width, height = (max(16, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), PIL.Image.Resampling.LANCZOS)


def _crop(picture: Picture, share: float) -> Picture:
    width, height = picture.size
    x, y = round(width * share), round(height * share)
    return picture.crop((x, y, width - x, height - y))


Alter = Callable[[Picture], tuple[str, bytes]]
"""Takes a picture; gives suffix and content of a file."""


def _saved(picture: Picture, kind: str, **options: object) -> tuple[str, bytes]:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return f".{kind.lower()}", file.getvalue()


def _turned_by_exif(picture: Picture) -> tuple[str, bytes]:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    turned = picture.transpose(PIL.Image.Transpose.ROTATE_90)
    return _saved(turned, "JPEG", quality=90, exif=exif)


def _by_opencv(picture: Picture) -> Picture:
    import cv2

    size = (picture.width // 2, picture.height // 2)
    return PIL.Image.fromarray(cv2.resize(np.asarray(picture), size, interpolation=cv2.INTER_AREA))


#: Files that are made of a picture. Those up to the empty line are proven to be copies.
FILES: dict[str, Alter] = {
    "PNG": lambda p: _saved(p, "PNG", compress_level=1),
    "WebP, lossless": lambda p: _saved(p, "WEBP", lossless=True),
    "half the size, PNG": lambda p: _saved(_resize(p, 0.5), "PNG"),
    "0.4 of the size, lossless WebP": lambda p: _saved(_resize(p, 0.4), "WEBP", lossless=True),
    "JPEG, quality 95": lambda p: _saved(p, "JPEG", quality=95),
    "JPEG, quality 75": lambda p: _saved(p, "JPEG", quality=75),
    "JPEG, quality 50": lambda p: _saved(p, "JPEG", quality=50),
    "JPEG, turned by EXIF": _turned_by_exif,
    "half the size, JPEG 90": lambda p: _saved(_resize(p, 0.5), "JPEG", quality=90),
    "half the size, JPEG 75": lambda p: _saved(_resize(p, 0.5), "JPEG", quality=75),
    "JPEG, quality 30": lambda p: _saved(p, "JPEG", quality=30),
    "JPEG of a JPEG": lambda p: _saved(_jpeg(p, 85), "JPEG", quality=75),
    "WebP, quality 80": lambda p: _saved(p, "WEBP", quality=80),
    "quarter of the size, PNG": lambda p: _saved(_resize(p, 0.25), "PNG"),
    "half the size by OpenCV, PNG": lambda p: _saved(_by_opencv(p), "PNG"),
    "turned by 90 degrees, PNG": lambda p: _saved(
        p.transpose(PIL.Image.Transpose.ROTATE_90), "PNG"
    ),
    "2% cropped on each side, PNG": lambda p: _saved(_crop(p, 0.02), "PNG"),
    "20% lighter, PNG": lambda p: _saved(PIL.ImageEnhance.Brightness(p).enhance(1.2), "PNG"),
}

OF_TRANSPARENT = ("PNG", "WebP, lossless", "half the size, PNG", "0.4 of the size, lossless WebP")
"""What is made of pictures that are partly transparent."""


def sets(count: int) -> Iterator[tuple[str, dict[str, Picture]]]:
    """Names of sets and their pictures by name, about `count` in each."""
    photos = [row for row in rows("gcompris") if row["style"] == "photo"]
    yield "photos", _opened(photos[:: max(1, len(photos) // count)])
    stamps = rows("stamps")
    # Coins and dreidels are much alike; they come first.
    alike = [r for r in stamps if "money" in r["image"] or "dreydl" in r["image"]]
    others = [r for r in stamps if r not in alike]
    yield "coins and stamps", _opened([*alike, *others[:: max(1, len(others) // count)]])
    clipart = rows("clipart")
    icons = [r for r in clipart if "computer.icons" in r["image"]]
    flags = [r for r in clipart if ".flags." in r["image"]]
    chosen = [
        *icons[:: max(1, 2 * len(icons) // count)],
        *flags[:: max(1, 2 * len(flags) // count)],
    ]
    yield "icons and flags", _opened(chosen)
    white = {}
    for name, picture in _opened(icons[:: max(1, len(icons) // count)]).items():
        # They are drawn on white: what is dark of them is what is not transparent.
        shape = PIL.ImageOps.invert(picture.convert("L"))
        white[name] = PIL.Image.new("RGBA", picture.size, "white")
        white[name].putalpha(shape)
    yield "white icons", white
    emoji = rows("emoji")
    yield "emoji", _opened(emoji[:: max(1, len(emoji) // count)])
    made = {}
    for name, one, other in forms.pairs(count):
        made |= {f"{name} a": one, f"{name} b": other}
    yield "forms", made


def _opened(chosen: Sequence[dict[str, str]]) -> dict[str, Picture]:
    found = {}
    for row in chosen:
        with PIL.Image.open(home() / row["image"]) as file:
            clear = file.has_transparency_data
            found[row["image"]] = file.convert("RGBA" if clear else "RGB")
    return found


def _looks(picture: Picture) -> bytes:
    """Equal for what is equal but for transparent colours: the sets hold real doubles."""
    levels = np.array(picture.convert("RGBA"))
    levels[levels[..., 3] == 0] = 0
    return hashlib.sha256(str(levels.shape).encode() + levels.tobytes()).digest()


def measure_copies(encoder_name: str, count: int) -> None:
    """Print what is found, and what would be deleted by mistake, in each of the sets."""
    table: dict[str, dict[str, str]] = {}
    for set_name, originals in sets(count):
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as scratch:
            of: dict[str, tuple[str, str]] = {}  # path: original and what was done to it
            for number, (name, picture) in enumerate(originals.items()):
                clear = picture.mode == "RGBA"
                kinds = OF_TRANSPARENT if clear else tuple(FILES)
                files = {
                    "original": _saved(picture, "TIFF"),
                    **{k: FILES[k](picture) for k in kinds},
                }
                if set_name == "forms" and number % 4 == 1:
                    # Its copies are there, and nothing that has all of it.
                    for kind in ("original", "PNG", "WebP, lossless"):
                        del files[kind]
                for place, (kind, (suffix, content)) in enumerate(files.items()):
                    path = Path(scratch) / f"{number:04}-{place:02}{suffix}"
                    path.write_bytes(content)
                    of[str(path)] = (name, kind)
            with Collection(Path(scratch) / "c.sensorium", encoder_name) as collection:
                collection.add(scratch)
                seconds = time.perf_counter() - start
                found = find_duplicate_items(collection)
            whole_ones = {name for name, kind in of.values() if kind == "original"}
            looks = {name: _looks(picture) for name, picture in originals.items()}
            copies, alike, wrong = Counter[str](), Counter[str](), 0
            removed = 0
            for group in found:
                (first, kind), *rest = [of[item.path] for item in group.items]
                if group.kind == "copies":
                    removed += len(rest)
                    for name, _ in rest:
                        if looks[name] != looks[first]:
                            wrong += 1
                            if wrong <= 5:
                                print(f"  {set_name}: {name} taken for {first}")
                mine = [kind, *(kind for name, kind in rest if name == first)]
                if first in whole_ones:
                    (copies if group.kind == "copies" else alike).update(mine)
            total = Counter(kind for name, kind in of.values() if name in whole_ones)
            row = {"pictures": str(len(originals)), "files": str(len(of))}
            row |= {"to delete": str(removed), "false deletions": str(wrong)}
            for kind in FILES:
                if total[kind]:
                    row[kind] = f"{copies[kind] / total[kind]:.2f} {alike[kind] / total[kind]:.2f}"
            table[set_name] = row
            whole = time.perf_counter() - start
            print(f"{set_name}: indexed in {seconds:.0f} s, compared in {whole - seconds:.0f} s")
            print(json.dumps({set_name: row}), flush=True)
    names = list(dict.fromkeys(key for row in table.values() for key in row))
    print("\n| | " + " | ".join(table) + " |\n|---|" + "---|" * len(table))
    for name in names:
        print(f"| {name} | " + " | ".join(row.get(name, "") for row in table.values()) + " |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser("python -m benchmarks.proofs", description=__doc__)
    parser.add_argument("--encoder", default="mini")
    parser.add_argument("--count", type=int, default=150, metavar="N")
    arguments = parser.parse_args()
    measure_copies(arguments.encoder, arguments.count)
