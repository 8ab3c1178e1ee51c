"""Materials of a glTF file: the colour that a viewer without reflections shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sensorium.errors import MediaError
from sensorium.media.objects.faults import DamagedError, plainly
from sensorium.media.objects.geometry.accessors import Accessors, one_of
from sensorium.media.objects.geometry.beside import Beside
from sensorium.media.objects.geometry.model import Floats, Material
from sensorium.media.objects.geometry.textures import Decoder, Texture, Wrap

WRAPS: dict[int, Wrap] = {33071: "clamp", 33648: "mirror", 10497: "repeat"}
NEAREST = 9728

REPLACED = ("EXT_texture_webp", "EXT_texture_avif")
"""Extensions that name a picture in a newer format; the plain one is for who cannot read it."""


@dataclass(frozen=True, eq=False)
class Look:
    """A material, and which set of coordinates each of its textures goes by."""

    material: Material
    base: int
    glow: int


class Materials:
    """Reads the materials of a document, each once.

    Parameters
    ----------
    document : dict
    accessors : Accessors
    beside : Beside
    notes : list of str
        What could not be used is added to it.
    """

    def __init__(
        self, document: dict[str, Any], accessors: Accessors, beside: Beside, notes: list[str]
    ) -> None:
        self._document = document
        self._accessors = accessors
        self._beside = beside
        self._notes = notes
        self._decoder = Decoder(len(document.get("images", [])))
        self._pictures: dict[int, Any] = {}
        self._looks: dict[int, Look] = {}

    def get(self, index: int) -> Look:
        """The material of a number.

        Raises
        ------
        Exception
            Of several types, when it is not written as the standard wants it.
        """
        if index not in self._looks:
            self._looks[index] = self._read(one_of(self._document, "materials", index))
        return self._looks[index]

    def _read(self, entry: dict[str, Any]) -> Look:
        extensions = entry.get("extensions", {})
        plain = entry.get("pbrMetallicRoughness", {})
        factor, info = plain.get("baseColorFactor"), plain.get("baseColorTexture")
        if glossy := extensions.get("KHR_materials_pbrSpecularGlossiness"):
            factor, info = glossy.get("diffuseFactor"), glossy.get("diffuseTexture")
        texture, base = self._placed(info)
        glow = _numbers(entry.get("emissiveFactor"), 3, 0.0)
        strength = extensions.get("KHR_materials_emissive_strength", {}).get("emissiveStrength", 1)
        glowing = entry.get("emissiveTexture") if any(glow) else None
        glow_texture, glow_set = self._placed(glowing)
        if glowing and glow_texture is None:
            glow = [0.0, 0.0, 0.0]  # what of it gives light, only the picture knows
        mode = entry.get("alphaMode", "OPAQUE")
        material = Material(
            factor=_four(_numbers(factor, 4, 1.0)),
            texture=texture,
            glow=(glow[0] * strength, glow[1] * strength, glow[2] * strength),
            glow_texture=glow_texture,
            cutoff=float(entry.get("alphaCutoff", 0.5)) if mode == "MASK" else None,
            see_through=mode == "BLEND",
            unlit="KHR_materials_unlit" in extensions,
        )
        return Look(material, base, glow_set)

    def _placed(self, info: dict[str, Any] | None) -> tuple[Texture | None, int]:
        """The texture that a material names, and its coordinates; None where it cannot be read."""
        if info is None:
            return None, 0
        entry = one_of(self._document, "textures", info["index"])
        levels = self._pixels(entry)
        if levels is None:
            return None, 0
        sampler = entry.get("sampler")
        rules = one_of(self._document, "samplers", sampler) if sampler is not None else {}
        across, down = (WRAPS.get(rules.get(way, 0), "repeat") for way in ("wrapS", "wrapT"))
        moved = info.get("extensions", {}).get("KHR_texture_transform", {})
        texture = Texture(levels, (across, down), rules.get("magFilter") != NEAREST, _move(moved))
        return texture, int(moved.get("texCoord", info.get("texCoord", 0)))

    def _pixels(self, entry: dict[str, Any]) -> Any:
        """Levels of the first of a texture's pictures that can be read; see `Texture`."""
        others = entry.get("extensions", {})
        sources = [others[name].get("source") for name in REPLACED if name in others]
        sources = [source for source in (*sources, entry.get("source")) if source is not None]
        for source in sources:
            if source not in self._pictures:
                self._pictures[source] = self._decoded(source)
            if self._pictures[source] is not None:
                return self._pictures[source]
        if not sources:
            self._notes.append(
                "a texture is in a format that is not read"
                + (f" ({', '.join(sorted(others))})" if others else "")
            )
        return None

    def _decoded(self, index: int) -> Any:
        try:
            image = one_of(self._document, "images", index)
            encoded: bytes | memoryview
            if "bufferView" in image:
                encoded = self._accessors.view(image["bufferView"])
            else:
                encoded = self._beside.read(image["uri"], "texture")
            return [self._decoder.decode(encoded)]
        except MediaError as error:
            reason = error.reason
        except Exception as error:  # a picture that cannot be read does not cost the object
            reason = plainly(error)
        self._notes.append(f"texture {index + 1} cannot be used ({reason})")
        return None


def _move(moved: dict[str, Any]) -> Floats | None:
    """The matrix of KHR_texture_transform: first scaled, then turned to the left, then moved."""
    if not moved:
        return None
    turn = float(moved.get("rotation", 0))
    across, down = _numbers(moved.get("scale"), 2, 1.0)
    right, below = _numbers(moved.get("offset"), 2, 0.0)
    cosine, sine = np.cos(turn), np.sin(turn)
    return np.array([[cosine * across, sine * down, right], [-sine * across, cosine * down, below]])


def _numbers(values: Any, count: int, default: float) -> list[float]:
    """A list of numbers of a document, or the default for each."""
    if values is None:
        return [default] * count
    found = [float(value) for value in values]
    if len(found) != count:
        raise DamagedError(f"{found} is no list of {count} numbers")
    return found


def _four(values: list[float]) -> tuple[float, float, float, float]:
    return (values[0], values[1], values[2], values[3])
