"""A file is what its first bytes say, whatever it is called; its name decides only beyond that."""

from __future__ import annotations

import io
import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path

import av
import pytest

from sensorium.errors import MediaError
from sensorium.media import Audio, Document, Image, Media, Text, Video, as_media, open_media
from sensorium.media.content import START_BYTES, is_seen_without_suffix, modalities_of
from tests.media.heics import heif, picture_item
from tests.media.pdfs import text_pdf
from tests.media.raws import MAKERS
from tests.media.recordings import encode_sound, tone, write_video
from tests.media.small_pictures import encode, red_blue

PICTURES = {
    "JPEG": {}, "PNG": {}, "WEBP": {}, "GIF": {}, "TIFF": {}, "BMP": {}, "AVIF": {},
    "JPEG2000": {}, "ICO": {"sizes": [(16, 16)]}, "PPM": {}, "QOI": {},
}  # fmt: skip
SOUNDS = ("wav", "flac", "ogg", "mp3", "m4a")
FILMS = {"mp4": "libx264", "mov": "libx264", "mkv": "libx264", "webm": "libvpx", "avi": "mpeg4",
         "mpg": "mpeg2video", "flv": "flv", "ts": "mpeg2video", "ogv": "libtheora"}  # fmt: skip


def _adts() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="adts") as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone(1, rate=44100)[None, :1024].copy(), "fltp", "mono")
        frame.rate = 44100
        for number in range(20):
            frame.pts = 1024 * number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def _film(suffix: str, folder: Path) -> bytes:
    path = folder / f"film.{suffix}"
    if FILMS[suffix] not in av.codecs_available:
        pytest.skip(f"no encoder {FILMS[suffix]}")
    rate = 25 if suffix in ("mpg", "ts") else 10
    return write_video(path, [red_blue()], seconds=1, codec=FILMS[suffix], rate=rate).read_bytes()


WRONG = ("x", "x.jpg", "x.mp4", "x.mp3", "x.txt", "x.unheard-of", "x.stl")


@pytest.mark.parametrize("name", WRONG)
def test_pictures_by_any_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    contents = [encode(red_blue(), kind, **options) for kind, options in PICTURES.items()]
    contents += [heif([picture_item(red_blue())]), *(make(1) for make in MAKERS.values())]
    for content in contents:
        path.write_bytes(content)
        image = open_media(path)
        assert isinstance(image, Image), content[:16]
        assert image.load().width >= 16


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("kind", [*SOUNDS, "adts"])
def test_sounds_by_any_name(kind: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(_adts() if kind == "adts" else encode_sound(tone(2), kind))
    sound = open_media(path)
    # A container that may hold films stays what its name says.
    if not (kind == "m4a" and name == "x.mp4"):
        assert isinstance(sound, Audio)
        assert sound.metadata()["duration"] == pytest.approx(0.46 if kind == "adts" else 2, abs=0.1)
        assert len(sound.load(16000)) > 6000


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("kind", FILMS)
def test_films_by_any_name(kind: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(_film(kind, tmp_path))
    film = open_media(path)
    if name == "x.mp3" and kind in ("mp4", "mov", "mkv", "webm"):
        return  # a container of both: its name is believed
    assert isinstance(film, Video)
    assert next(iter(film.frames()))[1].width > 0


@pytest.mark.parametrize("name", ["x", "x.txt", "x.jpg", "x.mp4"])
def test_a_pdf_by_any_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(text_pdf("The pear tree was planted in 2019."))
    document = open_media(path)
    assert isinstance(document, Document)
    assert "pear tree" in next(iter(document.segments())).media.text  # type: ignore[attr-defined]


@pytest.mark.parametrize(("name", "codec"), [("wv", "wavpack"), ("tta", "tta"), ("caf", "alac")])
def test_rarer_sounds_without_a_known_suffix(name: str, codec: str, tmp_path: Path) -> None:
    path = tmp_path / f"x.{name}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=44100, layout="mono")
        samples = (tone(1, rate=44100) * 20000).astype("int16")
        stream.format = "s16p" if codec != "tta" else "s16"
        for start in range(0, 44100 - 4096, 4096):
            block = samples[None, start : start + 4096].copy()
            frame = av.AudioFrame.from_ndarray(block, stream.format.name, "mono")
            frame.rate, frame.pts = 44100, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert is_seen_without_suffix(path)
    sound = open_media(path)
    assert isinstance(sound, Audio)
    assert len(sound.load(16000)) > 12_000


def test_old_office_files_say_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "letter.doc"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    with pytest.raises(MediaError, match="Office 97 to 2003, or a locked one: save it as DOCX"):
        open_media(path).metadata()


def test_bytes_are_what_they_say(tmp_path: Path) -> None:
    given: Mapping[bytes, type[Media]] = {
        encode(red_blue(), "PNG"): Image,
        encode_sound(tone(1), "flac"): Audio,
        encode_sound(tone(1), "m4a"): Audio,
        _film("mp4", tmp_path): Video,
        text_pdf("Words."): Document,
        b"nothing that is known": Image,
    }
    for content, kind in given.items():
        assert type(as_media(content)) is kind
        assert type(as_media(memoryview(content))) is kind


def test_a_string_with_a_slash_names_a_file_that_is_media(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("IMG_1234").write_bytes(encode(red_blue(), "JPEG"))
    Path("words").write_text("and/or")
    assert isinstance(as_media("./IMG_1234"), Image)
    assert isinstance(as_media(str(tmp_path / "IMG_1234")), Image)
    for words in ("IMG_1234", "./words", "black/white", "and/or", "a\0/b", "x/" * 4000):
        assert isinstance(as_media(words), Text)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"path,caption\na.png,A dog\n",
        b"P5 is the fifth paragraph.\n",
        b"BMW and other cars",
        b"ID3 tags explained",
        b"#!/bin/sh\nexit\n",
        b"\x7fELF\2\1\1" + bytes(200),
        b"MZ\x90\0\3" + bytes(200),
        b"\xca\xfe\xba\xbe" + bytes(60),
        b"\0\1\0\0\0\x12" + bytes(60),
        b"\x1f\x8b\x08\0" + bytes(60),
        b"SQLite format 3\0" + bytes(90),
        b"\xff\xfeT\0e\0x\0t\0" * 300,
        b"\xff\xfb" * 2000,
        b"\xff" * 5000,
        bytes(5000),
        b"GGGG" * 500,
        b"\0asm\1\0\0\0",
        b"PK\3\4" + bytes(26) + b"readme.txt",
        b"\xff\xd8",
        b"RIFF\0\0\0\0ACON" + bytes(90),
    ],
)
def test_what_is_no_media_is_not_taken_for_some(content: bytes, tmp_path: Path) -> None:
    assert modalities_of(content[:START_BYTES]) == ()
    path = tmp_path / "x"
    path.write_bytes(content)
    assert not is_seen_without_suffix(path)


def test_noise_is_seldom_taken_for_media() -> None:
    chance = random.Random(7)
    taken = sum(bool(modalities_of(chance.randbytes(START_BYTES))) for _ in range(20_000))
    assert taken <= 1


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_not_waited_for(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "x")
    assert not is_seen_without_suffix(tmp_path / "x")
    assert isinstance(open_media(tmp_path / "x.mp4"), Video)
    assert isinstance(open_media(tmp_path / "x"), Image)
