"""A small valid file of every kind that is read."""

from __future__ import annotations

import base64
import io
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import PIL.Image

from tests.bad_media import film, gltf, sphere
from tests.media import heics, packages, raws, tiffs
from tests.media.pdfs import text_pdf
from tests.media.recordings import encode_sound, tone
from tests.media.small_pictures import encode, exif, red_blue

SAID = "A cat sits on a mat. A dog barks at it. " * 3


def _png_with_all() -> bytes:
    from tests.media.profiles import DISPLAY_P3, rgb_profile

    profile = rgb_profile(DISPLAY_P3, 2.2)
    return encode(red_blue(), "PNG", icc_profile=profile, exif=exif({274: 6}).tobytes())


def _gif() -> bytes:
    frames = [PIL.Image.new("P", (40, 30), n) for n in (0, 1)]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    return file.getvalue()


def _apng() -> bytes:
    """An animation whose default picture is not part of it."""
    file = io.BytesIO()
    frames = [PIL.Image.new("RGB", (40, 30), colour) for colour in ("red", "blue")]
    red_blue().resize((40, 30)).save(
        file, "PNG", save_all=True, append_images=frames, default_image=True
    )
    return file.getvalue()


def _long() -> bytes:
    noise = np.random.default_rng(0).integers(0, 255, (900, 120, 3), np.uint8)
    return encode(PIL.Image.fromarray(noise), "PNG")


def _heic() -> bytes:
    picture = heics.picture_item(red_blue((64, 64)))
    return heics.heif([picture])


def _docx() -> bytes:
    return packages.docx(packages.paragraph(packages.run(SAID)))


def _epub() -> bytes:
    return packages.epub({"a": f"<p>{SAID}</p>"}, ["a"])


def _pptx() -> bytes:
    return packages.pptx([packages.shape(SAID, "body")], notes={1: "a note"})


def _odt() -> bytes:
    return packages.open_document(f"<text:p>{SAID}</text:p>")


def _tiff() -> bytes:
    return tiffs.tiff(tiffs.page(4, 2, bytes(range(8))), tiffs.page(4, 2, bytes(range(8))))


def _deep_tiff() -> bytes:
    numbers = struct.pack("<8I", *range(0, 2**32 - 8, 2**29))
    return tiffs.tiff(tiffs.page(4, 2, numbers, bits=32))


def _ods() -> bytes:
    rows = f"<table:table-row><table:table-cell><text:p>{SAID}</text:p></table:table-cell>"
    return packages.open_document(f"<table:table>{rows}</table:table-row></table:table>", "ods")


def _textured() -> bytes:
    base = {"baseColorTexture": {"index": 0}}
    return gltf(
        0, 1, 2,
        materials=[{"pbrMetallicRoughness": base}], textures=[{"source": 0}],
        images=[{"uri": f"data:image/png;base64,{base64.b64encode(_scene()).decode()}"}],
        meshes=[{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1, "material": 0}]}],
    )  # fmt: skip


def _points() -> bytes:
    head = "ply\nformat ascii 1.0\nelement vertex 3\n"
    head += "".join(f"property float {axis}\n" for axis in "xyz")
    return f"{head}end_header\n0 0 0\n1 0 0\n0 1 1\n".encode()


def _scene() -> bytes:
    file = io.BytesIO()
    red_blue((16, 16)).save(file, "PNG")
    return file.getvalue()


MAKERS: dict[str, Callable[[], bytes]] = {
    "all.png": _png_with_all,
    "long.png": _long,
    "grey.png": lambda: encode(red_blue().convert("LA"), "PNG"),
    "photo.jpg": lambda: encode(red_blue(), "JPEG", exif=exif({274: 8}).tobytes()),
    "inks.jpg": lambda: encode(red_blue().convert("CMYK"), "JPEG"),
    "moving.gif": _gif,
    "moving.png": _apng,
    "a.bmp": lambda: encode(red_blue(), "BMP"),
    "a.webp": lambda: encode(red_blue(), "WEBP"),
    "a.avif": lambda: encode(red_blue(), "AVIF"),
    "a.jp2": lambda: encode(red_blue(), "JPEG2000"),
    "a.heic": _heic,
    "a.tga": lambda: encode(red_blue(), "TGA"),
    "a.ico": lambda: encode(red_blue((32, 32)), "ICO"),
    "a.ppm": lambda: encode(red_blue(), "PPM"),
    "plain.pgm": lambda: b"P2\n2 2\n255\n0 10 20 255\n",
    "a.pfm": lambda: b"PF\n2 2\n-1.0\n" + struct.pack("<12f", *[0.5] * 12),
    "a.pam": lambda: (
        b"P7\nWIDTH 2\nHEIGHT 2\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n" + bytes(16)
    ),
    "pages.tif": _tiff,
    "deep.tif": _deep_tiff,
    "a.cr2": lambda: raws.cr2(6),
    "a.nef": lambda: raws.nef(1),
    "a.raf": lambda: raws.raf(1),
    "a.rw2": lambda: raws.rw2(1),
    "a.orf": lambda: raws.orf(1),
    "a.cr3": lambda: raws.cr3(6),
    "a.wav": lambda: encode_sound(tone(1.5), "wav"),
    "a.flac": lambda: encode_sound(tone(1.5), "flac"),
    "a.mp3": lambda: encode_sound(tone(1.5), "mp3"),
    "a.ogg": lambda: encode_sound(tone(1.5), "ogg"),
    "a.m4a": lambda: encode_sound(tone(1.5), "m4a"),
    "film.mp4": film,
    "film.mkv": lambda: film("mkv"),
    "a.txt": lambda: SAID.encode(),
    "wide.txt": lambda: ("\ufeff" + SAID).encode("utf-16"),
    "shift.txt": lambda: ("日本語の文章です。" * 9).encode("shift_jis"),
    "a.md": lambda: f"---\ntitle: T\n---\n# A head\n\n{SAID}\n\n- one\n".encode(),
    "a.html": lambda: f"<html><head><title>T</title></head><p>{SAID}</html>".encode(),
    "a.xhtml": lambda: f'<html xmlns="http://www.w3.org/1999/xhtml"><p>{SAID}</p></html>'.encode(),
    "a.pdf": lambda: text_pdf(SAID, SAID),
    "a.docx": _docx,
    "a.epub": _epub,
    "a.pptx": _pptx,
    "a.odt": _odt,
    "a.gltf": lambda: gltf(0, 1, 2),
    "a.glb": lambda: sphere("glb"),
    "a.stl": lambda: sphere("stl"),
    "a.off": lambda: sphere("off"),
    "a.obj": lambda: b"mtllib a.mtl\nusemtl m\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n",
    "a.ply": lambda: sphere("ply"),
    "points.ply": _points,
    "textured.gltf": _textured,
    "a.ods": _ods,
}
"""What makes each. Where a kind of file has several ways through the readers, one of each."""

BESIDE = {"a.mtl": b"newmtl m\nKd 1 0 0\nmap_Kd a.mtl.png\n", "a.mtl.png": _scene}
"""What files of a kind name beside them."""


@cache
def seed(name: str) -> bytes:
    """The content of a file."""
    return MAKERS[name]()


def write_seed(folder: Path, name: str) -> Path:
    """A file, with what it names."""
    if name == "a.obj":
        for other, content in BESIDE.items():
            (folder / other).write_bytes(content() if callable(content) else content)
    path = folder / name
    path.write_bytes(seed(name))
    return path
