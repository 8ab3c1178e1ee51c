"""What `duplicates` takes of many pictures: processor time, memory, and how both grow.

    python -m benchmarks.many_doubles [--counts 1500,3000] [--photos] [--before CHECKOUT]
                                      [--copies] [--most SECONDS] [--keep FOLDER]

Pictures are blocks of random colours, which the model finds alike (their cosines are 0.95 to 0.99),
though none shows what another one does: the worst there is. With ``--photos`` they are views of
photos and drawings (`benchmarks.views`) of 224 pixels, as JPEGs, whose vectors are made by
``python -m benchmarks.views N``. Each build finds what is there twice in a process of its own, in
turns; one that takes longer than ``--most`` is ended, and what it had taken by then is told.
Rivals that are installed see the same folder: czkawka (its Python package) and imagededup's PHash,
with the thresholds of `benchmarks.duplicates`; both compare hashes alone. Sensorium's vectors are
there before, as its collection has them; rivals hash within their time.

With ``--keep`` pictures, collections and figures stay in a folder: a run that was stopped goes on
there, and what was measured is not measured again.
"""

import argparse
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import PIL.Image

from benchmarks.rows import Row, print_table
from sensorium import Collection

FIND = """
import json, sys, threading, time
from sensorium import Collection
from sensorium.collection.duplicates import find_duplicate_items
def peak():
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(status["VmHWM"].split()[0]) / 1024
def tell(groups=None):
    print(json.dumps({"MB": peak(), "groups": groups}), flush=True)
def watch():
    while True:
        time.sleep(2)
        tell()
threading.Thread(target=watch, daemon=True).start()
with Collection(sys.argv[1], create=False) as library:
    tell(len(find_duplicate_items(library, altered=sys.argv[2] == "all")))
"""

WATCHED = FIND.split("with Collection")[0].replace("from sensorium", "# from sensorium")

RIVALS = {
    "czkawka": """
from czkawka import ImageSimilarity
finder = ImageSimilarity()
finder.set_directories([sys.argv[1]])
finder.set_similarity(5)
tell(len(finder.find_similar()))
""",
    "imagededup": """
from types import ModuleType
sys.modules.setdefault("torchvision._meta_registrations", ModuleType("described"))
from imagededup.methods import PHash
found = PHash(verbose=False).find_duplicates(image_dir=sys.argv[1], max_distance_threshold=10)
tell(sum(bool(others) for others in found.values()))
""",
}
"""What each finds, as groups or as pictures that have any double."""


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser("python -m benchmarks.many_doubles", description=__doc__)
    parser.add_argument("--counts", default="1500,3000", help="numbers of pictures, with commas")
    parser.add_argument("--photos", action="store_true", help="views of photos and drawings")
    parser.add_argument("--before", type=Path, metavar="CHECKOUT", help="an earlier build, too")
    parser.add_argument("--copies", action="store_true", help="copies alone, nothing altered")
    parser.add_argument("--most", type=float, default=3600, help="seconds of a process; 3600")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="go on with what is there")
    arguments = parser.parse_args()
    checkouts = {"sensorium": Path(__file__).parents[1]}
    if arguments.before is not None:
        checkouts["sensorium before"] = arguments.before
    counts = sorted(map(int, arguments.counts.split(",")))
    kind = "views" if arguments.photos else "blocks of random colours"
    rows: list[Row] = []
    with _workplace(arguments.keep) as folder:
        make = _views if arguments.photos else _blocks
        paths = make(folder / kind.replace(" ", "-"), counts[-1])
        for count in counts:
            case = f"{count:,} {kind}" + ", copies alone" * arguments.copies
            library = folder / f"{count}-{kind.replace(' ', '-')}.sensorium"
            if not (whole := library.with_suffix(".whole")).exists():
                vectors = _vectors(paths[:count], arguments.photos)
                with Collection(library, "mini", auto_optimize=False) as collection:
                    collection.add_vectors(vectors, [str(path) for path in paths[:count]])
                whole.touch()
            for system, checkout in checkouts.items():
                what = "copies" if arguments.copies else "all"
                command = [FIND, str(library), what]
                rows += _kept(folder, case, system, command, checkout, arguments.most)
            for rival, code in RIVALS.items():
                if find_spec(rival) is None:
                    print(f"left out: {rival} is not installed", file=sys.stderr)
                    continue
                some = folder / f"{count}"
                shutil.rmtree(some, ignore_errors=True)
                some.mkdir()
                for path in paths[:count]:
                    (some / path.name).hardlink_to(path)
                command = [WATCHED + code, str(some)]
                rows += _kept(folder, case, rival, command, folder, arguments.most)
                shutil.rmtree(some)
    print_table(rows)


