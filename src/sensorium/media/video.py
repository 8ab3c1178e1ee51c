"""Videos: pictures where something changes, and the sound track, each with its time."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from contextlib import closing
from typing import Any

import PIL.Image

from sensorium.errors import MediaError
from sensorium.media.audio import Audio
from sensorium.media.decoding import reads
from sensorium.media.image import Image
from sensorium.media.segments import Modality, Segment
from sensorium.media.sources import EncodedFile

SAME_SECONDS = 0.05
"""Times that differ by less are of the same picture: they may have been written with few digits."""

UNREADABLE = "no video that can be read"


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

    def __init__(self, source: str | os.PathLike[str] | bytes) -> None:
        super().__init__(source)
        self._facts: dict[str, Any] | None = None
        self._sound: Audio | None = None

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
        from sensorium.media.tracks import ffmpeg, watching

        yield from watching.pictures(self._shared(), self.name, ffmpeg.Told(self.notes))

    @reads(UNREADABLE)
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
                if found is not None and time > seconds + SAME_SECONDS:
                    break
                found = picture
        if found is None:
            raise MediaError("; ".join(self.notes) or "the video shows nothing", self.name)
        return found

    @property
    def sound(self) -> Audio | None:
        """The sound track; None for a silent video."""
        return self._sound if self.metadata()["has_sound"] else None

    @reads(UNREADABLE)
    def metadata(self) -> dict[str, Any]:
        """Length, size and tags.

        Returns
        -------
        dict
            ``duration`` (seconds), ``width`` and ``height`` (as displayed), ``frame_rate``,
            ``codec``, ``has_sound``; ``title``, ``taken`` ... where there are tags.

        Raises
        ------
        MediaError
            When the file is missing or no video.
        """
        if self._facts is None:
            from sensorium.media.tracks import ffmpeg, watching

            told = ffmpeg.Told(self.notes)
            self._facts = watching.facts(self._shared(), self.name, told)
            self._sound = Audio.of_film(self, told.counted)
        return dict(self._facts)

    @reads(UNREADABLE)
    def segments(self) -> Iterable[Segment]:
        """Yield pictures, each until the next, and then windows of the sound."""
        from sensorium.media.tracks import ffmpeg, watching

        told = ffmpeg.Told(self.notes)
        waiting: tuple[float, PIL.Image.Image] | None = None
        for time, picture in watching.pictures(self._shared(), self.name, told):
            if waiting is not None:
                yield Segment(Image(waiting[1]), (waiting[0], time))
            waiting = (time, picture)
        if waiting is not None:
            yield Segment(Image(waiting[1]), (waiting[0], max(waiting[0], told.end)))
        if (sound := self.sound) is not None:
            yield from sound.segments()
