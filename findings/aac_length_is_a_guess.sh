#!/usr/bin/env bash
# The duration of an ADTS AAC file is guessed from the bit rate of its beginning.
#
# A file of 60 seconds of which the first 20 are loud and the rest is silent: FFmpeg (PyAV 18.1.0) takes the
# bit rate of the loud part for all of it and reports far less than 60 s; the other way round far more.
# container.duration looks exact, and nothing says that it is a guess. Decoding counts right.
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

RATE = 44_100
noise = np.random.default_rng(0).normal(0, 0.2, 20 * RATE).clip(-1, 1).astype(np.float32)
silence = np.zeros(40 * RATE, np.float32)


def write(name, samples):
    with av.open(name, "w", format="adts") as file:
        stream = file.add_stream("aac", rate=RATE, layout="mono")
        for start in range(0, len(samples), 1024):
            frame = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], "fltp", "mono")
            frame.rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


for name, parts in (("loud_first.aac", [noise, silence]), ("loud_last.aac", [silence, noise])):
    write(name, np.concatenate(parts))
    with av.open(name) as file:
        guessed = file.duration / 1e6
        counted = sum(frame.samples for frame in file.decode(audio=0)) / RATE
    print(f"PyAV {av.__version__} {name}: duration {guessed:.1f} s, decoded {counted:.1f} s")
    assert abs(counted - 60) < 0.2
    assert guessed < 30 if name == "loud_first.aac" else guessed > 120
PYTHON