@contextmanager
def _workplace(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.absolute()
        return
    with tempfile.TemporaryDirectory() as temporary:
        yield Path(temporary)


def _kept(
    folder: Path, case: str, system: str, command: list[str], checkout: Path, most: float
) -> list[Row]:
    """What was measured there before, or is now."""
    file = folder / f"{case} {system}.json"
    if not file.exists():
        found = _found(case, system, command, checkout, most)
        file.write_text(json.dumps([asdict(row) for row in found]))
    return [Row(**row) for row in json.loads(file.read_text())]


def _found(case: str, system: str, command: list[str], checkout: Path, most: float) -> list[Row]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    others = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    child = subprocess.Popen(
        [sys.executable, "-c", *command], stdout=subprocess.PIPE, text=True,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(checkout / "src"), *others]),
            # Hashes of an earlier run would be found there.
            **({"XDG_CACHE_HOME": str(checkout / "cache")} if system in RIVALS else {}),
        },
    )  # fmt: skip
    try:
        out, _ = child.communicate(timeout=most)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
        out, _ = child.communicate()
    seconds = time.perf_counter() - began
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = now.ru_utime + now.ru_stime - before.ru_utime - before.ru_stime
    told = json.loads(out.splitlines()[-1])
    ended = "" if child.returncode == 0 else ", not ended"
    return [
        Row("many_doubles", case, system, f"processor time{ended}", processor, "s"),
        Row("many_doubles", case, system, f"time{ended}", seconds, "s"),
        Row("many_doubles", case, system, f"peak memory{ended}", told["MB"], "MB"),
        Row("many_doubles", case, system, f"groups{ended}", float(told["groups"] or 0)),
    ]


def _blocks(folder: Path, count: int) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = []
    for number in range(count):
        path = folder / f"{number:06}.png"
        paths.append(path)
        if path.exists():
            continue
        levels = np.random.default_rng(number).integers(256, size=(8, 8, 3), dtype=np.uint8)
        with _whole(path) as unfinished:
            picture = PIL.Image.fromarray(levels.repeat(32, 0).repeat(32, 1))
            picture.save(unfinished, "PNG", compress_level=1)
    return paths


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A name to write to, which becomes `path` when all is written."""
    unfinished = path.with_suffix(".part")
    yield unfinished
    unfinished.rename(path)


def _views(folder: Path, count: int) -> list[Path]:
    from benchmarks import views

    views.load_views(count)  # the sources are there then
    decoded = np.load(views._decoded_path(), mmap_mode="r")
    photos = [
        number
        for number, row in enumerate(views.source_rows())
        if row["set"] == "gcompris" and row["style"] == "photo"
    ]
    folder.mkdir(exist_ok=True)
    paths = []
    for number in range(count):
        path = folder / f"{number:06}.jpg"
        paths.append(path)
        if path.exists():
            continue
        rng = np.random.default_rng((number // views.PART, number % views.PART))
        pixels, _ = views.draw_view(rng, decoded, photos)
        with _whole(path) as unfinished:
            PIL.Image.fromarray(pixels).save(unfinished, "JPEG", quality=90)
    return paths


def _vectors(paths: list[Path], photos: bool) -> np.ndarray:
    if photos:
        from benchmarks import views

        return views.load_views(len(paths)).vectors
    from sensorium import Image, load_encoder

    return load_encoder("mini").encode([Image(path) for path in paths])


if __name__ == "__main__":
    main()
