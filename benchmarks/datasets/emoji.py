"""Emoji: 1,914 concepts drawn in six styles, with labels and tags in 28 languages.

Splits are by cluster of near-identical concepts (the man, the woman and the person of one
profession belong together); flags form a split of their own. OpenMoji is share-alike: its
`style_role` is "heldout", it is for evaluation only and nothing may be trained on it.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.datasets.manifest import split_of, to_json
from benchmarks.datasets.rendering import on_white, open_picture, render_svg, save
from sensorium.packages import Package

SIZE = 128  # longest side of the pictures, in pixels

GOOGLE = Package(
    "npm",
    "emoji-datasource-google",
    "16.0.0",
    "fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
    folders=("img/google/64",),
)
EMOJIBASE = Package(
    "npm",
    "emojibase-data",
    "17.0.0",
    "d01d0e2ca4e22cb402679532155342c71e2e871f25c32223c013b8b166ebdf5a",
)
OPENMOJI = Package(
    "npm",
    "openmoji",
    "17.0.0",
    "55ee7d13485dec86e9f38c1f3a645a13382d33ff97c0cd845ee824b0aef45e68",
    folders=("color/svg", "black/svg"),
)
FLUENT_3D = Package(
    "npm",
    "@lobehub/fluent-emoji-3d",
    "1.1.0",
    "c1bb7eee7de090205a232518a9ab4adb3df458bfbe8a1f78232991194c8b2e58",
)
FLUENT = Package(
    "npm",
    "@iconify-json/fluent-emoji",
    "1.2.7",
    "8044210dbf11e016d4de85f15d01a243423bd832457e7e2491df1b751c0e272b",
)
NOTO = Package(
    "npm",
    "@iconify-json/noto",
    "1.2.9",
    "3e918d88fc945c0bb3d468dbace6f88caef67f01c9f0e7bcae0915a042e8f1ad",
)
TWEMOJI = Package(
    "npm",
    "@twemoji/svg",
    "15.0.0",
    "1d2907557a422c7c4e3feca50ef915c39da1db3d76b4a4d7e73fb59bce4403c3",
)
PACKAGES = (GOOGLE, EMOJIBASE, OPENMOJI, FLUENT_3D, FLUENT, NOTO, TWEMOJI)
NEEDS: tuple[str, ...] = ()

#: Style: (design it belongs to, licence, source). The two styles of a design are no independent
#: drawings; `dup_in_style` marks a picture that equals an earlier one of its style.
STYLES = {
    "noto": (
        "noto",
        "Apache-2.0 (Google Noto Emoji)",
        "@iconify-json/noto 1.2.9 (country flags: emoji-datasource-google 16.0.0)",
    ),
    "twemoji": (
        "twemoji",
        "CC-BY-4.0 graphics (npm package metadata: MIT)",
        "@twemoji/svg 15.0.0",
    ),
    "fluent": ("fluent", "MIT (Microsoft Fluent Emoji)", "@iconify-json/fluent-emoji 1.2.7"),
    "fluent3d": ("fluent", "MIT (Microsoft Fluent Emoji)", "@lobehub/fluent-emoji-3d 1.1.0"),
    "openmoji": ("openmoji", "CC-BY-SA-4.0", "openmoji 17.0.0"),
    "openmoji_line": ("openmoji", "CC-BY-SA-4.0", "openmoji 17.0.0"),
}

# emojibase's numbers of groups and subgroups
PEOPLE, COMPONENT, FLAGS = 1, 2, 9
COUNTRY_FLAG, SUBDIVISION_FLAG, TIME = 98, 99, 58

Drawing = Callable[[], Image.Image]


def build(root: Path) -> Iterator[dict[str, object]]:
    """Render every style of every concept; yield the rows of the manifest."""
    concepts = _Concepts(EMOJIBASE.folder(root))
    drawings = _drawings(root)
    seen: dict[tuple[str, str], str] = {}
    for entry in concepts.entries:
        hexcode = entry["hexcode"]
        facts = concepts.describe(entry)
        for style, (design, licence, source) in STYLES.items():
            if style == "openmoji_line" and entry["group"] == FLAGS:
                continue  # line drawings of flags are empty frames
            key = _slug(entry["label"]) if style == "fluent" else _bare(hexcode)
            path = root / "emoji" / "images" / style / f"{hexcode}.png"
            if not path.is_file():
                draw = drawings[style].get(key)
                picture = on_white(draw(), SIZE) if draw else None
                if picture is None:
                    continue
                save(picture, path)
            digest = hashlib.md5(path.read_bytes()).hexdigest()
            first = seen.setdefault((style, digest), hexcode)
            yield {
                "id": f"emoji/{hexcode}/{style}",
                "image": path,
                "audio": "",
                **facts,
                "style": style,
                "design": design,
                "style_role": "heldout" if design == "openmoji" else "train",
                "dup_in_style": "" if first == hexcode else first,
                "split": _split(entry["subgroup"], str(facts["cluster"])),
                "source": source,
                "license": licence,
            }


class _Concepts:
    """emojibase's concepts: what each emoji is called in every language."""

    def __init__(self, folder: Path):
        self.languages = {
            file.parent.name: {entry["hexcode"]: entry for entry in json.loads(file.read_text())}
            for file in sorted(folder.glob("*/data.json"))
        }
        names = json.loads((folder / "meta" / "groups.json").read_text())
        self.groups, self.subgroups = names["groups"], names["subgroups"]
        self.entries = [
            entry
            for entry in self.languages["en"].values()
            if entry.get("group") not in (None, COMPONENT)
        ]

    def describe(self, entry: dict[str, Any]) -> dict[str, object]:
        """The manifest's columns that hold for every style of one concept."""
        hexcode = entry["hexcode"]
        labels, tags = {}, {}
        for language, entries in self.languages.items():
            translated = entries.get(hexcode, {})
            if translated.get("label"):
                labels[language] = translated["label"]
            if translated.get("tags"):
                tags[language] = translated["tags"]
        return {
            "caption_en": entry["label"],
            "caption_zh": labels.get("zh", ""),
            "tags_en": "|".join(tags.get("en", [])),
            "tags_zh": "|".join(tags.get("zh", [])),
            "captions": to_json(labels),
            "category": self.groups[str(entry["group"])],
            "subcategory": self.subgroups[str(entry["subgroup"])],
            "concept": hexcode,
            "cluster": cluster_of(entry["label"], entry["group"], entry["subgroup"]),
            "emoji": entry["emoji"],
        }


