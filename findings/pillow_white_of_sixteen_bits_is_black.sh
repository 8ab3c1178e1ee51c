#!/usr/bin/env bash
# Of JPEG 2000 pictures with 16 bits a sample in colour, Pillow shows the brightest levels as black.
#
# Samples are brought to 8 bits by rounding, (level + 128) >> 8, without a limit: levels from 65,408 on
# become 256, which is 0 in a byte. White is black, pure red is black. Grey pictures (mode I;16) and those of
# 8 bits are right, and so is FFmpeg's decoder with the same bytes. Pillow 13.0.0, PyAV 18.1.0.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check 'pillow==13.0.0' 'av==18.1.0' 'numpy==2.4.6'
cd "$work"
"$work/env/bin/python" - <<'PYTHON'
import io
from fractions import Fraction

import av
import numpy as np
import PIL
import PIL.Image

for level in (65_000, 65_300, 65_480, 65_535):
    levels = np.full((64, 64, 3), level, np.uint16)
    writer = av.CodecContext.create("jpeg2000", "w")
    writer.width, writer.height, writer.pix_fmt = 64, 64, "rgb48le"
    writer.time_base = Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(levels, "rgb48le")
    frame.pts = 0
    encoded = b"".join(map(bytes, [*writer.encode(frame), *writer.encode(None)]))

    shown = PIL.Image.open(io.BytesIO(encoded)).getpixel((0, 0))
    reader = av.CodecContext.create("jpeg2000", "r")
    (decoded,) = [*reader.decode(av.Packet(encoded)), *reader.decode(None)]
    stored = decoded.to_ndarray(format="rgb48le")[0, 0].tolist()
    print(f"level {level}: FFmpeg {stored}, Pillow {PIL.__version__} {shown}")
    assert all(abs(one - level) < 60 for one in stored)  # the encoder is not without loss
    assert shown == (0, 0, 0) if level > 65_408 else min(shown) >= 254
PYTHON
