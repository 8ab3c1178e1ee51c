"""Icons: some 23,000 small pictures of 10,000 things, of openly licensed sets on npm.

Emoji and clip art show a few thousand things; icon sets show many more, each in its own manner. An
icon is taken when its name is a noun of WordNet that names something visible, or ends in one and
holds no word of user interfaces.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.datasets import home
from benchmarks.datasets.rendering import render_svg
from recipes.mini.lexicon import Entry, by_name
from recipes.mini.pairs import Pair
from sensorium.packages import Package, bring

WIDTH = 160  # pixels
EACH = 2  # drawings of one name taken from one set
COMMON = 40_000  # frequency rank up to which a name may be a caption's last word alone


@dataclass(frozen=True)
class IconSet:
    """An Iconify package, and which of its styles to take."""

    name: str
    version: str
    sha256: str
    licence: str
    style: str  # a regular expression that names of the wanted style match

    @property
    def package(self) -> Package:
        """The pinned npm package."""
        return Package("npm", f"@iconify-json/{self.name}", self.version, self.sha256)


SETS = Path(__file__).with_name("icons.csv")

# What sets append to a name to say which of its drawings it is.
VARIANT = re.compile(
    r"(-(outline|filled|fill|bold|duotone|linear|line|light|thin|broken|regular|rounded|sharp|solid"
    r"|flat|duo|color|negative|variant|alt|\d+|one|two|three|round|24px|f|icon))+$"
)
# Words that say what a program does with a thing, not what is seen.
_INTERFACE = (
    "add remove off check checked cancel arrow arrows align plus minus edit settings alert circle "
    "circled box square rectangle up down left right in out on sync lock locked unlock unlocked "
    "search heart x close question exclamation cog cogs multiple export import slash start end "
    "horizontal vertical top bottom center upload download share refresh clock star delete clear "
    "low medium high half format text sort filter pause play stop badge variant symbol logo brand "
    "small large mini ai app error warning view show hide group user users data file files folder "
    "folders document documents network server cloud database code web internet browser page pages "
    "layout window interface button pin location map marker number letter alpha no not with and or "
    "of the to for is"
)
INTERFACE = frozenset(_INTERFACE.split())
# Names of controls that are nouns, too.
_CONTROLS = (
    "slash dash dot check plus minus cross equal equals percent hash at and or not if then else up "
    "down left right start end top bottom center middle front back in out on off add edit crop "
    "trash undo redo sync login logout register print save copy cut paste zoom expand collapse fit "
    "fill pause play stop record forward rewind repeat shuffle next previous mute volume home menu "
    "grid list table row column text font bold italic underline strike heading paragraph quote "
    "code link unlink attach filter sort search info help question alert warning error success bug "
    "activity api"
)
CONTROLS = frozenset(_CONTROLS.split())


def sets() -> list[IconSet]:
    """Return the icon sets."""
    with SETS.open(encoding="utf-8", newline="") as file:
        return [IconSet(**row) for row in csv.DictReader(file)]


def pairs(folder: Path) -> list[Pair]:
    """Return the icons of all sets with their names, rendered into `folder`."""
    found: list[Pair] = []
    drawings: list[tuple[Path, bytes]] = []
    for icon_set in sets():
        collection = json.loads((bring(icon_set.package, home()) / "icons.json").read_text("utf-8"))
        taken: Counter[str] = Counter()
        for name, icon in collection["icons"].items():
            if icon.get("hidden") or not re.search(icon_set.style, name):
                continue
            named = label_of(name)
            if named is None or taken[named[0]] >= EACH:
                continue
            taken[named[0]] += 1
            path = folder / icon_set.name / f"{name}.png"
            drawings.append((path, _svg(collection, icon)))
            label, noun = named
            captions = {"en": label}
            same = label in noun.leading
            if same and noun.chinese:
                captions["zh"] = noun.chinese[0]
            tags = (*noun.lemmas, *noun.chinese) if same else ()
            one_colour = "currentColor" in icon["body"]
            found.append(Pair(path, captions, tags, "icons", directed=False, one_colour=one_colour))
    with ProcessPoolExecutor() as processes:
        whole = list(processes.map(_render, drawings, chunksize=64))
    return [icon for icon, drawn in zip(found, whole, strict=True) if drawn]


def label_of(name: str) -> tuple[str, Entry] | None:
    """Return what an icon's name says is seen, and the noun for it; None if that is unclear.

    >>> label_of("oak-tree-outline")[0]
    'oak tree'
    >>> label_of("arrow-left-circle") is None
    True
    """
    words = VARIANT.sub("", VARIANT.sub("", name.lower())).split("-")
    words = [word for word in words if word and not word.isdigit()]
    label = " ".join(words)
    if len(words) > 4 or (len(words) < 2 and (label in CONTROLS or len(label) < 3)):
        return None
    nouns = by_name()
    if entry := nouns.get(label) or nouns.get(label.removesuffix("s")):
        return label, entry
    if 1 < len(words) <= 3 and not INTERFACE.intersection(words):
        for count in (2, 1):
            last = " ".join(words[-count:])
            entry = nouns.get(last)
            if len(words) > count and entry and last not in CONTROLS and entry.rank < COMMON:
                return label, entry
    return None


def _svg(collection: dict[str, Any], icon: dict[str, Any]) -> bytes:
    def number(side: str, default: int) -> int:
        return int(icon.get(side, collection.get(side, default)))

    width, height = number("width", 16), number("height", 16)
    body = icon["body"].replace("currentColor", "#000000")
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{width}" height="{height}" '
        f'viewBox="{number("left", 0)} {number("top", 0)} {width} {height}">{body}</svg>'
    ).encode()


def _render(drawing: tuple[Path, bytes]) -> bool:
    """Write a drawing as PNG unless it is there; say whether it could be drawn."""
    path, svg = drawing
    if path.is_file():
        return True
    try:
        picture = render_svg(svg, WIDTH)
    except ValueError:  # resvg refuses it
        return False
    png = io.BytesIO()
    picture.save(png, "PNG")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(png.getvalue())
    part.replace(path)
    return True
