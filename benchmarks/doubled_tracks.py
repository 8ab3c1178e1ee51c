"""What `duplicates` finds of sounds and films saved again, and whether it ever calls two one.

    python -m benchmarks doubled_tracks [--count N] [--kept FOLDER] [--quick] [--json FILE]

Recordings of the data sets, and films made of the sample collection's pictures and sounds, are
saved again as people's programs do (`SOUNDS_SAVED`, `FILMS_SAVED`); pairs that are
nearly one (another note, word, ending, sound track; one start or title) are each saved in some way.
All of a kind lie in a collection with the encoder mini+ear; of different ones, the two of a pair
are looked at. Rivals see the same files:

- sounds: Chromaprint's fingerprints (the program `fpcalc`, from Debian's libchromaprint-tools),
  which MusicBrainz Picard, beets and czkawka go by, laid over each other where they differ least
  (80 steps at most, AcoustID's limit), one where at most 2 of 32 bits differ on the mean: czkawka's
  default, without its least length of 10 s;
- films: vid_dup_finder's hash, which czkawka uses: signs of the 8 x 8 x 8 lowest of a cosine
  transform of 64 grey pictures of 64 x 64 pixels from the first 15 s, one where at most 0.3 of the
  bits differ (its default). It is computed here as its source defines it; the 30 s that it passes
  over at first are more than these films have.

``--kept`` keeps what is made and found in a folder, and takes up where it stopped.
"""

import argparse
import functools
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from benchmarks import duplicates, film_doubles, sound_doubles
from benchmarks.duplicates import OURS
from benchmarks.rows import Row
from sensorium import Collection
from sensorium.collection.duplicates import find_duplicate_items
from sensorium.errors import UsageError

NAME = "doubled_tracks"

shares = functools.partial(duplicates.shares, name=NAME)

RIVALS = {"sounds": "Chromaprint", "films": "vid_dup_finder"}

CHROMAPRINT_BITS = 2.0
CHROMAPRINT_STEPS = 80

FILM_TOLERANCE = 0.3

