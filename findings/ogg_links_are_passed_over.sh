#!/usr/bin/env bash
# Of a chained OGG file soundfile reads the first link and says nothing of the others.
#
# RFC 3533, section 4: OGG files may be written one behind the other, and are played so; internet radio is
# recorded like that, a link for each title. soundfile 0.14.0 (libsndfile 1.2.2) reports the length of the
# first link and ends there, without an error. PyAV 18.1.0 reports the length of the last one and decodes all.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check \
    'soundfile==0.14.0' 'av==18.1.0' 'numpy==2.4.6'
cd "$work"
"$work/env/bin/python" - <<'PYTHON'
import io

import av
import numpy as np
import soundfile

RATE = 48_000


def link(seconds):
    file = io.BytesIO()
    tone = 0.3 * np.sin(np.arange(seconds * RATE) * 2 * np.pi * 440 / RATE)
    soundfile.write(file, tone, RATE, format="OGG")
    return file.getvalue()


content = link(3) + link(2)
sound = soundfile.SoundFile(io.BytesIO(content))
read = len(sound.read()) / RATE
print(f"soundfile {soundfile.__version__}: {sound.frames / RATE:.1f} s, read {read:.1f} s of 5")
with av.open(io.BytesIO(content)) as file:
    length = file.duration / 1e6
    decoded = sum(frame.samples for frame in file.decode(audio=0)) / RATE
print(f"PyAV {av.__version__}: duration {length:.1f} s, decoded {decoded:.1f} s")
assert read == 3 and abs(length - 2) < 0.1 and abs(decoded - 5) < 0.1
PYTHON
