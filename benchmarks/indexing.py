"""Speed and weight of indexing and of the first search, against the design's budgets.

    python -m benchmarks indexing [--quick] [--json FILE] [--encoder NAME] [--beside]
                                  [--starts] [--before CHECKOUT]

Photos are made here (`benchmarks.photos`). Rivals run in the same call, in turns with ours; the
figures are medians, and "ratio" is a figure over ours. Rivals that are not installed are skipped,
saying so. Runs on a shared machine differ by tens of percent: measure again before quoting.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks import decoders, weight
from benchmarks.indexing_beside import beside
from benchmarks.measuring import Task, in_turns, run_process, run_python
from benchmarks.photos import MEGAPIXELS, make_photos
from benchmarks.rows import Row, readable
from benchmarks.sample import sample_rows
from benchmarks.starts import starts
from sensorium import Collection, Text, load_encoder
from sensorium.encoders import Encoder, Prepared
from sensorium.media import Modality

OURS, BUDGET = "sensorium", "budget"
ON_ONNX = "sensorium on ONNX Runtime"
PLAIN = "plain loop: Pillow, ONNX Runtime"

BATCH = 32
ITEMS = 10_000

#: Modules that searching must never import.
HEAVY = ("torch", "transformers", "pyarrow")

#: (case, metric, unit): what the design allows on 2 cores, and whether that is the most or least.
BUDGETS = {
    ("index 2-megapixel photos", "speed", "photos/s"): (100.0, "at least"),
    (f"cold search of {ITEMS:,} items", "time to first answer", "s"): (1.2, "at most"),
    ("import sensorium", "time", "s"): (0.3, "at most"),
    ("import sensorium", "heavy modules imported", ""): (0.0, "at most"),
    ("installed core", "size", "MB"): (500.0, "at most"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--encoder", default="mini", metavar="NAME", help="default: mini")
    parser.add_argument(
        "--beside", action="store_true", help="only whole processes, beside an earlier version"
    )
    parser.add_argument("--starts", action="store_true", help="cold starts of commands alone")
    parser.add_argument(
        "--before", type=Path, metavar="CHECKOUT", help="an earlier build, whose starts take turns"
    )


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure everything; say for each budget whether it is kept."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    warn_if_busy(console)
    quick: bool = arguments.quick
    rounds = 3 if quick else 7
    name: str = arguments.encoder
    if arguments.beside:
        with tempfile.TemporaryDirectory() as temporary:
            photos = _photos(Path(temporary), quick)
            folders = {megapixels: paths[0].parent for megapixels, paths in photos.items()}
            return [*beside(name, folders, 2 if quick else 5, console)]
    if arguments.starts:
        with tempfile.TemporaryDirectory() as temporary:
            fill(Path(temporary) / "cold.sensorium", name, load_encoder(name))
            return list(cold_starts(Path(temporary), rounds, arguments.before))
    encoders = {OURS: load_encoder(name), ON_ONNX: load_encoder(name, runtime="onnxruntime")}
    for system, encoder in encoders.items():
        console.print(f"{system}: {name} on {encoder.runtime}")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        photos = _photos(folder, quick)
        console.print("inference alone")
        rows += inference(encoders, photos[2], rounds)
        for megapixels, paths in photos.items():
            console.print(f"decoding and indexing {len(paths)} photos of {megapixels} megapixels")
            rows += decoding(megapixels, paths[:12], rounds, console)
            rows += indexing(megapixels, paths, encoders, rounds=3)
        console.print("memory, imports and cold searches, each in a new process")
        rows += memory(name, photos[2])
        rows += imports(rounds, console)
        rows += cold_search(name, encoders[OURS], folder, rounds)
        rows += cold_starts(folder, rounds, arguments.before)
    console.print("installed size")
    rows += installed_size(quick)
    return rows + budgets(rows, console)


def _photos(folder: Path, quick: bool) -> dict[int, list[Path]]:
    """Photos by their megapixels."""
    sources = [Path(row["image"]) for row in sample_rows()]
    counts = {2: 96, 12: 64} if quick else {2: 256, 12: 96}
    return {
        megapixels: make_photos(sources, folder / f"{megapixels}", number, size)
        for (megapixels, size), number in zip(MEGAPIXELS.items(), counts.values(), strict=True)
    }


def warn_if_busy(console: Console) -> None:
    """Say that speeds will come out too low when other programs take the processor."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0  # Windows has none
    cores = os.cpu_count() or 1
    if load > cores / 4:
        console.print(f"[yellow]busy machine:[/] load {load:.1f} on {cores} cores, speeds are low")


