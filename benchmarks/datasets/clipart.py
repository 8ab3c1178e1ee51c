"""Open Clip Art: about 5,000 public-domain drawings with titles, foldered by category.

Captions come from the PNG title or the file name. `quality` is "good" (a real title, or a file
name whose words the other sets know), "icon" (interface icons) or "rough"; `caption_lang` ends
with "?" where the author's titles are often not English. Translations are looked up: a caption that
equals one of the other sets borrows its translations.
"""

import hashlib
import json
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.datasets import manifest
from benchmarks.datasets.rendering import on_white, save
from sensorium.packages import Package

SIZE = 256  # longest side of the pictures, in pixels

CLIPART = Package(
    "debian",
    "openclipart-png",
    "1:0.18+dfsg-19",
    "f07f1545a2970c2cf3fa339bc2405da1a95cf2b1827bfa05bf73eb1c20291c02",
)
PACKAGES = (CLIPART,)
#: The captions of these sets are the dictionary that translates this one's.
NEEDS = ("stamps", "gcompris", "emoji")

MOST_PIXELS = 6_000_000  # posters beyond it are slow to read and no better
LEAST_COVER = 0.01  # visible share of the picture
LEAST_CONTRAST = 8  # of 255, largest range of a channel once shrunk
OFTEN = 4  # a title on this many pictures names a series, not a picture

#: Generated pictures without anything to name.
SKIPPED = ("shapes/stars/star_", "special/patterns", "special/gradients", "unsorted/duplicates")

#: Titles that name a collection, a file or nothing.
GENERIC = re.compile(
    r"^(clipart by|part of the flat|lemon svg|various cliparts|card$|icons?|svg |gold-theme|people$"
    r"|r16|plastik|sallite|.*theme$|.*iconset|.*collection|.*submission|map symbols"
    r"|australian maps|homes clipart|simple arrows|stick man|aiga|etiquette|gramastar|advertising"
    r"|drawing|untitled|clip ?art)",
    re.IGNORECASE,
)
SUITS = {"h": "hearts", "s": "spades", "d": "diamonds", "c": "clubs"}
RANKS = {"a": "ace", "k": "king", "q": "queen", "j": "jack"}


@dataclass(frozen=True)
class Drawing:
    """One picture worth keeping, and what its PNG says about itself."""

    source: Path
    path: str
    size: tuple[int, int]
    title: str
    author: str
    description: str


class Dictionary:
    """Translations and vocabulary taken from the other sets' captions and tags."""

    def __init__(self, root: Path):
        self.translations: dict[str, dict[str, str]] = {}
        for name in ("stamps", "gcompris"):
            for row in manifest.read(root / name / "manifest.csv", root):
                if row["category"] != "symbols" and row["caption_en"]:
                    captions = json.loads(row["captions"])
                    self.translations.setdefault(concept_of(row["caption_en"]), captions)
        tags: set[str] = set()
        for row in manifest.read(root / "emoji" / "manifest.csv", root):
            captions = json.loads(row["captions"])
            concept = concept_of(row["caption_en"])
            known = self.translations.get(concept, {})
            self.translations[concept] = known | captions | {"zh_CN": captions.get("zh", "")}
            tags.update(row["tags_en"].split("|"))
        phrases = [*self.translations, *map(concept_of, tags)]
        self.words = {word for phrase in phrases for word in phrase.split()}

    def translate(self, concept: str) -> dict[str, str]:
        """Captions of a concept by language; empty when no other set names it."""
        return {key: text for key, text in self.translations.get(concept, {}).items() if text}

    def known(self, concept: str) -> list[bool]:
        """For every word of a concept, whether another set uses it (or its singular)."""
        return [word in self.words or word.rstrip("s") in self.words for word in concept.split()]


def build(root: Path) -> Iterator[dict[str, object]]:
    """Choose, caption and shrink the drawings; yield the rows of the manifest."""
    folder = CLIPART.folder(root) / "usr/share/openclipart/png"
    with warnings.catch_warnings():  # posters are looked at for their size alone
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        drawings = list(_distinct(folder, root))
    titles = Counter(_slug(drawing.title) for drawing in drawings)
    dictionary = Dictionary(root)
    for drawing in drawings:
        if drawing.path.startswith(SKIPPED):
            continue
        caption, origin = _caption(drawing, titles)
        if len(caption) < 3 or not re.search("[A-Za-z]{3}", caption):
            continue
        concept = concept_of(caption)
        known = dictionary.known(concept)
        translations = dictionary.translate(concept)
        category, *subcategories = drawing.path.split("/")[:-1]
        description = drawing.description
        yield {
            "id": f"clipart/{drawing.path[:-4]}",
            "image": _image(drawing.path, root),
            "image_src": drawing.source,
            "audio": "",
            "caption_en": caption,
            "caption_lang": _language(drawing, all(known)),
            "caption_from": origin,
            "description": description if len(description) > 12 else "",
            "caption_zh": translations.get("zh_CN") or translations.get("zh_TW", ""),
            "captions": manifest.to_json(translations),
            "captions_from": "dictionary" if translations else "",
            "category": category,
            "subcategory": "/".join(subcategories),
            "concept": concept,
            "quality": _quality(drawing.path, origin, known),
            "style": "drawing",
            "width": drawing.size[0],
            "height": drawing.size[1],
            "author": drawing.author,
            "split": manifest.split_of(concept),
            "source": f"{CLIPART.name} {CLIPART.version}",
            "license": "Public domain dedication (CC)",
        }


