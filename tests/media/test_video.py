"""Videos: a picture for each scene, its time, the sound track, rotated and broken files."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import PIL.Image
import pytest
from av.stream import Disposition

from sensorium import Audio, Image, Video
from sensorium.errors import MediaError
from sensorium.media import Modality, as_media
from sensorium.media.isolation import WITHOUT
from tests.media.films import Pipe, corners, quarters, write_film
from tests.media.recordings import tone, write_video

COLOURS = ("red", "lime", "blue")


def scenes() -> list[PIL.Image.Image]:
    return [PIL.Image.new("RGB", (320, 240), colour) for colour in COLOURS]


@pytest.mark.parametrize(
    ("name", "codec", "group"),
    [
        ("a.mp4", "libx264", 250),  # keyframes far apart: every frame is decoded
        ("b.mkv", "mpeg4", 10),  # near: only they are
        ("c.webm", "libvpx", 100),
    ],
)
def test_scenes(tmp_path: Path, name: str, codec: str, group: int) -> None:
    video = as_media(write_video(tmp_path / name, scenes(), codec=codec, group=group))
    assert isinstance(video, Video)
    facts = video.metadata()
    assert facts["duration"] == pytest.approx(12, abs=0.2)
    assert (facts["width"], facts["height"], facts["has_sound"]) == (320, 240, False)
    segments = list(video.segments())
    spans = [segment.span for segment in segments]
    np.testing.assert_allclose(spans, [(0, 4), (4, 8), (8, 12)], atol=0.25)
    for segment, colour in zip(segments, COLOURS, strict=True):
        assert isinstance(segment.media, Image)
        seen = np.asarray(segment.media.load(), float).mean(axis=(0, 1))
        wanted = PIL.Image.new("RGB", (1, 1), colour).getpixel((0, 0))
        np.testing.assert_allclose(seen, wanted, atol=12)


def test_sound_track(tmp_path: Path) -> None:
    video = Video(write_video(tmp_path / "a.mp4", scenes()[:1], sound=tone(4)))
    assert video.metadata()["has_sound"]
    *frames, sound = video.segments()
    assert [frame.modality for frame in frames] == [Modality.IMAGE]
    assert isinstance(sound.media, Audio)
    assert sound.span == (0, pytest.approx(4, abs=0.1))
    assert np.abs(sound.media.load(16_000)).max() == pytest.approx(0.3, abs=0.03)


def test_a_scene_without_change_is_seen_now_and_then(tmp_path: Path) -> None:
    video = Video(write_video(tmp_path / "a.mp4", scenes()[:1], seconds=65, rate=2))
    assert [time for time, _ in video.frames()] == pytest.approx([0, 30, 60], abs=2)


def test_frames_are_small(tmp_path: Path) -> None:
    video = Video(write_video(tmp_path / "a.mp4", scenes()[:1], seconds=0.5, size=(1920, 1080)))
    ((_, picture),) = video.frames()
    assert min(picture.size) == 448 and picture.size[0] == pytest.approx(796, abs=1)


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no such file"):
        list(Video(tmp_path / "none.mp4").segments())
    (tmp_path / "bad.mp4").write_bytes(b"no video" * 1000)
    with pytest.raises(MediaError, match="no sound or video that can be read"):
        Video(tmp_path / "bad.mp4").metadata()
    with pytest.raises(MediaError, match="Video takes a path, URL or bytes, got int"):
        Video(3)  # type: ignore[arg-type]


def test_a_video_that_breaks_off(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", scenes(), codec="mpeg4", group=10)
    content = path.read_bytes()
    cut = Video(content[: len(content) // 2])
    assert 1 <= len(list(cut.frames())) < 3


@pytest.mark.parametrize(
    ("size", "pixel", "displayed"),
    [
        ((720, 576), Fraction(64, 45), (1024, 576)),
        ((720, 480), Fraction(8, 9), (640, 480)),
        ((1440, 1080), Fraction(4, 3), (1920, 1080)),
    ],
)
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "ts"])
def test_pixels_that_are_not_square(
    tmp_path: Path, size: tuple[int, int], pixel: Fraction, displayed: tuple[int, int], suffix: str
) -> None:
    path = tmp_path / f"a.{suffix}"
    codec = "mpeg4" if suffix == "avi" else "libx264"
    write_film(path, [("red", 0.2)], size=size, pixel=pixel, codec=codec)
    video = Video(path)
    facts = video.metadata()
    assert (facts["width"], facts["height"]) == displayed
    ((_, picture),) = video.frames()
    scale = 448 / displayed[1]
    assert picture.size == pytest.approx((displayed[0] * scale, 448), abs=1)


ONE = 1 << 16
TURNED = {
    # Stored quarters are red, green, blue and white; each matrix sends them elsewhere.
    (1, 0, 0, 1): "rgbw",
    (-1, 0, 0, 1): "grwb",
    (1, 0, 0, -1): "bwrg",
    (-1, 0, 0, -1): "wbgr",
    (0, 1, 1, 0): "rbgw",
    (0, 1, -1, 0): "brwg",
    (0, -1, 1, 0): "gwrb",
    (0, -1, -1, 0): "wgbr",
}


@pytest.mark.parametrize("turn", TURNED)
def test_every_turn_and_mirror(tmp_path: Path, turn: tuple[int, int, int, int]) -> None:
    a, b, c, d = turn
    matrix = (a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30)
    path = tmp_path / "a.mp4"
    size = (160, 96)
    write_film(path, [("red", 0.4)], size=size, matrix=matrix, picture=corners(size))
    video = Video(path)
    ((_, picture),) = video.frames()
    wanted = size[::-1] if b else size
    facts = video.metadata()
    assert (facts["width"], facts["height"]) == picture.size == wanted
    assert quarters(picture) == TURNED[turn]


def test_size_that_changes_on_the_way(tmp_path: Path) -> None:
    parts = []
    for number, size in enumerate(((96, 64), (64, 96))):
        write_film(tmp_path / "part.ts", [(COLOURS[number], 4)], size=size)
        parts.append((tmp_path / "part.ts").read_bytes())
    (tmp_path / "a.ts").write_bytes(b"".join(parts))
    found = list(Video(tmp_path / "a.ts").frames())
    assert [picture.size for _, picture in found] == [(96, 64), (64, 96)]
    assert found[1][0] == pytest.approx(4, abs=0.3)


def test_default_track_and_no_cover(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        streams = []
        for default in (False, True):
            stream = container.add_stream("mpeg4", rate=10)
            stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
            stream.disposition = Disposition.default if default else Disposition(0)
            streams.append(stream)
        for number in range(10):
            for stream, colour in zip(streams, ("red", "blue"), strict=True):
                frame = av.VideoFrame.from_image(PIL.Image.new("RGB", (96, 64), colour))
                frame.pts = number
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    ((_, picture),) = Video(path).frames()
    assert picture.getpixel((5, 5)) == pytest.approx((0, 0, 255), abs=4)


def test_recording_of_a_browser(tmp_path: Path) -> None:
    pipe = Pipe()
    write_film(pipe, [("red", 7), ("blue", 5)], codec="libvpx", form="webm")
    path = tmp_path / "a.webm"
    path.write_bytes(pipe.getvalue())
    with av.open(str(path)) as container:
        assert container.duration is None  # or the test tests nothing
    assert Video(path).metadata()["duration"] == pytest.approx(12, abs=0.1)
    spans = [segment.span for segment in Video(path).segments()]
    np.testing.assert_allclose(spans, [(0, 7), (7, 12)], atol=0.35)


def test_pictures_in_an_unknown_codec(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    write_film(path, [("red", 2)], sound=3)
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))
    video = Video(path)
    (segment,) = video.segments()
    assert segment.modality == Modality.AUDIO
    assert video.notes == ["its pictures are in a codec that FFmpeg cannot decode here"]
    write_film(path, [("red", 2)])
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))
    with pytest.raises(MediaError, match="its pictures are in a codec that FFmpeg cannot decode"):
        Video(path).metadata()


def test_broken_packets_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    write_film(path, [(colour, 4) for colour in COLOURS], keys=(0, 4, 8), codec="mpeg4")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 12] = bytes(12)
    path.write_bytes(content)
    found = list(Video(path).frames())
    assert len(found) >= 2
    assert found[0][0] == 0


def test_empty_packets_say_that_a_picture_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Theora writes them for frames like the one before; PyAV decodes and writes none."""
    from sensorium.media.tracks import ffmpeg

    packets_of = ffmpeg.packets_of

    def repeated(*given: Any) -> Iterator[av.Packet]:
        for packet in packets_of(*given):
            yield packet
            if packet.size:
                empty = av.Packet(b"")
                empty.stream, empty.time_base = packet.stream, packet.time_base
                empty.pts = empty.dts = packet.pts + 100
                yield empty

    path = tmp_path / "a.mkv"
    write_film(path, [("red", 3), ("blue", 4)], keys=(0, 3), codec="mpeg4", rate=5)
    monkeypatch.setenv(WITHOUT, "0")
    monkeypatch.setattr(ffmpeg, "packets_of", repeated)
    video = Video(path)
    found = [(time, picture.getpixel((5, 5))) for time, picture in video.frames()]
    assert found == [
        (0, pytest.approx((255, 0, 0), abs=4)),
        (3, pytest.approx((0, 0, 255), abs=4)),
    ]
    assert video.notes == []