def cluster_of(label: str, group: int, subgroup: int) -> str:
    """Name the cluster of near-identical concepts that an English label belongs to.

    >>> cluster_of("woman in tuxedo", PEOPLE, 0) == cluster_of("person in tuxedo", PEOPLE, 0)
    True
    """
    name = label.lower()
    if group == FLAGS and subgroup in (COUNTRY_FLAG, SUBDIVISION_FLAG):
        return name
    if subgroup == TIME and re.search("o’clock|thirty", name):
        return "clock face"
    if group == PEOPLE:
        name = name.partition(":")[0]
        name = re.sub(r"\b(man|woman|person|men|women|people|boy|girl)\b", "", name)
    name = re.sub("facing right|with veil|in tuxedo|-thirty|o’clock", "", name)
    name = re.sub("^keycap.*", "keycap", name)
    name = re.sub(".*moon( face)?$", "moon", name)
    return re.sub(r"\s+", " ", name).strip() or label.lower()


def _split(subgroup: int, cluster: str) -> str:
    if subgroup in (COUNTRY_FLAG, SUBDIVISION_FLAG):
        return "flags"
    return split_of("s" + cluster)  # the letter only chose a split with enough of every group


def _bare(hexcode: str) -> str:
    """The code points without variation selectors and leading zeros, which packages disagree on."""
    return "-".join(part.lstrip("0") for part in hexcode.upper().split("-") if part != "FE0F")


def _slug(label: str) -> str:
    plain = label.lower().replace("’", "").replace("&", "and").translate(str.maketrans("ñé", "ne"))
    return re.sub("[^a-z0-9]+", "-", plain).strip("-")


def _drawings(root: Path) -> dict[str, dict[str, Drawing]]:
    """For every style, how to draw each emoji: by bare code points, or by slug for "fluent"."""
    noto = _icons(NOTO.folder(root))
    characters = json.loads((NOTO.folder(root) / "chars.json").read_text())
    return {
        # this edition of Noto lacks the country flags
        "noto": _files(GOOGLE.folder(root) / "img/google/64", ".png")
        | {_bare(hexcode): noto[name] for hexcode, name in characters.items() if name in noto},
        "twemoji": _files(TWEMOJI.folder(root), ".svg"),
        "fluent": _icons(FLUENT.folder(root)),
        "fluent3d": _files(FLUENT_3D.folder(root) / "assets", ".webp"),
        "openmoji": _files(OPENMOJI.folder(root) / "color/svg", ".svg"),
        "openmoji_line": _files(OPENMOJI.folder(root) / "black/svg", ".svg"),
    }


def _files(folder: Path, suffix: str) -> dict[str, Drawing]:
    return {
        _bare(path.stem): lambda path=path: open_picture(path, SIZE)  # type: ignore[misc]
        for path in sorted(folder.glob(f"*{suffix}"))
    }


def _icons(folder: Path) -> dict[str, Drawing]:
    """An Iconify icon set: SVG bodies by name in one JSON file, plus aliases."""
    collection = json.loads((folder / "icons.json").read_text())

    def drawing(icon: dict[str, Any]) -> Drawing:
        def size(side: str) -> int:
            return int(icon.get(side, collection.get(side, 16)))

        width, height = size("width"), size("height")
        view = f"{icon.get('left', 0)} {icon.get('top', 0)} {width} {height}"
        svg = (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'width="{width}" height="{height}" viewBox="{view}">{icon["body"]}</svg>'
        )
        return lambda: render_svg(svg.encode(), SIZE)

    icons = {name: drawing(icon) for name, icon in collection["icons"].items()}
    for name, alias in collection.get("aliases", {}).items():
        if alias["parent"] in icons:
            icons.setdefault(name, icons[alias["parent"]])
    return icons