def _distinct(folder: Path, root: Path) -> Iterator[Drawing]:
    """Read all pictures in path order; drop links, posters, copies and nearly blank ones.

    The shrunk picture of each one kept is saved at once: all together would fill the memory.
    """
    paths = [path for path in _walk(folder) if not path.is_symlink()]
    seen = set()
    with ThreadPoolExecutor() as threads:
        for digest, drawing, small in threads.map(lambda path: _read(path, folder), paths):
            if drawing and small and digest not in seen:
                save(small, _image(drawing.path, root))
                yield drawing
            seen.add(digest)


def _image(path: str, root: Path) -> Path:
    return root / "clipart" / "images" / path.replace("/", ".")


def _walk(folder: Path) -> Iterator[Path]:
    """PNG files of a folder, then those of its subfolders, each in name order."""
    entries = sorted(folder.iterdir(), key=lambda path: path.name)
    yield from (path for path in entries if path.suffix == ".png")
    for entry in entries:
        if entry.is_dir() and not entry.is_symlink():
            yield from _walk(entry)


def _read(path: Path, folder: Path) -> tuple[str, Drawing | None, Image.Image | None]:
    """The digest of the pixels, the drawing and its shrunk picture, as far as each is usable."""
    try:
        with Image.open(path) as file:
            if file.width * file.height > MOST_PIXELS:
                return "", None, None
            info = {key: text for key, text in file.info.items() if isinstance(text, str)}
            picture = file.convert("RGBA")
    # Pillow raises each of the last three for broken PNGs
    except (Image.DecompressionBombError, OSError, ValueError, SyntaxError):
        return "", None, None
    digest = hashlib.md5(picture.tobytes() + str(picture.size).encode()).hexdigest()
    small = on_white(picture, SIZE)
    if small is None or not _visible(picture):
        return digest, None, None
    drawing = Drawing(
        source=path,
        path=path.relative_to(folder).as_posix(),
        size=picture.size,
        title=info.get("Title", "").strip(),
        author=info.get("Author", ""),
        description=info.get("Description", "").strip(),
    )
    return digest, drawing, small


def _visible(picture: Image.Image) -> bool:
    opacity = picture.getchannel("A").resize((32, 32)).tobytes()
    flat = Image.new("RGB", picture.size, "white")
    flat.paste(picture, (0, 0), picture)
    contrast = np.ptp(np.asarray(flat.resize((32, 32))), axis=(0, 1)).max()
    return sum(opacity) / 255 / len(opacity) >= LEAST_COVER and bool(contrast >= LEAST_CONTRAST)


def concept_of(caption: str) -> str:
    """What a caption names: lower-case letters and digits, without article."""
    bare = re.sub(r"^(a|an|the|some)\s+", "", caption.lower())
    return re.sub("[^a-z0-9]+", " ", bare).strip()


def _slug(text: str) -> str:
    return re.sub("[^a-z0-9]+", "_", text.lower()).strip("_")


def _caption(drawing: Drawing, titles: Counter[str]) -> tuple[str, str]:
    """A caption and where it comes from: "card", "title" or "filename"."""
    stem = Path(drawing.path).stem
    folders = drawing.path.split("/")[:-1]
    title, origin = drawing.title, "title"
    if folders[:3] == ["recreation", "games", "cards"]:
        card = re.match(r".*?_([hsdc])_(\w+)$", stem)
        if card:
            caption, origin = f"{RANKS.get(card[2], card[2])} of {SUITS[card[1]]}", "card"
        else:
            caption, origin = words_of(stem, drawing.author), "filename"
    elif title and titles[_slug(title)] < OFTEN and not GENERIC.match(title):
        caption = title.replace("_", " ")
    else:
        caption, origin = words_of(stem, drawing.author), "filename"
    if folders[1:2] == ["flags"] and "signal" not in drawing.path:
        caption = _flag(caption)
    caption = re.sub(r"\s+", " ", re.sub(r"\s*\d+$", "", caption))
    return caption.strip(" -."), origin


def _flag(caption: str) -> str:
    """Name a flag by its place, a region before its country."""
    place = caption.lower().replace("flag", "").strip(" -")
    countries = "usa|france|germany|spain|italy|uk|canada"
    return "flag of " + re.sub(rf"^({countries})\b[ -]*(.+)$", r"\2, \1", place)


def words_of(stem: str, author: str) -> str:
    """A file name in words, without its number and the author's (often truncated) name.

    >>> words_of("microscopio_architetto_f_01", "Architetto Francesco Rollandin")
    'microscopio'
    """
    bare = re.sub(r"[_-]?\d*$", "", re.sub("[-_.]+$", "", stem.lower())).rstrip("_-. ")
    words = re.sub("[^a-z0-9_]+", "_", bare).split("_")
    name = _slug(author)
    for start in range(1, len(words)):
        tail = "_".join(words[start:]).strip("_")
        if tail and name and (name.startswith(tail) or tail.startswith(name[:6])):
            words = words[:start]
            break
    return re.sub(r"\s+", " ", " ".join(words)).strip()


def _language(drawing: Drawing, all_known: bool) -> str:
    """Guess "it?" or "fr?" by author where not all words are known English, else say "en"."""
    if all_known:
        return "en"
    if re.search("rancesco|Architetto|ollandin", drawing.author) and " - " not in drawing.title:
        return "it?"
    return "fr?" if "GUILLOU" in drawing.author else "en"


def _quality(path: str, origin: str, known: list[bool]) -> str:
    if "/icons/" in f"/{path}" or path.startswith("computer/buttons"):
        return "icon"
    familiar = sum(known) >= max(1, len(known) * 0.5)
    return "good" if origin in ("title", "card") or familiar else "rough"
