"""OpenVINO and ONNX Runtime for each tower of an encoder: what a start costs, and what follows.

    python -m benchmarks runtimes [--quick] [--json FILE] [--encoder NAME] [--rounds N]

Every figure is of a process of its own, which is told its runtime and precision by environment
variables as a user would; the systems take turns, each round beginning with another, and figures
are medians over rounds. OpenVINO's compiled models are in its cache, as from the second start on.

For each tower: seconds to load it (the runtime's import included), seconds of the first item after
that, and then items a second, in batches of 32 and one at a time. Pictures are decoded and texts
tokenised before. For the whole job: `sensorium search` from a cold shell, and photos indexed by a
process from its start to its end. "CPU" is processor time of all threads, which other programs on
the machine disturb less than the wall clock.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from statistics import median

from rich.console import Console

from benchmarks.indexing import INDEX, SEARCH, fill, warn_if_busy
from benchmarks.measuring import run_process, run_python, seconds
from benchmarks.photos import MEGAPIXELS, make_photos
from benchmarks.rows import Row
from benchmarks.sample import sample_rows
from sensorium import load_encoder
from sensorium.media import Modality

SYSTEMS = {
    "OpenVINO": {"SENSORIUM_RUNTIME": "openvino", "SENSORIUM_PRECISION": "bf16"},
    "OpenVINO, all float32": {"SENSORIUM_RUNTIME": "openvino", "SENSORIUM_PRECISION": "f32"},
    "ONNX Runtime": {"SENSORIUM_RUNTIME": "onnxruntime", "SENSORIUM_PRECISION": "bf16"},
}

ROUNDS, QUICK_ROUNDS = 7, 3
PHOTOS = 96
SIZE = 2  # megapixels

UNITS = {"load": "s", "first item": "s", "load and first item, CPU": "s"}
"""Of what is no speed."""

TOWER = """
import json, sys, time
import numpy as np
from sensorium import Image, Text, load_encoder
from sensorium.encoders.background import PASSAGES
from sensorium.media import Modality

modality, span = Modality(sys.argv[2]), float(sys.argv[3])
encoder = load_encoder(sys.argv[1])
if modality == Modality.IMAGE:
    media = [Image(path) for path in sys.argv[4:]]
else:  # questions of one to thirteen words
    words = [" ".join(text.split()[: 1 + n % 13]) for n, text in enumerate(PASSAGES)]
    media = [Text(text) for text in words if text.strip()][:32]
batch = [encoder.prepare(one) for one in media]

cpu, started = time.process_time(), time.perf_counter()
description = encoder._tower(modality).description
loaded = time.perf_counter()
encoder.encode_prepared(modality, batch[:1])
answered = time.perf_counter()
found = {
    "load": loaded - started,
    "first item": answered - loaded,
    "load and first item, CPU": time.process_time() - cpu,
}
for name, size in (("batches of 32", len(batch)), ("one at a time", 1)):
    parts = [batch[start : start + size] for start in range(0, len(batch), size)]
    speeds, costs = [], []
    end = time.perf_counter() + span
    while len(speeds) < 4 or time.perf_counter() < end:
        cpu, started = time.process_time(), time.perf_counter()
        for part in parts:
            encoder.encode_prepared(modality, part)
        speeds.append(len(batch) / (time.perf_counter() - started))
        costs.append(len(batch) / (time.process_time() - cpu))
    # The first pass meets each length for the first time.
    found[name] = float(np.median(speeds[1:]))
    found[f"{name}, per second of CPU"] = float(np.median(costs[1:]))
print(json.dumps({"found": found, "description": description}))
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--encoder", default="mini", metavar="NAME", help="default: mini")
    parser.add_argument("--rounds", type=int, metavar="N", help=f"default: {ROUNDS}")


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure every tower on every system, then whole commands."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    warn_if_busy(console)
    rounds = arguments.rounds or (QUICK_ROUNDS if arguments.quick else ROUNDS)
    encoder = load_encoder(arguments.encoder)
    pictures = [row["image"] for row in sample_rows()][:32]
    rows: list[Row] = []
    for modality in (Modality.IMAGE, Modality.TEXT):
        if modality in encoder.space.modalities:
            span = "0.5" if arguments.quick else "1.5"
            given = [arguments.encoder, modality.value, span]
            given += pictures if modality == Modality.IMAGE else []
            rows += _tower(modality, given, rounds, console)
    with tempfile.TemporaryDirectory() as temporary:
        rows += _commands(arguments.encoder, Path(temporary), rounds, console)
    return rows


def _tower(modality: Modality, given: list[str], rounds: int, console: Console) -> Iterator[Row]:
    case = "pictures" if modality == Modality.IMAGE else "texts"
    found: dict[str, dict[str, list[float]]] = {name: {} for name in SYSTEMS}
    for turn in range(-1, rounds):
        for system in _turned(turn):
            one = run_python(TOWER, *given, environment=SYSTEMS[system])
            if turn < 0:  # which fills the cache of compiled models
                console.print(f"{case}, {system}: {one['description']}")
                continue
            for metric, value in one["found"].items():
                found[system].setdefault(metric, []).append(value)
    for metric in found["OpenVINO"]:
        unit = UNITS.get(metric, f"{case}/s")
        values = {system: median(of_system[metric]) for system, of_system in found.items()}
        yield from _figures(case, metric, unit, values)


def _commands(name: str, folder: Path, rounds: int, console: Console) -> Iterator[Row]:
    library = folder / "search.sensorium"
    fill(library, name, load_encoder(name))
    sources = [Path(row["image"]) for row in sample_rows()]
    photos = folder / "photos"
    make_photos(sources, photos, PHOTOS, MEGAPIXELS[SIZE])
    number = count()

    def search(environment: Mapping[str, str]) -> None:
        command = [sys.executable, "-c", SEARCH, "search", "a red bird", "--collection"]
        run_process([*command, str(library)], environment)

    def index(environment: Mapping[str, str]) -> None:
        path = folder / f"{next(number)}.sensorium"
        run_python(INDEX, str(path), name, str(photos), environment=environment)

    for case, task, metric in (
        ("search from a cold shell", search, "time to answer"),
        (f"index {PHOTOS} photos of {SIZE} megapixels, from a cold shell", index, "time"),
    ):
        console.print(case)
        times: dict[str, list[float]] = {system: [] for system in SYSTEMS}
        for turn in range(-1, rounds):
            for system in _turned(turn):
                taken = seconds(lambda task=task, system=system: task(SYSTEMS[system]))  # type: ignore[misc]
                if turn >= 0:
                    times[system].append(taken)
        yield from _figures(case, metric, "s", {s: median(t) for s, t in times.items()})


def _turned(turn: int) -> list[str]:
    """The systems, beginning with another each turn."""
    names = list(SYSTEMS)
    return names[turn % len(names) :] + names[: turn % len(names)]


def _figures(case: str, metric: str, unit: str, values: Mapping[str, float]) -> Iterator[Row]:
    for system, value in values.items():
        yield Row("runtimes", case, system, metric, value, unit)
    ratio = values["ONNX Runtime"] / values["OpenVINO"]
    yield Row("runtimes", case, "ONNX Runtime / OpenVINO", metric, ratio, unit)
