#!/usr/bin/env bash
# Pillow's ImageDraw.floodfill leaves a picture as it is, and says nothing, if it was made of an array.
#
# Image.fromarray shares the array's memory where it can, and such a picture is read-only. putpixel and ImageDraw.Draw copy
# it first; floodfill of Pillow 13.0.0 writes to it, and takes the ValueError for a place outside of the picture.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check 'pillow==13.0.0' 'numpy==2.4.6'
cd "$work"
"$work/env/bin/python" - <<'PYTHON'
import numpy as np
import PIL
import PIL.Image
import PIL.ImageDraw

shared = PIL.Image.fromarray(np.zeros((8, 8), np.uint8))
copied = shared.copy()
for picture in (shared, copied):
    PIL.ImageDraw.floodfill(picture, (0, 0), 128)
drawn = PIL.Image.fromarray(np.zeros((8, 8), np.uint8))
PIL.ImageDraw.Draw(drawn).rectangle((0, 0, 7, 7), fill=128)
levels = [int(np.asarray(picture).min()) for picture in (shared, copied, drawn)]
print(f"Pillow {PIL.__version__}: flooded {levels[0]}, flooded copy {levels[1]}, drawn on {levels[2]}; 128 each is right")
assert levels == [0, 128, 128]
PYTHON
