#!/usr/bin/env bash
# Models that OpenVINO loads from its cache in two threads at once leave the process in the locale "C".
#
# To read a compiled model from CACHE_DIR, OpenVINO 2026.4.1 sets the locale of the whole process to "C" and then back to
# what it found. Where two threads do so at once, the second finds the "C" of the first and puts that back last. From then
# on Python reads files and pipes as ASCII wherever no encoding is given, and what is not ASCII raises UnicodeDecodeError far
# from any model. One load after the other leaves the locale as it was.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check 'openvino==2026.4.1' 'numpy==2.4.6'
cd "$work"
LC_ALL=C.UTF-8 "$work/env/bin/python" - <<'PYTHON'
import sys

sys.modules["openvino_telemetry"] = None  # which would report this to its makers

import locale
import threading

import numpy as np
import openvino
from openvino import opset13 as ops

core = openvino.Core()
core.set_property({"CACHE_DIR": "cache"})
for number in range(2):
    x = ops.parameter([1, 8], np.float32)
    product = ops.matmul(x, ops.constant(np.full((8, 8), number, np.float32)), False, False)
    openvino.save_model(openvino.Model([product], [x]), f"{number}.xml")
    core.compile_model(f"{number}.xml", "CPU")  # the cache is written


def encoding():
    return locale.setlocale(locale.LC_CTYPE), locale.getencoding()


before = encoding()
for _ in range(50):
    for number in range(2):
        core.compile_model(f"{number}.xml", "CPU")
alone = encoding()
for turn in range(1, 201):
    threads = [threading.Thread(target=core.compile_model, args=(f"{number}.xml", "CPU")) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if encoding() != before:
        break
print("before:                     ", *before)
print("100 loads, one by one:      ", *alone)
print(f"{turn} times two loads at once:", *encoding())
assert before == alone and before[0] == "C.UTF-8"
assert encoding()[0] == "C"
PYTHON
