"""Sounds, videos, documents and 3-D objects that are broken, and what is to be said of each."""

from __future__ import annotations

import base64
import json
import random
import struct
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import PIL.Image
import trimesh

from tests.media.pdfs import text_pdf
from tests.media.recordings import encode_sound, tone, write_video
from tests.media.small_pictures import encode, red_blue

NO_SOUND = r"no sound or video that can be read \(Invalid data found"
NO_OBJECT = r"no 3-D object that can be read \("
NO_FACES = "the 3-D object has no faces"
EMPTY = r"the file is empty \(0 bytes\)"
NO_EAR = "holds image and text, not audio; with --speech"


@cache
def film(suffix: str = "mp4") -> bytes:
    """Twelve seconds of red, green and blue, with a tone."""
    scenes = [PIL.Image.new("RGB", (64, 64), colour) for colour in ("red", "lime", "blue")]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"film.{suffix}"
        return write_video(path, scenes, size=(64, 64), rate=2, sound=tone(12)).read_bytes()


@cache
def sphere(kind: str) -> bytes:
    exported = trimesh.creation.icosphere(1).export(file_type=kind)
    return exported.encode() if isinstance(exported, str) else bytes(exported)


def gltf(*corners: int, **changes: object) -> bytes:
    """One triangle of three points; `corners` are the points of its corners."""
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], "<f4").tobytes()
    content = points + np.array(corners, "<u2").tobytes()
    link = f"data:application/octet-stream;base64,{base64.b64encode(content).decode()}"
    views = [
        {"buffer": 0, "byteOffset": 0, "byteLength": len(points)},
        {"buffer": 0, "byteOffset": len(points), "byteLength": len(content) - len(points)},
    ]
    accessors = [
        {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3",
         "min": [0, 0, 0], "max": [1, 1, 0]},
        {"bufferView": 1, "componentType": 5123, "count": len(corners), "type": "SCALAR"},
    ]  # fmt: skip
    tree = {
        "asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "buffers": [{"byteLength": len(content), "uri": link}], "bufferViews": views,
        "accessors": accessors,
    }  # fmt: skip
    return json.dumps({**tree, **changes}).encode()


def wav_header(*, rate: int, size: int) -> bytes:
    layout = struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16)
    head = b"RIFF" + struct.pack("<I", size) + b"WAVEfmt " + layout
    return head + b"data" + struct.pack("<I", size) + bytes(200)


def bad_media() -> dict[str, tuple[bytes, str]]:
    """Content of each file, and a pattern of the reason."""
    found: dict[str, tuple[bytes, str]] = {
        # Videos
        "unknown-codec.mp4": (film().replace(b"avc1", b"zzzz"), "codec that FFmpeg cannot decode"),
        "cut.mp4": (film()[: len(film()) // 2], NO_SOUND),
        "head.mkv": (film("mkv")[:300], r"no sound or video that can be read \("),
        "noise.mp4": (random.Random(0).randbytes(5000), NO_SOUND),
        "text.avi": (b"hello " * 100, NO_SOUND),
        "playlist.mkv": (b"ffconcat version 1.0\nfile '/etc/hostname'\n", "a playlist"),
        "sound.mp4": (encode_sound(tone(1), "mp3"), NO_EAR),
        # Sounds
        "text.mp3": (b"Hello, this is a text.\n" * 9, NO_SOUND),
        "no-rate.wav": (wav_header(rate=0, size=236), NO_SOUND),
        "endless.wav": (wav_header(rate=8000, size=0xFFFFFFFF), NO_EAR),
        # 3-D objects
        "no-such-point.gltf": (gltf(0, 1, 99), NO_OBJECT + "index 99 is out of bounds"),
        "no-such-point.obj": (b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 99\n", NO_OBJECT + "index 98 is"),
        "cut.gltf": (gltf(0, 1, 2)[:200], NO_OBJECT + "Expecting"),
        "deep.gltf": (b"[" * 200_000, NO_OBJECT + "its parts are nested too deeply"),
        "elsewhere.gltf": (
            gltf(0, 1, 2, buffers=[{"byteLength": 42, "uri": "b.bin"}]),
            NO_OBJECT + r"no such file: b\.bin",
        ),
        "huge.ply": (
            b"ply\nformat binary_little_endian 1.0\nelement vertex 1000000000000\n"
            b"property float x\nproperty float y\nproperty float z\nelement face 1\n"
            b"property list uchar int vertex_indices\nend_header\n" + bytes(100),
            NO_OBJECT + r"[\d,]+ rows of vertex are more than it holds",
        ),
        "huge.stl": (bytes(80) + struct.pack("<I", 0xFFFFFFFF) + bytes(50), NO_FACES),
        "points.obj": (b"v 0 0 0\nv 1 0 0\n", NO_FACES),
        "archive.stl": (b"PK\x03\x04" + bytes(100), NO_FACES),
        # Documents
        "cut.pdf": (text_pdf("one", "two")[:300], r"broken PDF \(Failed to load"),
        "tail.pdf": (text_pdf("one", "two")[300:], r"broken PDF \(Failed to load"),
        "noise.pdf": (b"%PDF-1.7\n" + random.Random(2).randbytes(3000), "broken PDF"),
        "nothing.html": (b"<html><script>x = 1</script></html>", "there is no text"),
        "nul.txt": (bytes(100), "no text"),
    }  # fmt: skip
    for suffix in ("wav", "flac", "ogg", "mp3", "m4a"):
        found[f"head.{suffix}"] = (
            encode_sound(tone(2), suffix)[:40],
            r"no sound or video that can be read \((Invalid data|it ends too early)",
        )
    for suffix in ("glb", "ply", "off"):
        content = sphere(suffix)
        found[f"cut.{suffix}"] = (content[: len(content) // 2 + 3], NO_OBJECT)
    for suffix in ("mp4", "wav", "stl", "txt", "pdf", "png"):
        found[f"empty.{suffix}"] = (b"", EMPTY)
    return found


def odd_media() -> dict[str, bytes]:
    """What is unusual, and yet holds something that can be indexed."""
    return {
        "good.gltf": gltf(0, 1, 2),
        "endless.obj": b"v 1.7e308 1 0\nv -1.7e308 2 0\nv 0 3 1\nf 1 2 3\n",
        "silenced.mp4": film().replace(b"mp4a", b"zzzz").replace(b"esds", b"zzzz"),
        "cut.mkv": film("mkv")[: len(film("mkv")) // 2],
        "picture.mp4": encode(red_blue(), "JPEG"),
        "picture.wav": encode(red_blue(), "PNG"),
        "picture.glb": encode(red_blue(), "PNG"),
        "film.txt": film(),
        "report.txt": text_pdf("A report under another name."),
        "vast.pdf": text_pdf("").replace(b"[0 0 400 200]", b"[0 0 9e9 9e9]"),
        "conditions.html": b"<p>Hello</p><![if gte mso 9]><p>you</p><![endif]><![x y]><p>there</p>",
        "deep.html": b"<div>" * 20_000 + b"Words at the bottom",
        "half.txt": b"\xff\xfea\xd8\x00",
        "one-page-gone.pdf": text_pdf("one", "two").replace(b"Kids [4 0 R", b"Kids [9 9 R"),
    }
