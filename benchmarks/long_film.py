"""A film of over 2 GB in a collection: how much memory that takes, of which process, and how long.

    python -m benchmarks long_film [--quick] [--json FILE]

The film is made on the spot: some seconds of H.264 in Full HD with sound, again and again. It is
added with `mini`, which sees its pictures, and then its sound is decoded, window by window. Peaks
are of resident memory (`VmHWM`, Linux), each in a process that has done nothing else.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np

from benchmarks.rows import Row

SIZE = (1920, 1080)
RATE = 25
GROUP_SECONDS = 4
"""Between key frames: farther apart than the two seconds within which they alone are decoded."""
GROUPS = 3
"""Different ones; they are repeated."""
BIT_RATE = 40_000_000
BYTES = 2_200_000_000
QUICK_BYTES = 200_000_000
SOUND_RATE = 48_000

CHILD = """
import json, resource, sys, time
from pathlib import Path
from sensorium import Collection, Video
from sensorium.media import isolation

def peak(process):
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

film, folder, part = sys.argv[1:]
begun = time.perf_counter()
if part == "add":
    with Collection(Path(folder) / "films.sensorium", "mini") as library:
        library.add(film)
        found = len(library.segments().ids)
elif part == "sound":
    found = sum(len(one.media.load(48_000)) > 0 for one in Video(film).sound.segments())
else:
    with Collection(Path(folder) / "photos.sensorium", "mini") as library:
        found = library.add("sample/images/x_dog.jpg").added
seconds = time.perf_counter() - begun
workers = [*isolation.workers()]
peaks = [peak(process) for process in workers]
used = [sum(map(int, Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()[11:13]))
        for one in workers]
own = resource.getrusage(resource.RUSAGE_SELF)
ended = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"found": found, "seconds": seconds, "own": peak("self"),
                  "worker": max([1024 * ended.ru_maxrss, *peaks]),
                  "processor": own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime
                  + sum(used) / 100}))
"""


def write_film(path: Path, size: int) -> float:
    """Write a film of at least so many bytes; return its seconds."""
    with av.open(str(path), "w") as container:
        film = container.add_stream("libx264", rate=RATE)
        film.width, film.height, film.pix_fmt = *SIZE, "yuv420p"
        film.bit_rate, film.codec_context.gop_size = BIT_RATE, GROUP_SECONDS * RATE
        film.options = {
            "preset": "ultrafast", "tune": "zerolatency", "bf": "0",
            "x264-params": f"keyint={GROUP_SECONDS * RATE}:scenecut=0",
        }  # fmt: skip
        sound = container.add_stream("aac", rate=SOUND_RATE, layout="mono")
        seconds = GROUPS * GROUP_SECONDS
        pictures, heard = _pictures(film, seconds), _sound(sound, seconds)
        packets = sorted(
            (*pictures, *heard), key=lambda packet: float(packet.dts * packet.time_base)
        )
        again = 0
        while again * sum(packet.size for packet in packets) < size:
            for packet in packets:
                copy = av.Packet(bytes(packet))
                shift = round(again * seconds / packet.time_base)
                copy.pts, copy.dts = packet.pts + shift, packet.dts + shift
                copy.time_base, copy.stream = packet.time_base, packet.stream
                copy.duration, copy.is_keyframe = packet.duration, packet.is_keyframe
                container.mux(copy)
            again += 1
    return float(again * seconds)


def _pictures(stream: av.VideoStream, seconds: int) -> list[av.Packet]:
    random = np.random.default_rng(0)
    ground = random.integers(0, 256, (SIZE[1], SIZE[0] * 2, 3), np.uint8)
    packets = []
    for number in range(seconds * RATE):
        scene, at = divmod(number, GROUP_SECONDS * RATE)
        pixels = ground[:, 8 * at : 8 * at + SIZE[0]] // (scene + 1)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        frame.pts = number
        packets += stream.encode(frame)
    return [*packets, *stream.encode(None)]


def _sound(stream: av.AudioStream, seconds: int) -> list[av.Packet]:
    times = np.arange(seconds * SOUND_RATE) / SOUND_RATE
    samples = (0.3 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)
    packets = []
    for start in range(0, len(samples), 1024):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], "fltp", "mono")
        frame.rate, frame.pts = SOUND_RATE, start
        packets += stream.encode(frame)
    return [one for one in packets if one.pts >= 0]


def run(arguments: argparse.Namespace) -> list[Row]:
    """Make the film, add it, hear it, and add one photo to compare."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        begun = time.perf_counter()
        seconds = write_film(path, QUICK_BYTES if arguments.quick else BYTES)
        size = path.stat().st_size
        case = f"{size / 1e9:.2f} GB, {seconds / 60:.0f} min"
        print(f"{case}, made in {time.perf_counter() - begun:.0f} s", file=sys.stderr)
        for part in ("photo", "add", "sound"):
            done = subprocess.run(
                [sys.executable, "-c", CHILD, str(path), folder, part],
                stdout=subprocess.PIPE, text=True, check=True,
            )  # fmt: skip
            found = json.loads(done.stdout)
            for metric, unit in (
                ("own", "MB"), ("worker", "MB"), ("seconds", "s"), ("processor", "s"),
                ("found", ""),
            ):  # fmt: skip
                value = found[metric] / 1e6 if unit == "MB" else found[metric]
                name = {"own": "peak memory", "worker": "peak memory of a worker"}.get(
                    metric, metric
                )
                rows.append(Row("long_film", case, part, name, value, unit))
    return rows
