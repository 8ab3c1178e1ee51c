#!/usr/bin/env bash
# The index of a Matroska file is empty until somebody seeks, and its stream has no duration.
#
# With PyAV 18.1.0, stream.index_entries of an MP4 file names all key frames at once. Of the same pictures in
# Matroska it names one, until container.seek() makes FFmpeg read the cues; stream.duration is None for
# good (the container has one). What plans by the index sees a film of one picture.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check 'av==18.1.0' 'numpy==2.4.6'
cd "$work"
"$work/env/bin/python" - <<'PYTHON'
from fractions import Fraction

import av
import numpy as np


def write(name):
    with av.open(name, "w") as film:
        stream = film.add_stream("mpeg4", rate=10, options={"g": "20"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(100):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))


def keys(stream):
    return len({entry.timestamp for entry in stream.index_entries if entry.is_keyframe})


found = {}
for name in ("film.mp4", "film.mkv"):
    write(name)
    with av.open(name) as film:
        stream = film.streams.video[0]
        before = keys(stream)
        film.seek(9_000_000)
        found[name] = (before, keys(stream), stream.duration)
        print(f"PyAV {av.__version__} {name}: {before} keys, {keys(stream)} after a seek, {stream.duration=}")
assert found["film.mp4"][0] == found["film.mp4"][1] > 4 and found["film.mp4"][2] is not None
assert found["film.mkv"][0] <= 1 and found["film.mkv"][1] > 4 and found["film.mkv"][2] is None
PYTHON
