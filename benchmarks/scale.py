"""Indexing on a Ray cluster beside `add` here, plain Ray Data, and Daft: speed and start.

    python -m benchmarks scale [--quick] [--json FILE] [--photos N] [--python PYTHON]

Photos of two megapixels are made here (`benchmarks.photos`). Each system indexes them with `mini`
in a process of its own, in turns: `Collection.add` into SQLite, `sensorium.scale.index` into Lance
on a cluster that is started for it, and Ray Data and Daft by the usual plain program (files in, an
actor that decodes by Pillow and encodes, Parquet out), which says nothing of bad files, copies or a
second run. "one photo" is imports, the cluster and the model; "speed" is that of what `TIMES` as
many photos take longer.

Ray gives its processes a priority 15 lower than that of who starts it; here all have the same, or
on a busy machine that would be what is measured.

Two and four machines are simulated by so many nodes of one processor each and a stand-in encoder
that sleeps and uses no processor: what is measured is whether anything but the encoder is waited
for.

Daft wants older Arrow than Lance brings, so it needs an environment of its own; `--python` names
its interpreter (`pip install -e '.[scale]' daft`). What is not installed is skipped, saying so.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from rich.console import Console

from benchmarks.indexing import warn_if_busy
from benchmarks.measuring import run_process
from benchmarks.photos import make_photos
from benchmarks.rows import Row
from benchmarks.sample import sample_rows
from sensorium.encoders.registry import shipped_encoders

PHOTOS, QUICK_PHOTOS = 256, 128
TIMES = 3
SIZE = (1632, 1224)

OURS, HERE = "sensorium on Ray, Lance", "sensorium here, SQLite"
RAY, DAFT = "Ray Data, Parquet", "Daft, Parquet"

NODES = (1, 2, 4)
SLEEP = 0.05  # seconds for each picture of the stand-in
SLEPT, QUICK_SLEPT = 1200, 200

ENVIRONMENT = {"RAY_worker_niceness": str(os.nice(0))}

_PLAIN = """
import io, sys
from pathlib import Path
import numpy as np, PIL.Image

class Encode:
    def __init__(self):
        from sensorium import load_encoder
        self.encoder = load_encoder("mini")

    def vectors(self, files):
        batch = []
        for file in files:
            with PIL.Image.open(io.BytesIO(file)) as picture:
                picture = picture.convert("RGB")
            side = min(picture.size)
            left, top = (picture.width - side) / 2, (picture.height - side) / 2
            box = (left, top, left + side, top + side)
            square = picture.resize((224, 224), PIL.Image.Resampling.BICUBIC, box=box)
            batch.append({"pixels": np.asarray(square)})
        return self.encoder.encode_prepared("image", batch)
"""

PROGRAMS = {
    HERE: """
import sys
from sensorium import Collection
with Collection(sys.argv[2] + "/c.sensorium", "mini") as library:
    assert not library.add(sys.argv[1]).skipped
""",
    OURS: """
import sys
from sensorium import scale
report = scale.index(sys.argv[1], f"lance://{sys.argv[2]}/c.lance", encoder="mini", address="local")
assert not report.skipped
""",
    RAY: f"""{_PLAIN}
import os
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
import ray, ray.data
ray.init(include_dashboard=False, log_to_driver=False)
ray.data.DataContext.get_current().enable_progress_bars = False

class Actor(Encode):
    def __call__(self, batch):
        return {{"path": batch["path"], "vector": self.vectors(batch["bytes"])}}

files = ray.data.read_binary_files(sys.argv[1], include_paths=True)
encoded = files.map_batches(
    Actor, batch_size=32, num_cpus=1,
    compute=ray.data.ActorPoolStrategy(min_size=1, max_size=os.cpu_count()),
)
encoded.write_parquet(sys.argv[2] + "/parquet")
""",
    DAFT: f"""{_PLAIN}
import os
import daft

@daft.cls(use_process=True, max_concurrency=os.cpu_count())
class Udf(Encode):
    @daft.method.batch(
        return_dtype=daft.DataType.fixed_size_list(daft.DataType.float32(), 640), batch_size=32
    )
    def __call__(self, files):
        return list(self.vectors(files.to_pylist()))

table = daft.from_glob_path(sys.argv[1] + "/*")
table = table.with_column("bytes", table["path"].download())
encode = Udf()
table.select("path", encode(table["bytes"]).alias("vector")).write_parquet(sys.argv[2] + "/parquet")
""",
}

SLEEPERS = """
import sys, time
from pathlib import Path
import ray
from ray.cluster_utils import Cluster
from benchmarks.sleeping import SleepingEncoder, asked
from sensorium import scale
photos, folder, nodes = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
encoder, seconds = Path(sys.argv[4]), float(sys.argv[5])
log = folder / "log"
log.mkdir()
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
for _ in range(nodes - 1):
    cluster.add_node(num_cpus=1)
