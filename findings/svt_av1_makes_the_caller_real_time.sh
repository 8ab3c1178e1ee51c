#!/usr/bin/env bash
# An AV1 encoder leaves the program that called it at the highest priority of real time, where it may.
#
# libsvtav1 (SVT-AV1 4.1.0 in the wheels of PyAV 18.1.0) gives its threads the policy SCHED_FIFO with priority
# 99 when the user is root, as in most containers with the right to, and the calling thread, too. It does not
# take that back when the encoder is closed: what the program does afterwards, and all processes that it
# starts, run before everything else on the machine. A program that computes on all cores then keeps out even
# the one that was to watch it. No option of the encoder or of FFmpeg says so; it prints at most "Failed to
# set thread priority". Without the right to (other users, containers without SYS_NICE) nothing happens.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check 'av==18.1.0'
cd "$work"
SVT_LOG=0 "$work/env/bin/python" - <<'PYTHON'
import os
import subprocess
import sys
from fractions import Fraction

import av

ASK = "import os; print(os.sched_getscheduler(0) == os.SCHED_FIFO, os.sched_getparam(0).sched_priority)"


def encode(codec: str) -> str:
    """Encode one small picture; returns what a process that is started then is."""
    context = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = 64, 64, "yuv420p"
    context.time_base = Fraction(1, 25)
    frame = av.VideoFrame(64, 64, "yuv420p")
    frame.pts = 0
    assert sum(packet.size for packet in (*context.encode(frame), *context.encode(None)))
    del context
    return subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True).stdout.strip()


try:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
except PermissionError:
    sys.exit("this user may not ask for real time: nothing to be seen here; run it as root")
os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
found = {codec: encode(codec) for codec in ("libx264", "libvpx-vp9", "libsvtav1")}
os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
for codec, child in found.items():
    print(f"PyAV {av.__version__}, after {codec}: a child is of real time, with priority: {child}")
assert found == {"libx264": "False 0", "libvpx-vp9": "False 0", "libsvtav1": "True 99"}
PYTHON
