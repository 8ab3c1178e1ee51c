#!/usr/bin/env bash
# Pillow paints what the first frame of a GIF leaves free, with colour 0 of its palette; browsers leave it transparent.
#
# A frame may be smaller than its canvas. Pillow 13.0.0 fills the rest with index 0, whatever the background index of
# the file is, and says of none of it that it is transparent. Of an animated PNG whose default picture is no frame of
# the animation, the first picture is that one, which viewers of animations never show.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check 'pillow==13.0.0'
cd "$work"
"$work/env/bin/python" - <<'PYTHON'
import io
import struct

import PIL
import PIL.Image

BLUE, RED, GREEN, BLACK = (0, 0, 255), (255, 0, 0), (0, 255, 0), (0, 0, 0)


def gif(background):
    """A green frame of 2 x 2 in the middle of 4 x 4."""
    file = b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0x81, background, 0)
    file += bytes([*BLUE, *RED, *GREEN, *BLACK])
    file += b"\x2c" + struct.pack("<HHHHB", 1, 1, 2, 2, 0) + b"\x02"
    codes = [4, 2, 2, 4, 2, 2, 5]  # clear, two pixels, clear, two pixels, end; of three bits each
    bits = "".join(format(code, "03b") for code in reversed(codes))
    data = int(bits, 2).to_bytes((len(bits) + 7) // 8, "little")
    return file + bytes([len(data)]) + data + b"\0;"


print(f"Pillow {PIL.__version__}")
for background in (0, 1, 3):
    picture = PIL.Image.open(io.BytesIO(gif(background)))
    corner, middle = (picture.convert("RGBA").getpixel(place) for place in ((0, 0), (1, 1)))
    print(f"background {background}: corner {corner}, frame {middle}")
    assert corner == (*BLUE, 255) and middle == (*GREEN, 255)

hidden, first = (PIL.Image.new("RGB", (4, 4), colour) for colour in ("red", "lime"))
file = io.BytesIO()
hidden.save(file, "PNG", save_all=True, default_image=True, append_images=[first, hidden])
opened = PIL.Image.open(file).convert("RGB").getpixel((0, 0))
print(f"animated PNG: {opened}, shown by browsers {GREEN}")
assert opened == RED
PYTHON
