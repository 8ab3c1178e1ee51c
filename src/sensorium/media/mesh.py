"""3-D objects: looked at from around by casting rays, without a screen or a graphics card."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import PIL.Image

from sensorium.errors import MediaError
from sensorium.media.image import Image
from sensorium.media.segments import Modality, Segment
from sensorium.media.sources import is_url, printable, read_file, read_url

VIEWS = ((0.0, 20.0), (45.0, 30.0), (90.0, 20.0), (135.0, 30.0), (180.0, 20.0), (225.0, 30.0),
         (270.0, 20.0), (315.0, 30.0))  # fmt: skip
"""Azimuth and elevation of each view, in degrees: from around, a little from above."""

VIEW_SIDE = 384
"""Pixels of a view's sides."""

MAX_FACES = 5_000_000
"""Larger objects are not read: trees over their faces take gigabytes."""


class Mesh:
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
        self.path: Path | None = None
        self._url: str | None = None
        self._encoded: bytes | None = None
        self._scene: Any = None
        if isinstance(source, str) and is_url(source):
            self._url = source
            self._kind = kind or Path(source.split("?")[0]).suffix[1:].lower()
        elif isinstance(source, (str, os.PathLike)):
            self.path = Path(source)
            self._kind = kind or self.path.suffix[1:].lower()
        elif isinstance(source, (bytes, bytearray, memoryview)):
            self._encoded = bytes(source)
            if kind is None:
                raise MediaError('bytes of a 3-D object need their format: Mesh(data, "glb")')
            self._kind = kind.lower().removeprefix(".")
        else:
            raise MediaError(
                f"Mesh takes a path, URL or bytes, got {type(source).__name__}: {source!r:.80}"
            )

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
        picture: PIL.Image.Image = self._read().view(azimuth, elevation, side)
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
        facts: dict[str, Any] = self._read().facts()
        return facts

    def segments(self) -> Iterable[Segment]:
        """Yield views from around."""
        for number, (azimuth, elevation) in enumerate(VIEWS):
            yield Segment(Image(self.view(azimuth, elevation)), None, {"view": number})

    @property
    def name(self) -> str:
        """What errors call it."""
        if self.path is not None:
            return printable(str(self.path))
        return (self._url or "mesh")[:100]

    def _read(self) -> Any:
        if self._scene is None:
            from sensorium.media.rendering import Scene

            if self._encoded is None and self._url is not None:
                self._encoded = read_url(self._url)
            content = self._encoded
            if content is None:
                assert self.path is not None
                content = read_file(self.path)
            self._scene = Scene(content, self._kind, self.path, self.name, MAX_FACES)
        return self._scene

    def __repr__(self) -> str:
        return f"Mesh({self.name})"
