"""What a sound or a film names is not read: no other file, no address, and no thing but a file."""

from __future__ import annotations

import gc
import os
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from sensorium import Audio, Video
from sensorium.errors import MediaError
from sensorium.media import spooling
from sensorium.media.isolation import WITHOUT
from tests.media.made_tracks import RATE, Pictures, Sound, encoded, noise, tone, write

SUFFIXES = ("m3u8", "mp3", "mp4", "aac")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def _heard_nothing(server: socket.socket) -> bool:
    try:
        server.accept()
    except BlockingIOError:
        return True
    return False


def _lists(target: str, is_address: bool) -> dict[str, str]:
    hls = f"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{target}\n#EXT-X-ENDLIST\n"
    dash = (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT4S"><Period><AdaptationSet mimeType="audio/wav">'
        f'<Representation id="1" bandwidth="1"><BaseURL>{target}</BaseURL></Representation>'
        "</AdaptationSet></Period></MPD>"
    )
    found = {
        "M3U": hls, "ffconcat": f"ffconcat version 1.0\nfile '{target}'\n", "DASH": dash,
        "PLS": f"[playlist]\nFile1={target}\nNumberOfEntries=1\n",
        "ASX": f'<ASX version="3.0"><Entry><Ref href="{target}"/></Entry></ASX>',
    }  # fmt: skip
    if is_address:
        port = target.rpartition(":")[2].partition("/")[0]
        found["SDP"] = (
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP 0\r\n"
        )
        found["address of a stream"] = f"{target}\n"
    return found


@pytest.mark.parametrize("is_address", [False, True])
def test_lists_are_not_followed(is_address: bool, tmp_path: Path, listener: socket.socket) -> None:
    other = write(tmp_path / "other.wav", Sound([(0, tone(4))], "pcm_s16le"))
    assert len(Audio(other).load(RATE)) == 4 * RATE
    target = f"http://127.0.0.1:{listener.getsockname()[1]}/a.wav" if is_address else str(other)
    for kind, content in _lists(target, is_address).items():
        for suffix in SUFFIXES if kind in ("M3U", "ffconcat") else ("mp4",):
            path = tmp_path / f"list.{suffix}"
            path.write_text(content)
            for medium in (Audio(path), Video(path), Audio(content.encode())):
                with pytest.raises(MediaError, match=rf"\(?{kind}\)?.* names other files|{kind}"):
                    list(medium.segments())
    assert _heard_nothing(listener)


def test_numbered_pictures_are_not_sought(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"a{number}.mp4").write_bytes(encoded(Pictures(1), form="mp4"))
    with pytest.raises(MediaError, match="no such file"):
        Video(tmp_path / "a%d.mp4").metadata()
    (tmp_path / "a%d.mp4").write_bytes(encoded(Pictures(2), form="mp4"))
    assert Video(tmp_path / "a%d.mp4").metadata()["duration"] == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize(
    "start",
    [b";FFMETADATA1\ntitle=a\n", b"1\n00:00:00,000 --> 00:00:01,000\nwords\n", b"[Script Info]\n"],
)
def test_other_formats_of_ffmpeg_are_not_read(start: bytes) -> None:
    for medium in (Audio(start * 20), Video(start * 20)):
        with pytest.raises(MediaError):
            list(medium.segments())


@pytest.mark.parametrize("form", ["NIST", "IRCAM", "PVF", "AVR"])
def test_sounds_of_laboratories_are_read(form: str, tmp_path: Path) -> None:
    path = tmp_path / "speech.wav"
    soundfile.write(path, tone(1.0), RATE, format=form, subtype="PCM_16")

    assert np.abs(Audio(path).load(RATE) - tone(1.0)).max() < 1e-3


def test_what_is_said_of_other_formats_names_no_file_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "game.wav"
    with av.open(path, "w", format="ast") as container:
        container.add_stream("pcm_s16be_planar", RATE, layout="mono")
        container.start_encoding()
    with pytest.raises(MediaError, match="of a format that is not read: save it as WAV"):
        Audio(path).metadata()

    path.write_bytes(b"fLaC" + bytes(100))
    with pytest.raises(MediaError) as raised:
        Audio(path).metadata()
    assert "a.wav" not in raised.value.reason and "<none>" not in raised.value.reason


