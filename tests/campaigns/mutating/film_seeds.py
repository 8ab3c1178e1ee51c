"""Films in all containers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.campaigns.mutating.picture_seeds import undated
from tests.campaigns.mutating.seeds import Seed
from tests.campaigns.mutating.tracks import container
from tests.media.small_pictures import encode, ramp, red_blue

_TAGS = {"title": "Garden"}
_IN_PIECES = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
_PLACE = {"location": "+27.5916+086.5640+8850/", "com.apple.quicktime.make": "Maker"}


def seeds() -> Iterator[Seed]:
    for name, family, form, pictures, sound, more in (
        ("plain.mp4", "MP4, MOV, 3GP", "mp4", "libx264", "aac", {}),
        ("hevc.mp4", "MP4, MOV, 3GP", "mp4", "libx265", "aac", {}),
        ("pieces.mp4", "MP4, MOV, 3GP", "mp4", "mpeg4", "aac", {"options": _IN_PIECES}),
        ("said.mov", "MP4, MOV, 3GP", "mov", "mjpeg", "pcm_s16le", {
            "tags": _PLACE, "options": {"movflags": "use_metadata_tags"}, "pixels": "yuvj420p",
        }),
        ("prores.mov", "MP4, MOV, 3GP", "mov", "prores_ks", "", {
            "seconds": 0.4, "pixels": "yuv422p10le",
        }),
        ("plain.3gp", "MP4, MOV, 3GP", "3gp", "mpeg4", "aac", {}),
        ("plain.mkv", "MKV, WebM", "matroska", "libx264", "vorbis", {
            "layout": "stereo", "rate": 44_100,
        }),
        ("old.mkv", "MKV, WebM", "matroska", "mpeg4", "flac", {}),
        ("vp8.webm", "MKV, WebM", "webm", "libvpx", "libopus", {"rate": 48_000}),
        ("vp9.webm", "MKV, WebM", "webm", "libvpx-vp9", "", {}),
        ("plain.avi", "AVI, WMV, FLV", "avi", "mpeg4", "libmp3lame", {}),
        ("photos.avi", "AVI, WMV, FLV", "avi", "mjpeg", "pcm_s16le", {"pixels": "yuvj420p"}),
        ("plain.wmv", "AVI, WMV, FLV", "asf", "wmv2", "wmav2", {"rate": 44_100}),
        ("plain.flv", "AVI, WMV, FLV", "flv", "flv", "libmp3lame", {"rate": 44_100}),
        ("avc.flv", "AVI, WMV, FLV", "flv", "libx264", "aac", {"rate": 44_100}),
        ("plain.mpg", "MPEG, TS, OGV", "mpeg", "mpeg1video", "mp2", {"rate": 44_100}),
        ("two.mpg", "MPEG, TS, OGV", "vob", "mpeg2video", "ac3", {"rate": 48_000}),
        ("plain.mts", "MPEG, TS, OGV", "mpegts", "libx264", "aac", {}),
        ("two.ts", "MPEG, TS, OGV", "mpegts", "mpeg2video", "mp2", {"rate": 48_000}),
        ("vp8.ogv", "MPEG, TS, OGV", "ogv", "libvpx", "vorbis", {
            "layout": "stereo", "rate": 44_100,
        }),
    ):  # fmt: skip
        told: dict[str, Any] = {"tags": _TAGS, **dict[str, Any](more)}
        yield Seed(name, family, container(form, pictures=pictures, sound=sound, **told))
    yield Seed("av1.mp4", "MP4, MOV, 3GP", _av1())


def _av1() -> bytes:
    """A film in AV1: what Pillow writes as moving pictures, called a film.

    FFmpeg's encoder, SVT-AV1, would make this process one of real time where it may (as root), and
    all that it starts: nothing else on the machine would run any more.
    """
    shown = [red_blue((64, 48)), *(ramp((64, 48)).convert("RGB") for _ in range(3))]
    more = {"save_all": True, "append_images": shown[1:], "duration": 200, "codec": "aom"}
    content = bytearray(undated(encode(shown[0], "AVIF", max_threads=1, **more)))
    content[8:12] = b"iso6"
    at = content.index(b"pict", content.index(b"moov"))
    content[at : at + 4] = b"vide"
    return bytes(content)