def figures(case: str, metric: str, unit: str, values: Mapping[str, float]) -> Iterator[Row]:
    """Rows of one metric for several systems."""
    for system, value in values.items():
        yield Row("indexing", case, system, metric, value, unit)


def inference(encoders: Mapping[str, Encoder], paths: list[Path], rounds: int) -> Iterator[Row]:
    """Photos and short texts a second through the model alone, decoded and tokenised before."""
    texts = [
        f"a photo of a {THINGS[number % len(THINGS)]}, no. {number}" for number in range(BATCH)
    ]
    inputs: dict[Modality, list[Prepared]] = {
        Modality.IMAGE: [{"pixels": decoders.ours(path)} for path in paths[:BATCH]],
        Modality.TEXT: [encoders[OURS].prepare(Text(text)) for text in texts],
    }
    for modality, things in ((Modality.IMAGE, "photos"), (Modality.TEXT, "short texts")):
        for size in (1, BATCH):

            def run_all(encoder: Encoder, modality: Modality, size: int) -> None:
                for start in range(0, BATCH, size):
                    encoder.encode_prepared(modality, inputs[modality][start : start + size])

            tasks: dict[str, Task] = {
                system: partial(run_all, encoder, modality, size)
                for system, encoder in encoders.items()
            }
            in_turns(tasks, 1)  # loads the towers and adapts them to the batch
            times = in_turns(tasks, rounds)
            speeds = {system: BATCH / seconds for system, seconds in times.items()}
            case = f"{things} through the model alone, batch {size}"
            yield from figures(case, "speed", f"{things.split()[-1]}/s", speeds)


THINGS = ["dog", "red bird", "castle by the sea", "hammer", "cup of tea", "windmill", "ship", "bee"]


def decoding(megapixels: int, paths: list[Path], rounds: int, console: Console) -> Iterator[Row]:
    """Milliseconds to decode one photo to 224 x 224 pixels in one thread."""
    available, missing = decoders.installed_decoders()
    for package in missing:
        console.print(f"  skipped: {package} is not installed")

    def task(decode: decoders.Decoder) -> Task:
        return lambda: [decode(path) for path in paths]

    times = in_turns({name: task(decode) for name, decode in available.items()}, rounds)
    values = {name: 1000 * seconds / len(paths) for name, seconds in times.items()}
    yield from figures(f"decode {megapixels}-megapixel photos", "time, one thread", "ms", values)


def indexing(
    megapixels: int, paths: list[Path], encoders: Mapping[str, Encoder], rounds: int
) -> Iterator[Row]:
    """Photos a second from files to durable rows; a plain loop keeps its vectors in memory."""
    folder = paths[0].parent
    number = count()

    def add(encoder: Encoder) -> None:
        path = folder.parent / f"index-{megapixels}-{next(number)}.sensorium"
        with Collection(path, encoder) as collection:
            report = collection.add(folder)
        assert report.added == len(paths), f"{report.added} of {len(paths)} photos were added"

    def plain_loop(encoder: Encoder) -> None:
        for start in range(0, len(paths), BATCH):
            pixels = [decoders.pillow_full(path) for path in paths[start : start + BATCH]]
            encoder.encode_prepared(Modality.IMAGE, [{"pixels": array} for array in pixels])

    tasks: dict[str, Task] = {
        OURS: lambda: add(encoders[OURS]),
        ON_ONNX: lambda: add(encoders[ON_ONNX]),
        PLAIN: lambda: plain_loop(encoders[ON_ONNX]),
    }
    times = in_turns(tasks, rounds)
    speeds = {system: len(paths) / seconds for system, seconds in times.items()}
    yield from figures(f"index {megapixels}-megapixel photos", "speed", "photos/s", speeds)


INDEX = """
import json, sys
from sensorium import Collection
Collection(sys.argv[1], sys.argv[2]).add(sys.argv[3])
if sys.platform == "linux":  # there getrusage starts from the peak of the process that forked
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    peak = 1024 * int(status["VmHWM"].split()[0])
else:
    import resource
    unit = 1 if sys.platform == "darwin" else 1024
    peak = unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"bytes": peak}))
"""


def memory(name: str, paths: list[Path]) -> Iterator[Row]:
    """Peak resident memory of a process that indexes photos."""
    folder = paths[0].parent
    values = {}
    for system, runtime in ((OURS, "openvino"), (ON_ONNX, "onnxruntime")):
        library = folder.parent / f"memory-{runtime}.sensorium"
        environment = {"SENSORIUM_RUNTIME": runtime}
        peak = run_python(INDEX, str(library), name, str(folder), environment=environment)
        values[system] = float(peak["bytes"]) / 1e6
    yield from figures("index 2-megapixel photos", "peak memory", "MB", values)


