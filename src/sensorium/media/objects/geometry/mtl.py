"""MTL: the materials of OBJ files."""

from __future__ import annotations

from typing import Any

import numpy as np
import PIL.Image

from sensorium.errors import MediaError
from sensorium.media.objects.faults import plainly, shown
from sensorium.media.objects.geometry.beside import Beside
from sensorium.media.objects.geometry.model import Material
from sensorium.media.objects.geometry.numbers import plain
from sensorium.media.objects.geometry.textures import BUDGET, Decoder, Texture

OPTIONS = {
    "-blendu": 1, "-blendv": 1, "-bm": 1, "-boost": 1, "-cc": 1, "-clamp": 1, "-imfchan": 1,
    "-mm": 2, "-o": 3, "-s": 3, "-t": 3, "-texres": 1, "-type": 1,
}  # fmt: skip
"""Options before the name of a texture, and how many words follow each; the last three numbers
of -o, -s and -t may be left out."""

MAX_LIBRARIES = 100

MAX_MATERIALS = 20_000
"""Of all libraries of an object; cities and whole factories have some thousands."""

GREY = (0.8, 0.8, 0.8)
"""Of a material that says nothing of its colour, as Blender and MeshLab show it."""


def read_materials(names: list[str], beside: Beside, notes: list[str]) -> dict[str, Material]:
    """Read the libraries that an OBJ names.

    Parameters
    ----------
    names : list of str
        What stands behind each ``mtllib``: one name, which may hold spaces, or several.
    beside : Beside
    notes : list of str
        What cannot be used is added to it.

    Returns
    -------
    dict
        Materials by name.
    """
    entries: dict[str, dict[str, list[str]]] = {}
    names = list(dict.fromkeys(names))
    if len(names) > MAX_LIBRARIES:
        notes.append(f"of {len(names):,} libraries of materials {MAX_LIBRARIES} are read")
    for name in names[:MAX_LIBRARIES]:
        for text in _libraries(name, beside, notes):
            if not _parse(text, entries):
                notes.append(f"of the materials {MAX_MATERIALS:,} are read")
                break
    links = {entry[key][-1] for entry in entries.values() for key in entry if key[:4] == "map_"}
    pictures = _Pictures(beside, len(links), notes)
    materials = {name: _material(entry, pictures) for name, entry in entries.items()}
    if materials and all(material.factor[3] == 0 for material in materials.values()):
        # Tr says how much shines through, and in some writers' files how little: nobody writes
        # an object in which there is nothing to see.
        for material in materials.values():
            material.factor = (*material.factor[:3], 1.0)
    return materials


def _libraries(name: str, beside: Beside, notes: list[str]) -> list[str]:
    for candidates in ([name], name.split()):
        found = []
        try:
            for candidate in candidates:
                found.append(plain(beside.read(candidate, "library")).decode("utf-8", "replace"))
                beside.also_beside(candidate)
        except FileNotFoundError:
            continue
        except MediaError as error:
            notes.append(f"the materials in '{shown(name)}' cannot be read ({error.reason})")
            return []
        except OSError as error:
            notes.append(f"the materials in '{shown(name)}' cannot be read ({plainly(error)})")
            return []
        return found
    notes.append(f"the materials in '{shown(name)}' are missing")
    return []