def test_ordinary_files_have_no_notes(tmp_path: Path) -> None:
    for suffix in ("mp4", "mkv", "ts", "avi"):
        path = tmp_path / f"a.{suffix}"
        write_film(path, [("red", 3)], sound=3, codec="mpeg4")
        video = Video(path)
        list(video.segments())
        assert video.notes == []


def test_interlaced_pictures_show_one_moment(tmp_path: Path) -> None:
    """Two fields of which each shows a bar elsewhere: a comb, unless one field is taken."""
    pixels = np.zeros((480, 640, 3), np.uint8)
    pixels[::2, 100:300] = 255
    pixels[1::2, 340:540] = 255
    path = tmp_path / "a.mkv"
    write_film(path, [("red", 0.4)], size=(640, 480), picture=PIL.Image.fromarray(pixels),
               codec="mpeg2video", options={}, interlaced=True)  # fmt: skip
    ((_, picture),) = Video(path).frames()
    lines = np.asarray(picture.convert("L"), float)
    assert lines[100:340, 200 * 448 // 480].min() > 200
    assert lines[100:340, 440 * 448 // 480].max() < 60


def test_a_span_leads_back_to_its_picture(tmp_path: Path) -> None:
    """Also where scenes are shorter than the time between two looks."""
    path = tmp_path / "a.mp4"
    seconds = (3, 1.2, 0.8, 4, 1, 3)
    scenes = [(("red", "blue", "lime")[n % 3], time) for n, time in enumerate(seconds)]
    write_film(path, scenes, keys=(0, 3, 4.2, 5, 9))
    video = Video(path)
    found = list(video.segments())
    assert len(found) >= 4
    for segment in found:
        assert isinstance(segment.media, Image) and segment.span is not None
        for time in (segment.span[0], round(segment.span[0], 2), sum(segment.span) / 2):
            assert video.picture_at(time).tobytes() == segment.media.load().tobytes()