IMPORT = """
import json, sys, time
started = time.perf_counter()
__import__(sys.argv[1])
seconds = time.perf_counter() - started
if sys.argv[1] == "sensorium":
    from sensorium import Collection, load_encoder
ready = time.perf_counter() - started
heavy = [name for name in sys.argv[2:] if name in sys.modules]
print(json.dumps({"seconds": seconds, "ready": ready, "heavy": heavy}))
"""


def imports(rounds: int, console: Console) -> Iterator[Row]:
    """Seconds to import the package, and which heavy modules that drew in."""
    modules = [OURS]
    for rival in ("torch", "sentence_transformers", "open_clip"):
        if find_spec(rival):
            modules.append(rival)
        else:
            console.print(f"  skipped: {rival} is not installed")
    found: dict[str, list[dict[str, Any]]] = {module: [] for module in modules}

    def task(module: str) -> Task:
        return lambda: found[module].append(run_python(IMPORT, module, *HEAVY))

    in_turns({module: task(module) for module in modules}, rounds)
    names = {module: module if module == OURS else f"import {module}" for module in modules}
    case = "import sensorium"
    times = {
        names[module]: float(np.median([run["seconds"] for run in runs]))
        for module, runs in found.items()
    }
    yield from figures(case, "time", "s", times)
    ours = found[OURS]
    ready = float(np.median([run["ready"] for run in ours]))
    yield Row("indexing", case, OURS, "time with Collection and load_encoder", ready, "s")
    yield Row("indexing", case, OURS, "heavy modules imported", len(ours[0]["heavy"]))


SEARCH = "import sys; from sensorium.cli import main; sys.exit(main())"


def cold_search(name: str, encoder: Encoder, folder: Path, rounds: int) -> Iterator[Row]:
    """Seconds from starting a process to its answer, over random vectors.

    The first start on a machine also compiles the model; later ones find it in the cache.
    """
    library = folder / "cold.sensorium"
    fill(library, name, encoder)
    command = [sys.executable, "-c", SEARCH, "search", "a red bird", "--collection", str(library)]

    def task(**environment: str) -> Task:
        return lambda: run_process(command, environment)

    case = f"cold search of {ITEMS:,} items"
    first = in_turns({OURS: task(SENSORIUM_HOME=str(folder / "empty"))}, 1)
    yield from figures(case, "time to first answer, first start ever", "s", first)
    tasks = {OURS: task(), ON_ONNX: task(SENSORIUM_RUNTIME="onnxruntime")}
    in_turns(tasks, 1)  # fills the cache of compiled models
    yield from figures(case, "time to first answer", "s", in_turns(tasks, rounds))


def cold_starts(folder: Path, rounds: int, before: Path | None) -> Iterator[Row]:
    """Of each kind of command, over the collection of `cold_search`."""
    yield from starts(folder / "cold.sensorium", rounds, before, folder / "compiled")


def fill(library: Path, name: str, encoder: Encoder) -> None:
    """Make a collection of random unit vectors, as if that many files had been indexed."""
    random = np.random.default_rng(0)
    vectors = random.normal(size=(ITEMS, encoder.space.dimension)).astype(np.float32)
    with Collection(library, name, auto_optimize=False) as collection:
        collection.add_vectors(vectors, [f"/photos/{number}.jpg" for number in range(ITEMS)])


def installed_size(quick: bool) -> Iterator[Row]:
    """Megabytes that the core and all it needs take."""
    measure = weight.closure_bytes if quick else weight.installed_bytes
    yield Row("indexing", "installed core", OURS, "size", measure() / 1e6, "MB")


def budgets(rows: list[Row], console: Console) -> list[Row]:
    """Rows of the budgets, after saying which of them our figures keep."""
    measured = {(row.case, row.metric, row.unit): row.value for row in rows if row.system == OURS}
    allowed = []
    for key, (limit, bound) in BUDGETS.items():
        case, metric, unit = key
        value = measured[key]
        kept = value <= limit if bound == "at most" else value >= limit
        verdict = "[green]kept[/]" if kept else "[red]MISSED[/]"
        figure = f"{readable(value)} {unit}, {bound} {readable(limit)} {unit}"
        console.print(f"budget {verdict}: {case}, {metric}: {figure}")
        allowed.append(Row("indexing", case, BUDGET, metric, limit, unit))
    return allowed
