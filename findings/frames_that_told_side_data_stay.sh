#!/usr/bin/env bash
# A decoded frame that was asked for its side data stays in memory until Python collects garbage.
#
# VideoFrame.side_data (PyAV 18.1.0) makes a container that refers to the frame, and the frame keeps it: a
# circle. A frame is some megabytes to FFmpeg and one small object to Python, which so sees no reason to collect;
# a loop over a film's frames that reads their display matrix grows by every frame. frame.rotation makes no circle,
# but does not tell mirrored pictures.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check 'av==18.1.0' 'numpy==2.4.6'
cd "$work"
"$work/env/bin/python" - <<'PYTHON'
import gc

import av

with av.open("film.mkv", "w") as file:
    stream = file.add_stream("mpeg4", rate=25)
    stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
    for number in range(50):
        frame = av.VideoFrame(1280, 720, "yuv420p")
        frame.pts = number
        file.mux(stream.encode(frame))
    file.mux(stream.encode(None))

gc.disable()  # as if nothing else made objects


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def growth(ask):
    before = resident()
    with av.open("film.mkv") as film:
        for frame in film.decode(video=0):
            ask(frame)
    del frame
    return (resident() - before) / 1e6


growth(lambda frame: frame.rotation)
rotation = growth(lambda frame: frame.rotation)
side_data = growth(lambda frame: frame.side_data)
collected = gc.collect()
print(f"PyAV {av.__version__}, 50 frames of 1.4 MB: {rotation:.0f} MB more by frame.rotation, "
      f"{side_data:.0f} MB by frame.side_data; {collected} objects were collected then")
assert rotation < 15 and side_data > 40 and collected >= 50
PYTHON
