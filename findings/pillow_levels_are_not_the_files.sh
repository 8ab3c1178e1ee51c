#!/usr/bin/env bash
# Pillow gives levels that need the file's header beside them, and does not keep it.
#
# Of a TIFF of 12 bits white is 4095 in mode I;16, where 65535 is white; of one of 16 bits with white as zero, white
# is 0 and black 65535; of one whose palette has 8 bits a colour, all is black (libtiff sees that and shows it). Of a PNG
# of 2 bits a sample, levels are 0, 85, 170 and 255, but the transparent one is told as the file has it, 2, so that
# nothing is transparent. What viewers show is white, white, the colours, and a transparent pixel. Pillow 13.0.0.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check 'pillow==13.0.0'
cd "$work"
"$work/env/bin/python" - <<'PYTHON'
import io
import struct
import zlib

import PIL
import PIL.Image


def tiff(bits, photometric, data, palette=()):
    """Two pixels beside each other."""
    tags = [(256, 2), (257, 1), (258, bits), (259, 1), (262, photometric), (273, 0), (277, 1),
            (278, 1), (279, len(data))]
    start = 8 + 2 + 12 * (len(tags) + bool(palette)) + 4
    body = struct.pack(f"<{len(palette)}H", *palette)
    entries = b"".join(
        struct.pack("<HHII", tag, 4, 1, start + len(body) if tag == 273 else value)
        for tag, value in tags
    )
    if palette:
        entries += struct.pack("<HHII", 320, 3, len(palette), start)
    head = struct.pack("<2sHIH", b"II", 42, 8, len(tags) + bool(palette))
    return head + entries + bytes(4) + body + data


def png(bits, transparent, row):
    parts = ((b"IHDR", struct.pack(">IIBBBBB", 4, 1, bits, 0, 0, 0, 0)),
             (b"tRNS", struct.pack(">H", transparent)), (b"IDAT", zlib.compress(b"\0" + row)),
             (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    )


def levels(picture):
    return [picture.getpixel((x, 0)) for x in range(picture.width)]


opened = {
    "12 bits, black and white": tiff(12, 1, b"\x00\x0f\xff"),
    "16 bits, black and white": tiff(16, 1, b"\0\0\xff\xff"),
    "16 bits, white is zero, white and black": tiff(16, 0, b"\0\0\xff\xff"),
}
found = {}
print(f"Pillow {PIL.__version__}")
for name, file in opened.items():
    picture = PIL.Image.open(io.BytesIO(file))
    found[name] = (picture.mode, levels(picture))
    print(f"{name}: {found[name]}")
colours = tiff(1, 3, b"\x40", (200, 100, 30, 150, 60, 90))
palette = levels(PIL.Image.open(io.BytesIO(colours)).convert("RGB"))
print(f"palette of (200, 30, 60) and (100, 150, 90): {palette}")
clear = PIL.Image.open(io.BytesIO(png(2, 2, b"\x1b")))
alpha = [pixel[3] for pixel in levels(clear.convert("RGBA"))]
print(f"levels {levels(clear)}, transparent {clear.info['transparency']}, alpha {alpha}")
assert list(found.values()) == [("I;16", [0, 4095]), ("I;16", [0, 65535]), ("I;16", [0, 65535])]
assert palette == [(0, 0, 0), (0, 0, 0)]
assert alpha == [255, 255, 255, 255]
PYTHON
