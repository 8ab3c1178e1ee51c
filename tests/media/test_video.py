"""Videos: a picture for each scene, its time, the sound track, rotated and broken files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from sensorium import Audio, Image, Video
from sensorium.errors import MediaError
from sensorium.media import Modality, as_media
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
