#!/usr/bin/env bash
# What one call of RapidOCR is told holds for all later calls of the same engine.
#
# `engine(picture, use_det=False)` reads a picture that is one line. RapidOCR 3.10.0 writes the flag into the
# engine: the next `engine(page)` of a page does not look for lines either, takes the page for one line, and gives
# a result of another type, without boxes. In a server whose threads share an engine, calls change one another.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check 'rapidocr==3.10.0' 'onnxruntime==1.32.0' 'pillow==13.0.0'
cd "$work"
"$work/env/bin/python" - <<'PYTHON'
from importlib.metadata import version

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from rapidocr import RapidOCR

page = Image.new("RGB", (800, 400), "white")
pen = ImageDraw.Draw(page)
for n, text in enumerate(["The pear trees were", "pruned in March and", "a shed was built."]):
    pen.text((40, 40 + 100 * n), text, "black", ImageFont.load_default(44))
line = page.crop((20, 30, 600, 110))

engine = RapidOCR(params={"Global.log_level": "error"})
before = engine(np.asarray(page))
engine(np.asarray(line), use_det=False)
after = engine(np.asarray(page))
mended = engine(np.asarray(page), use_det=True)
print(f"RapidOCR {version('rapidocr')}")
print(f"a page at first:          {type(before).__name__} {before.txts}")
print(f"after a call for a line:  {type(after).__name__} {after.txts}")
print(f"told to look for lines:   {type(mended).__name__} {mended.txts}")
assert len(before.txts) == len(mended.txts) == 3
assert not hasattr(after, "boxes") and len(after.txts) == 1
PYTHON