cluster.wait_for_nodes()
ray.init(address=cluster.address, log_to_driver=False, logging_level="error")
stand_in = SleepingEncoder(encoder, seconds, log, computes=False)
report = scale.index(photos, f"lance://{folder}/c.lance", encoder=stand_in)
times = sorted(when for of_one in asked(log).values() for when in of_one)
assert report.added == len(times), (report, len(times))
both = max(of_one[0] for of_one in asked(log).values())
late = [when for when in times if when >= both]
# Until the blocks that are left are fewer than actors: the end is the same whatever there is.
kept = late[: int(len(late) * 0.8)]
print((len(kept) - 1) / (kept[-1] - kept[0]))
ray.shutdown()
cluster.shutdown()
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--photos", type=int, help=f"default: {PHOTOS}, quick {QUICK_PHOTOS}")
    parser.add_argument("--python", default=sys.executable, help="interpreter that has Daft")
    parser.add_argument("--rounds", type=int, help="default: 3, quick 1; 0 leaves the speeds out")


def run(arguments: argparse.Namespace) -> list[Row]:
    """See the module."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    warn_if_busy(console)
    count = arguments.photos or (QUICK_PHOTOS if arguments.quick else PHOTOS)
    rounds = (1 if arguments.quick else 3) if arguments.rounds is None else arguments.rounds
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        sources = [Path(row["image"]) for row in sample_rows()]
        make_photos(sources, folder / "photos", count, SIZE)
        make_photos(sources, folder / "more", TIMES * count, SIZE)
        make_photos(sources, folder / "one", 1, SIZE)
        systems = dict(_installed(arguments.python, console))
        return [
            *(_speeds(folder, count, rounds, systems, console) if rounds else ()),
            *_nodes(folder, QUICK_SLEPT if arguments.quick else SLEPT, console),
        ]


def _installed(python: str, console: Console) -> Iterator[tuple[str, str]]:
    """Systems, and the interpreter of each."""
    for system in PROGRAMS:
        interpreter, module = (python, "daft") if system == DAFT else (sys.executable, "ray")
        if system == HERE or _imports(interpreter, module):
            yield system, interpreter
        else:
            console.print(f"{system}: {module} is not installed, left out")


def _imports(interpreter: str, module: str) -> bool:
    command = [interpreter, "-c", f"import {module}"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _speeds(
    folder: Path, count: int, rounds: int, systems: dict[str, str], console: Console
) -> Iterator[Row]:
    found: dict[tuple[str, str], list[float]] = {}
    names = list(systems)
    for turn in range(rounds):
        for system in names[turn % len(names) :] + names[: turn % len(names)]:
            for photos in ("one", "photos", "more"):
                console.print(f"round {turn + 1} of {rounds}: {system}, {photos}")
                taken = _seconds(systems[system], PROGRAMS[system], folder / photos)
                found.setdefault((system, photos), []).append(taken)
    case = "photos of 2 megapixels"
    for system in names:
        one, some, more = (median(found[system, photos]) for photos in ("one", "photos", "more"))
        yield Row("scale", case, system, "one photo", one, "s")
        yield Row("scale", case, system, f"{count} photos", some, "s")
        yield Row("scale", case, system, f"{TIMES * count} photos", more, "s")
        speed = (TIMES - 1) * count / (more - some)
        yield Row("scale", case, system, "speed", speed, "photos/s")


def _seconds(python: str, program: str, photos: Path) -> float:
    with tempfile.TemporaryDirectory() as out:
        started = time.perf_counter()
        run_process([python, "-c", program, str(photos), out], ENVIRONMENT)
        return time.perf_counter() - started


def _nodes(folder: Path, count: int, console: Console) -> Iterator[Row]:
    """One node and several, with a stand-in that sleeps."""
    sources = [Path(row["image"]) for row in sample_rows()]
    make_photos(sources, folder / "small", count, (64, 48))
    case = f"a stand-in that sleeps {1e3 * SLEEP:g} ms for each of {count} pictures"
    speeds = []
    for nodes in NODES:
        console.print(f"{case}: {nodes} node{'s' * (nodes > 1)}")
        with tempfile.TemporaryDirectory() as out:
            command = [
                sys.executable, "-c", SLEEPERS, str(folder / "small"), out, str(nodes),
                str(shipped_encoders()["mini"]), str(SLEEP),
            ]  # fmt: skip
            speeds.append(float(run_process(command, ENVIRONMENT).split()[-1]))
        system = f"{nodes} node{'s' * (nodes > 1)} of one processor"
        yield Row("scale", case, system, "speed", speeds[-1], "pictures/s")
    for nodes, speed in zip(NODES[1:], speeds[1:], strict=True):
        system = f"{nodes} nodes of one processor"
        yield Row("scale", case, system, "times one node", speed / speeds[0])
