"""Videos: pictures where something changes, and the sound track, each with its time."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import closing
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.errors import MediaError
from sensorium.media.audio import MAX_SECONDS, Audio
from sensorium.media.image import Image
from sensorium.media.segments import Modality, Segment
from sensorium.media.sources import EncodedFile

FRAME_SECONDS = 2.0
"""Time between the frames that are looked at: what is seen for less may be missed."""

UNCHANGED_SECONDS = 30.0
"""A scene in which nothing changes gets another picture after this time."""

SCENE_CHANGE = 10.0
"""Mean difference of two frames, in levels of 255, from which on both are kept. Measured on
thumbnails of `THUMBNAIL` pixels: camera shake and compression stay under 5."""

THUMBNAIL = (32, 32)

KEYFRAME_SECONDS = 5.0
"""Where frames that stand for themselves are no further apart, the others are not decoded."""


class Video(EncodedFile):
    """A video. Nothing is read before it is needed, and never more than a frame at a time.

    Parameters
    ----------
    source : str, Path or bytes
        A path, an ``http(s)`` or ``data:`` URL, or an encoded file.

    Raises
    ------
    MediaError
        For any other type. Files are opened later.
    """

    modality = Modality.VIDEO

    def frames(self) -> Generator[tuple[float, PIL.Image.Image], None, None]:
        """Yield the pictures that differ from the one before.

        Yields
        ------
        (float, PIL.Image.Image)
            Seconds from the beginning, and the picture: upright RGB, at most 448 pixels at its
            shorter side.

        Raises
        ------
        MediaError
            When the file is missing or no video; what a file that is broken further on holds up
            to there is given.
        """
        from sensorium.media import ffmpeg

        kept: npt.NDArray[np.int16] | None = None
        kept_at = 0.0
        for time, picture in ffmpeg.frames(
            self._file(), self.name, FRAME_SECONDS, KEYFRAME_SECONDS
        ):
            if time > MAX_SECONDS:
                return
            small = np.asarray(picture.resize(THUMBNAIL).convert("L"), np.int16)
            if (
                kept is None
                or time - kept_at >= UNCHANGED_SECONDS
                or np.abs(small - kept).mean() >= SCENE_CHANGE
            ):
                kept, kept_at = small, time
                yield time, picture

    def picture_at(self, seconds: float) -> PIL.Image.Image:
        """The picture that is kept of a time.

        Raises
        ------
        MediaError
            When the file is missing, no video, or shows nothing.
        """
        found: PIL.Image.Image | None = None
        with closing(self.frames()) as frames:
            for time, picture in frames:
                if found is not None and time > seconds + FRAME_SECONDS / 2:
                    break
                found = picture
        if found is None:
            raise MediaError("the video shows nothing", self.name)
        return found

    @property
    def sound(self) -> Audio | None:
        """The sound track; None for a silent video."""
        if not self.metadata()["has_sound"]:
            return None
        sound = Audio(self._file())
        sound.notes = self.notes  # what of it is not heard is missing in the video
        return sound

    def metadata(self) -> dict[str, Any]:
        """Length, size and tags.

        Returns
        -------
        dict
            ``duration`` (seconds), ``width``, ``height``, ``frame_rate``, ``codec``,
            ``has_sound``; ``title``, ``taken`` ... where there are tags.

        Raises
        ------
        MediaError
            When the file is missing or no video.
        """
        from sensorium.media import ffmpeg

        return ffmpeg.video_facts(self._file(), self.name)

    def segments(self) -> Iterable[Segment]:
        """Yield pictures, each until the next, and then windows of the sound."""
        facts = self.metadata()
        waiting: tuple[float, PIL.Image.Image] | None = None
        for time, picture in self.frames():
            if waiting is not None:
                yield Segment(Image(waiting[1]), (waiting[0], time))
            waiting = (time, picture)
        if waiting is not None:
            stop = max(waiting[0], facts.get("duration", waiting[0]))
            yield Segment(Image(waiting[1]), (waiting[0], stop))
        if (sound := self.sound) is not None:
            yield from sound.segments()
