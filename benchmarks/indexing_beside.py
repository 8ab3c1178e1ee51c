"""Indexing photos beside an earlier version and a plain loop, each in a process of its own.

Part of `python -m benchmarks indexing`, and by itself with `--beside`. `SENSORIUM_BEFORE` names a
checkout of the earlier version (`git worktree add ../before COMMIT`); without it none is measured.
The processes take turns. A second of processor time, of all threads, is what other programs on the
machine disturb least; the wall clock says as well whether any processor waited.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from statistics import median

from rich.console import Console

from benchmarks.measuring import run_python
from benchmarks.rows import Row

OURS, IN_8_BITS, BEFORE = "sensorium", "sensorium, 8 bits", "before"
PLAIN = "plain loop: Pillow, ONNX Runtime"

ADD = """
import json, sys, time
from pathlib import Path
from sensorium import Collection, load_encoder
library, name, folder, kind = sys.argv[1:]
encoder = load_encoder(name, runtime="onnxruntime" if kind == "plain" else None)
photos = sorted(Path(folder).iterdir())
encoder.encode(photos[:1])
wall, cpu = time.perf_counter(), time.process_time()
if kind == "plain":
    import numpy as np, PIL.Image
    for start in range(0, len(photos), 32):
        batch = []
        for path in photos[start : start + 32]:
            with PIL.Image.open(path) as picture:
                picture = picture.convert("RGB")
            side = min(picture.size)
            left, top = (picture.width - side) / 2, (picture.height - side) / 2
            box = (left, top, left + side, top + side)
            square = picture.resize((224, 224), PIL.Image.Resampling.BICUBIC, box=box)
            batch.append({"pixels": np.asarray(square)})
        encoder.encode_prepared("image", batch)
else:
    with Collection(library, encoder) as collection:
        assert collection.add(folder).added == len(photos)
found = {
    "speed": len(photos) / (time.perf_counter() - wall),
    "speed, per second of processor time": len(photos) / (time.process_time() - cpu),
}
if sys.platform == "linux":  # there getrusage starts from the peak of the process that forked
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    found["peak memory"] = int(status["VmHWM"].split()[0]) / 1000
print(json.dumps(found))
"""


def beside(name: str, folders: Mapping[int, Path], rounds: int, console: Console) -> Iterator[Row]:
    """Rows for photos of some sizes.

    Parameters
    ----------
    name : str
        The encoder.
    folders : mapping of int to Path
        Megapixels and a folder of photos.
    rounds : int
    """
    home = next(iter(folders.values())).parent
    systems = _systems(name, home, console)
    number = count()
    for megapixels, folder in folders.items():
        case = f"index {megapixels}-megapixel photos, a process each"
        found: dict[str, dict[str, list[float]]] = {system: {} for system in systems}
        names = [*systems]
        is_first = megapixels == min(folders)
        for turn in range(-1 if is_first else 0, rounds):  # the first compiles
            for system in names[turn % len(names) :] + names[: turn % len(names)]:
                encoder, kind, environment = systems[system]
                library = home / f"beside-{next(number)}.sensorium"
                one = run_python(
                    ADD, str(library), encoder, str(folder), kind, environment=environment
                )
                for metric, value in one.items() if turn >= 0 else ():
                    found[system].setdefault(metric, []).append(value)
        for system, metrics in found.items():
            for metric, values in metrics.items():
                unit = "MB" if metric == "peak memory" else "photos/s"
                yield Row("indexing", case, system, metric, median(values), unit)


def _systems(name: str, home: Path, console: Console) -> dict[str, tuple[str, str, dict[str, str]]]:
    """Encoder, kind and environment of each system that there is here."""
    systems: dict[str, tuple[str, str, dict[str, str]]] = {OURS: (name, "ours", {})}
    if find_spec("onnx") is None:
        console.print(f"  skipped: {IN_8_BITS}: onnx is not installed")
    else:
        systems[IN_8_BITS] = (str(_in_8_bits(name, home / "int8")), "ours", {})
    if checkout := os.environ.get("SENSORIUM_BEFORE"):
        path = os.pathsep.join([str(Path(checkout) / "src"), *sys.path])
        systems[BEFORE] = (name, "ours", {"PYTHONPATH": path})
    else:
        console.print(f"  skipped: {BEFORE}: SENSORIUM_BEFORE names no checkout")
    if find_spec("onnxruntime"):
        systems[PLAIN] = (name, "plain", {})
    return systems


def _in_8_bits(name: str, folder: Path) -> Path:
    """Calibrated on the sample's pictures, of which no photo of the measurement is made whole."""
    from benchmarks.sample import sample_rows
    from sensorium import load_encoder
    from sensorium.encoders import FolderEncoder
    from sensorium.encoders.int8 import export_int8

    source = load_encoder(name)
    assert isinstance(source, FolderEncoder), f"{name} is no folder of ONNX: export it"
    export_int8(source, folder, images=[Path(row["image"]) for row in sample_rows()])
    return folder
