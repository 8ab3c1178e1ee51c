"""3-D objects: looked at from around by casting rays, without a screen or a graphics card."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import PIL.Image

from sensorium.errors import MediaError
from sensorium.media.decoding import reads
from sensorium.media.image import Image
from sensorium.media.objects.views import UNREADABLE, Reading
from sensorium.media.segments import Modality, Segment
from sensorium.media.sources import EncodedFile

VIEWS = ((0.0, 20.0), (45.0, 30.0), (90.0, 20.0), (135.0, 30.0), (180.0, 20.0), (225.0, 30.0),
         (270.0, 20.0), (315.0, 30.0))  # fmt: skip
"""Azimuth and elevation of each view, in degrees: from around, a little from above."""

VIEW_SIDE = 384
"""Pixels of a view's sides."""

MAX_FACES = 5_000_000
"""Larger objects are not read: trees over their faces take gigabytes."""


class Mesh(EncodedFile):
    """A 3-D object. Nothing is read before it is needed.

    Parameters
    ----------
    source : str, Path or bytes
        A path (OBJ, STL, PLY, GLB, glTF, OFF), an ``http(s)`` URL, or an encoded file.
    kind : str, optional
        The format of bytes, as its suffix: ``"glb"``.

    Raises
    ------
    MediaError
        For any other type. Files are opened later.
    """

    modality = Modality.MESH

    def __init__(self, source: str | os.PathLike[str] | bytes, kind: str | None = None) -> None:
        super().__init__(source)
        self._reading: Reading | None = None
        named = self.path or (Path(self._url.split("?")[0]) if self._url else None)
        if kind is None and named is None:
            raise MediaError('bytes of a 3-D object need their format: Mesh(data, "glb")')
        self._kind = (kind or (named.suffix if named else "")).lower().removeprefix(".")

    def view(self, azimuth: float, elevation: float, side: int = VIEW_SIDE) -> PIL.Image.Image:
        """Draw the object as seen from a direction.

        Parameters
        ----------
        azimuth, elevation : float
            Degrees: around the upright axis from the front, and above the horizon.
        side : int
            Pixels of the picture's sides.

        Returns
        -------
        PIL.Image.Image
            RGB, on white, lit from the viewer's shoulder.

        Raises
        ------
        MediaError
            When the file is missing, broken, or over a limit.
        """
        picture: PIL.Image.Image = self._ask((azimuth, elevation, side))
        return picture

    def metadata(self) -> dict[str, Any]:
        """Numbers of the object.

        Returns
        -------
        dict
            ``faces``, ``vertices``, ``extents`` (length along each axis, in the file's units),
            ``watertight``.

        Raises
        ------
        MediaError
            As `view`.
        """
        facts: dict[str, Any] = self._ask(None)
        return facts

    @reads(UNREADABLE)
    def segments(self) -> Iterable[Segment]:
        """Yield views from around."""
        try:
            for number, (azimuth, elevation) in enumerate(VIEWS):
                yield Segment(Image(self.view(azimuth, elevation)), None, {"view": number})
        finally:
            if self._reading is not None:
                self._reading.close()

    @reads(UNREADABLE)
    def _ask(self, question: tuple[float, float, int] | None) -> Any:
        """What the process that has read the file says; it is read when first asked for."""
        if self._reading is None:
            self._reading = Reading(self._file(), self._kind, self.path, self.name, MAX_FACES)
            answer = self._reading.ask(question)
            self.notes += self._reading.notes
            return answer
        return self._reading.ask(question)
