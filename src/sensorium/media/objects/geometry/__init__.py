"""What 3-D files hold: each format's reader turns a file into parts with colours and textures."""

from __future__ import annotations

from collections.abc import Callable

from sensorium.errors import MediaError
from sensorium.media.objects.geometry.beside import Beside
from sensorium.media.objects.geometry.gltf import read_gltf
from sensorium.media.objects.geometry.model import Limits, Material, Model, Part
from sensorium.media.objects.geometry.obj import read_obj
from sensorium.media.objects.geometry.off import read_off
from sensorium.media.objects.geometry.ply import read_ply
from sensorium.media.objects.geometry.stl import read_stl

__all__ = ["Beside", "Limits", "Material", "Model", "Part", "read_model"]

READERS: dict[str, Callable[[bytes, Beside, Limits], Model]] = {
    "glb": read_gltf,
    "gltf": read_gltf,
    "obj": read_obj,
    "off": read_off,
    "ply": read_ply,
    "stl": read_stl,
}


def read_model(content: bytes, kind: str, beside: Beside, limits: Limits) -> Model:
    """Read a 3-D file.

    Parameters
    ----------
    content : bytes
    kind : str
        Its format, as a suffix without the dot: a key of `READERS`.
    beside : Beside
        Reads the files that it names.
    limits : Limits

    Returns
    -------
    Model

    Raises
    ------
    MediaError
        For a format that is not read, and for files over a limit.
    Exception
        Nearly any on broken files; see `sensorium.media.decoding`.
    """
    if kind not in READERS:
        raise MediaError(f"3-D objects of type {kind!r} are not read, but {', '.join(READERS)} are")
    return READERS[kind](content, beside, limits)