Bits = npt.NDArray[np.bool_]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--count", type=int, default=10, help="pairs of each kind; default: 10")
    parser.add_argument("--kept", type=Path, help="folder that what is found is kept in")


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure both systems on sounds, then on films."""
    for program in ("ffmpeg", "fpcalc"):
        if shutil.which(program) is None:
            raise UsageError(f"{program} is needed (Debian: ffmpeg, libchromaprint-tools)")
    count = 2 if arguments.quick else arguments.count
    result: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.kept or Path(scratch)
        for kind in RIVALS:
            result += _measured(folder / f"{kind} {count}", kind, count)
    return result


def _measured(folder: Path, kind: str, count: int) -> list[Row]:
    sounds = kind == "sounds"
    saved_, different = folder / "saved", folder / "different"
    if not (folder / "made.json").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        saved_.mkdir(parents=True)
        different.mkdir()
        make = sound_doubles.saved_sounds if sounds else film_doubles.saved_films
        pairs_of = sound_doubles.different_sounds if sounds else film_doubles.different_films
        copies = make(saved_, 3 * count if sounds else 2 * count)
        made = {
            "saved": [[path.name, shows, done] for path, shows, done in copies],
            "different": [[path.name, name] for name, path in pairs_of(different, count)],
        }
        (folder / "made.json").write_text(json.dumps(made))
    made = json.loads((folder / "made.json").read_text())
    result: list[Row] = []
    right, wrong = Counter[str](), Counter[str]()
    paths = [saved_ / name for name, _, _ in made["saved"]]
    total = Counter(done for _, _, done in made["saved"] if done)
    for system, pairs in _grouped(folder / "saved.json", paths, kind).items():
        files = made["saved"]
        of_one = [p for p in pairs if files[p[0]][1] == files[p[1]][1]]
        right[system] += len(of_one)
        wrong[system] += len(pairs) - len(of_one)
        hit = Counter(files[max(p)][2] for p in of_one if not files[min(p)][2])
        result += shares(f"{kind}: saved again", system, "recall", hit.total(), total.total())
        result += [
            Row(NAME, f"{kind}: {done} ({n})", system, "recall", hit[done] / n)
            for done, n in total.items()
        ]
    paths = [different / name for name, _ in made["different"]]
    kinds = [name for _, name in made["different"]]
    number = Counter(kinds[::2])
    for system, pairs in _grouped(folder / "different.json", paths, kind).items():
        # Beyond its pair a recording may be there again, cut to another length.
        one = [(a, b) for a, b in pairs if a // 2 == b // 2]
        wrong[system] += len(one)
        called = Counter(kinds[a] for a, _ in one)
        if system == OURS:
            for pair in one:
                print("called one:", *(paths[n].name for n in pair), flush=True)
        result += [
            Row(NAME, f"{kind}, different: {name} ({n})", system, "called one",
                called[name])
            for name, n in number.items()
        ]  # fmt: skip
        case = f"{kind}, different: all ({number.total()})"
        result += shares(case, system, "called one", len(one), number.total())
        both = right[system] + wrong[system]
        result += shares(f"{kind} that are called one", system, "precision", right[system], both)
    return result


def _grouped(kept: Path, paths: Sequence[Path], kind: str) -> dict[str, list[tuple[int, int]]]:
    """By each system, pairs of numbers of files that it takes for one."""
    if kept.is_file():
        known = json.loads(kept.read_text())
        return {system: [(a, b) for a, b in pairs] for system, pairs in known.items()}
    place = {str(path): number for number, path in enumerate(paths)}
    with Collection(kept.with_suffix(".sensorium"), "mini+ear") as collection:
        collection.add(list(paths))
        groups = [
            sorted(place[item.path] for item in group.items)
            for group in find_duplicate_items(collection)
        ]
    print(f"{kept.stem} {kind}: {len(paths)} files", file=sys.stderr, flush=True)
    found = {OURS: [(a, b) for group in groups for a in group for b in group if a < b]}
    if kind == "sounds":
        codes, most = [chromaprint(path) for path in paths], CHROMAPRINT_BITS
    else:
        codes, most = [film_hash(path) for path in paths], FILM_TOLERANCE
    far = chromaprint_distance if kind == "sounds" else film_distance
    found[RIVALS[kind]] = [
        (a, b)
        for a in range(len(codes))
        for b in range(a + 1, len(codes))
        if far(codes[a], codes[b]) <= most
    ]
    kept.write_text(json.dumps(found))
    return found


def chromaprint(path: Path) -> Bits:
    """Codes of `fpcalc`, shape (n, 32); of very short sounds none."""
    told = ["fpcalc", "-raw", "-length", "0", str(path)]
    said = subprocess.run(told, capture_output=True, text=True, check=False).stdout
    listed = [line.split("=")[1] for line in said.splitlines() if line.startswith("FINGERPRINT=")]
    codes = np.array([int(code) for code in "".join(listed).split(",") if code], np.uint64)
    return np.asarray((codes[:, None] >> np.arange(32, dtype=np.uint64)) & 1, bool)


def chromaprint_distance(one: Bits, other: Bits) -> float:
    """Mean count of bits that differ, where it is least and at least half lies over each other."""
    least = 32.0
    for step in range(-CHROMAPRINT_STEPS, CHROMAPRINT_STEPS + 1):
        a, b = one[max(0, step) :], other[max(0, -step) :]
        length = min(len(a), len(b))
        if length and 2 * length >= max(len(one), len(other)):
            least = min(least, float((a[:length] != b[:length]).sum(axis=1).mean()))
    return least


def film_hash(path: Path) -> Bits:
    """512 bits; see the head of this file."""
    from scipy.fft import dctn

    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        frames = [
            (float(frame.time or 0), np.asarray(frame.to_image().convert("L").resize((64, 64))))
            for frame in film.decode(stream)
        ]
    first = [(time, levels) for time, levels in frames if time <= frames[0][0] + 15]
    times = np.array([time for time, _ in first])
    wanted = np.linspace(times[0], times[-1], 64)
    chosen = np.abs(times[None] - wanted[:, None]).argmin(axis=1)
    cube = np.stack([first[n][1] for n in chosen]).astype(np.float64) - 128
    return np.asarray(dctn(cube, norm="ortho")[:8, :8, :8].ravel() > 0)


def film_distance(one: Bits, other: Bits) -> float:
    """Share of the bits that differ."""
    return float((one != other).mean())