def _boxes(content: bytes, inside: tuple[bytes, ...], new: bytes) -> bytes:
    """Replace what is in some box of a MOV, and mend the sizes of those around it."""
    made, at = b"", 0
    while at + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        size = size or len(content) - at
        body = content[at + 8 : at + size]
        if kind == inside[0]:
            body = new if len(inside) == 1 else _boxes(body, inside[1:], new)
        made += struct.pack(">I4s", len(body) + 8, kind) + body
        at += size
    return made


def _alias(path: str) -> bytes:
    """A reference of QuickTime to another file (a Macintosh alias)."""
    name = Path(path).name.encode()
    record = bytes(10) + b"\x01a".ljust(28, b"\0") + bytes(12) + bytes([len(name)])
    record += name.ljust(63, b"\0") + bytes(16) + struct.pack(">hh", 1, 1) + bytes(16)
    full = path.encode() + b"\0" * (len(path) % 2)
    record += struct.pack(">HH", 2, len(path)) + full + struct.pack(">hh", -1, 0)
    return struct.pack(">I4sI", 12 + len(record), b"alis", 0) + record


def test_a_film_s_data_are_not_taken_from_elsewhere(tmp_path: Path) -> None:
    sound = write(tmp_path / "other.mov", Sound([(0, tone(4))], "pcm_s16le"))
    alias = _alias(str(sound))
    inside = (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref")
    named = _boxes(sound.read_bytes(), inside, struct.pack(">II", 0, 1) + alias)
    path = tmp_path / "a.mov"
    path.write_bytes(named)
    assert b"alis" in named and str(sound).encode() in named
    for medium in (Audio(path), Audio(named)):
        with pytest.raises(MediaError, match="in another file, which is not read"):
            list(medium.segments())
    film = encoded(Pictures(3), Sound([(0, tone(3))]), form="mov")
    video = Video(_boxes(film, inside, struct.pack(">II", 0, 1) + alias))
    with pytest.raises(MediaError, match="in another file, which is not read"):
        list(video.segments())


def test_linked_segments_are_not_followed(tmp_path: Path) -> None:
    other = write(tmp_path / "other.mkv", Sound([(0, tone(4))], "flac"))
    content = encoded(Sound([(0, tone(2))], "flac"), form="matroska", pipe=True)
    at = content.index(b"\x15\x49\xa9\x66") + 4  # Info
    width = 9 - content[at].bit_length()
    size = int.from_bytes(content[at : at + width]) & (1 << 7 * width) - 1
    name = str(other).encode()
    next_name = b"\x3e\x83\xbb" + (0x4000 | len(name)).to_bytes(2) + name  # NextFilename
    size = ((1 << 56) | (size + len(next_name))).to_bytes(8)
    linked = content[:at] + size + next_name + content[at + width :]
    path = tmp_path / "a.mkv"
    path.write_bytes(linked)
    assert Audio(path).duration == pytest.approx(2, abs=0.1)
    assert np.array_equal(Audio(path).load(RATE), Audio(content).load(RATE))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is sent through the pipe")
def test_a_large_file_in_memory_is_written_down_once(monkeypatch: pytest.MonkeyPatch) -> None:
    content = encoded(Sound([(0, noise(22))], "pcm_s16le"), form="wav")
    assert len(content) > spooling.SMALL
    sound = Audio(content)
    windows = [segment.media.load(RATE) for segment in sound.segments()]
    (spool,) = sound._spools
    assert spool is not None and spool.path.exists()
    monkeypatch.setenv(WITHOUT, "0")
    here = [segment.media.load(RATE) for segment in Audio(content).segments()]
    assert all(np.array_equal(*pair) for pair in zip(windows, here, strict=True))
    path = spool.path
    del sound, spool, windows
    gc.collect()
    assert not path.exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_only_files_are_opened(tmp_path: Path) -> None:
    for suffix in ("wav", "mp3", "mp4", "mkv"):
        os.mkfifo(tmp_path / f"pipe.{suffix}")
        (tmp_path / f"folder.{suffix}").mkdir()
        (tmp_path / f"device.{suffix}").symlink_to("/dev/zero")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(os.path.relpath(tmp_path / f"socket.{suffix}"))
        for kind in ("pipe", "folder", "device", "socket"):
            for medium in (Audio, Video):
                with pytest.raises(MediaError, match="not a regular file"):
                    medium(tmp_path / f"{kind}.{suffix}").metadata()