def _parse(text: str, entries: dict[str, dict[str, list[str]]]) -> bool:
    """Add what a library says, by material and first word; the last word on a thing counts.

    Returns whether all of it was.
    """
    current: dict[str, list[str]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        key, _, rest = line.strip().partition(" ") if "\t" not in line else (
            line.strip().replace("\t", " ").partition(" ")
        )  # fmt: skip
        if key.lower() == "newmtl":
            if len(entries) >= MAX_MATERIALS and rest.strip() not in entries:
                return False
            current = entries.setdefault(rest.strip(), {})
        elif key and not key.startswith("#"):
            words = rest.split()
            current[key.lower()] = [*words, rest.strip()]  # the whole last, for names with spaces
    return True


class _Pictures:
    """Decodes textures, each once."""

    def __init__(self, beside: Beside, count: int, notes: list[str]) -> None:
        self._beside = beside
        self._decoder = Decoder(count)
        self._notes = notes
        self._found: dict[str, Any] = {}
        self._levels: dict[tuple[int, int], list[Any]] = {}
        self._copied = 0

    def get(self, words: list[str] | None) -> tuple[Any, dict[str, list[str]]]:
        """Pixels, or None, and the options of what stands behind a ``map_``."""
        if not words:
            return None, {}
        name, options = _split(words[-1])
        if name not in self._found:
            self._found[name] = self._decoded(name)
        return self._found[name], options

    def _decoded(self, name: str) -> Any:
        try:
            return self._decoder.decode(self._beside.read(name, "texture"))
        except FileNotFoundError:
            self._notes.append(f"the texture '{shown(name)}' is missing")
        except MediaError as error:
            self._notes.append(f"the texture '{shown(name)}' cannot be used ({error.reason})")
        except Exception as error:  # a picture that cannot be read does not cost the object
            self._notes.append(f"the texture '{shown(name)}' cannot be used ({plainly(error)})")
        return None

    def levels(self, pixels: Any) -> list[Any]:
        """A picture as it is, for `Texture`; one list for all materials that have it."""
        return self._levels.setdefault((id(pixels), -1), [pixels])

    def painted(self, pixels: Any, mask: Any) -> list[Any] | None:
        """The colours of one picture with the opacity of another, likewise; either may be None."""
        if pixels is None and mask is None:
            return None
        key = id(pixels), id(mask)  # `_found` keeps both, so that their numbers stay theirs
        if key not in self._levels:
            if mask is None and (pixels[:, :, 3] == 255).all():
                return self.levels(pixels)
            height, width = (mask if pixels is None else pixels).shape[:2]
            self._copied += height * width
            if self._copied > BUDGET:
                self._notes.append("opacity of textures is left out: there are too many")
                return None if pixels is None else self.levels(pixels)
            if pixels is not None:
                pixels = pixels.copy()
                pixels[:, :, 3] = 255  # it is of colours; opacity has a picture of its own
            self._levels[key] = [pixels if mask is None else _with_opacity(pixels, mask)]
        return self._levels[key]


def _split(text: str) -> tuple[str, dict[str, list[str]]]:
    """A texture's name and the options before it."""
    words = text.split(" ")
    options: dict[str, list[str]] = {}
    while words and (words[0].lower() in OPTIONS or not words[0]):
        option = words.pop(0).lower()
        if not option:
            continue
        values = options.setdefault(option, [])
        while words and len(values) < OPTIONS[option]:
            if option in ("-o", "-s", "-t") and not _is_number(words[0]):
                break
            values.append(words.pop(0))
    return " ".join(words).strip().strip('"'), options


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _material(entry: dict[str, list[str]], pictures: _Pictures) -> Material:
    pixels, options = pictures.get(entry.get("map_kd"))
    colour = _colour(entry.get("kd"))
    if pixels is not None and (colour is None or not any(colour)):
        colour = (1.0, 1.0, 1.0)  # black times a picture is nobody's wish
    opacity = _first(entry.get("d"), 1.0)
    if "d" not in entry:
        opacity = 1 - _first(entry.get("tr"), 0.0)
    mask, _ = pictures.get(entry.get("map_d"))
    levels = pictures.painted(pixels, mask)
    glow = _colour(entry.get("ke")) or (0.0, 0.0, 0.0)
    glow_pixels, glow_options = pictures.get(entry.get("map_ke"))
    if glow_pixels is not None and not any(glow):
        glow = (1.0, 1.0, 1.0)
    return Material(
        factor=(*(colour or GREY), min(max(opacity, 0.0), 1.0)),
        texture=_texture(levels, options),
        glow=glow,
        glow_texture=_texture(
            None if glow_pixels is None else pictures.levels(glow_pixels), glow_options
        ),
        see_through=opacity < 1 or mask is not None,
        unlit=_first(entry.get("illum"), 2) == 0,
    )


def _texture(levels: list[Any] | None, options: dict[str, list[str]]) -> Texture | None:
    if levels is None:
        return None
    clamped = options.get("-clamp") == ["on"]
    return Texture(
        levels, ("clamp", "clamp") if clamped else ("repeat", "repeat"), move=_move(options)
    )


def _move(options: dict[str, list[str]]) -> Any:
    """Matrix of -s and -o, which count from below, for places that are counted from above."""
    if not options.keys() & {"-s", "-o"}:
        return None
    across, down = (*(float(word) for word in options.get("-s", [])[:2]), 1.0, 1.0)[:2]
    right, up = (*(float(word) for word in options.get("-o", [])[:2]), 0.0, 0.0)[:2]
    return np.array([[across, 0, right], [0, down, 1 - down - up]])


def _with_opacity(pixels: Any, mask: Any) -> Any:
    """Pixels with the brightness of another picture as their opacity, at the mask's size."""
    brightness = PIL.Image.fromarray(mask).convert("RGB").convert("L")
    if (mask[:, :, 3] < 255).any():
        brightness = PIL.Image.fromarray(np.ascontiguousarray(mask[:, :, 3]))
    if pixels is None:
        pixels = np.full((*mask.shape[:2], 4), 255, np.uint8)
    made = pixels.copy()
    made[:, :, 3] = np.asarray(brightness.resize((pixels.shape[1], pixels.shape[0])))
    return made


def _colour(words: list[str] | None) -> tuple[float, float, float] | None:
    """Red, green and blue; one number is all three. None where they are written otherwise."""
    numbers = [float(word) for word in (words or [])[:-1][:3] if _is_number(word)]
    if len(numbers) == 1:
        numbers *= 3
    if len(numbers) != 3:
        return None
    red, green, blue = (min(max(number, 0.0), 1.0) for number in numbers)
    return red, green, blue


def _first(words: list[str] | None, default: float) -> float:
    """The last number: ``d -halo 0.5`` has a word before it."""
    numbers = [float(word) for word in (words or [])[:-1] if _is_number(word)]
    return numbers[-1] if numbers else default
