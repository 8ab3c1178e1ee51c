"""Writing onto pictures in whatever script: contact sheets, plots, labels.

Each piece of a text is written in the first font that has its characters: Pillow's own (Latin
letters), those of the packages of the extra ``fonts`` (Noto, SIL Open Font License 1.1), that of
Matplotlib where it is installed, those of the system. What no font has is a question mark, and is
said once.
"""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import PIL.features
import PIL.ImageDraw
import PIL.ImageFont

from sensorium.errors import MissingExtraError, SensoriumWarning

Font = PIL.ImageFont.FreeTypeFont | PIL.ImageFont.ImageFont

PACKAGED_FONTS = (
    ("manimgx_fonts", "NotoSans[[]wght[]].ttf"),
    ("manimgx_fonts_cjk", "*.ttc"),
    ("manimgx_fonts", "NotoSans[A-Z]*.ttf"),
    ("manimgx_fonts", "NotoEmoji*.ttf"),
    ("matplotlib", "mpl-data/fonts/ttf/DejaVuSans.ttf"),
)
"""Packages and the fonts in them, in the order they are tried."""

FONT_FOLDERS = (
    "/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts",
    "/System/Library/Fonts", "/Library/Fonts", "~/Library/Fonts", "C:/Windows/Fonts",
)  # fmt: skip

FONT_NAMES = (
    "NotoSansCJK-Regular*", "NotoSansSC-Regular*", "SourceHanSans*Regular*", "PingFang*", "msyh*",
    "wqy-microhei*", "wqy-zenhei*", "DroidSansFallback*", "Hiragino Sans GB*", "Arial Unicode*",
    "NotoSans-Regular*", "NotoSans*-Regular*", "DejaVuSans.ttf", "Arial.ttf",
)  # fmt: skip
"""Fonts of systems that cover many scripts, in the order they are tried."""

REGULAR = 400
"""Weight of upright text; some variable fonts are thin unless told otherwise."""

SHAPED = (
    (0x0590, 0x08FF), (0x0900, 0x0DFF), (0x0F00, 0x109F), (0x1780, 0x17FF), (0xFB1D, 0xFDFF),
    (0xFE70, 0xFEFE),
)  # fmt: skip
"""Scripts whose letters join, change places or run from the right: Hebrew, Arabic, the Indic ones,
Tibetan, Burmese, Khmer. Pillow lays them out with Raqm, which needs FriBiDi of the system."""

_told: set[str] = set()


@dataclass(frozen=True)
class Face:
    """A font in a file.

    Attributes
    ----------
    path : str
        Empty for Pillow's own.
    index : int
        Which font of a collection.
    is_thin : bool
        Whether its letters are thin for a program that cannot set the weight.
    """

    path: str
    index: int = 0
    is_thin: bool = False

    def font(self, size: int) -> Font:
        """Load it in a size of `size` pixels."""
        return _load(self, size)

    def has(self, character: str) -> bool:
        """Whether there is a glyph of its own for a character."""
        return _has(self, character)


def write_line(
    draw: PIL.ImageDraw.ImageDraw,
    where: tuple[int, int],
    text: str,
    size: int,
    width: int,
    color: str,
) -> None:
    """Write one line in fonts that have its characters, cut to `width` pixels."""
    # Cut to what could fit first: a long data URL would be measured character by character.
    text = writable(" ".join(text.split())[:width])
    if text_width(text, size) > width:
        while text and text_width(text + "...", size) > width:
            text = text[:-1]
        text += "..."
    pieces = [(face.font(size), piece) for face, piece in _pieces(text)]
    if _runs_from_right(text):
        # A piece from left to right has its last space where the next piece is: on its left.
        pieces = [
            (font, piece if _runs_from_right(piece) else _last_space_first(piece))
            for font, piece in reversed(pieces)
        ]
    baseline = where[1] + _load(Face(""), size).getbbox("x", anchor="la")[3]
    left = float(where[0])
    for font, piece in pieces:
        draw.text((left, baseline), piece, fill=color, font=font, anchor="ls")
        left += font.getlength(piece)


def text_width(text: str, size: int) -> float:
    """How many pixels a text takes, written by `write_line`."""
    return sum(face.font(size).getlength(piece) for face, piece in _pieces(text))


def writable(text: str) -> str:
    """Put question marks for the characters that no font has, and warn of them once.

    Warns
    -----
    SensoriumWarning
        Once in a process: of the first text that lacks some, with what to install.
    """
    if text.isascii():
        return text
    text = unicodedata.normalize("NFC", text)
    missing = [c for c in dict.fromkeys(text) if not (_is_hidden(c) or _face_for(c))]
    # Not halves of characters, or what Unicode leaves to others: no font of ours would help.
    if some := "".join(c for c in missing if not unicodedata.category(c).startswith("C")):
        some = some[:8] + "…" * (len(some) > 8)
        mend = "no font that is installed has it"
        if not all(map(find_spec, {package for package, _ in PACKAGED_FONTS[:2]})):
            mend = str(MissingExtraError("a font for it", "fonts"))
        _tell("fonts", f"{some} cannot be drawn: {mend}")
    if not PIL.features.check("raqm"):
        text = "".join(c for c in text if not _is_hidden(c))
        if any(first <= ord(c) <= last for c in text for first, last in SHAPED):
            _tell(
                "raqm",
                f"{text:.40} is drawn letter by letter, from the left: Pillow finds no FriBiDi "
                "(Debian: apt-get install libfribidi0; macOS: brew install fribidi)",
            )
    # A mark that no font has is left out, a letter is not.
    kept = (c if c not in missing else "" if _is_mark(c) else "?" for c in text)
    return "".join(kept)


def faces_for(text: str) -> list[Face]:
    """The fonts that `write_line` writes a text in."""
    return list(dict.fromkeys(face for face, _ in _pieces(writable(text))))


def _tell(what: str, message: str) -> None:
    if what not in _told:
        _told.add(what)
        warnings.warn(message, SensoriumWarning, stacklevel=4)


def _pieces(text: str) -> Iterator[tuple[Face, str]]:
    """A text in pieces, each of which one font has."""
    if text.isascii():
        if text:
            yield Face(""), text
        return
    pieces: list[tuple[Face, str]] = [(Face(""), "")]
    for cluster in _clusters(text):
        face, piece = pieces[-1]
        # A letter stays in the font of the one before it, so that words look like one.
        if cluster.isspace() or all(face.has(c) or _is_hidden(c) for c in cluster):
            pieces[-1] = face, piece + cluster
        else:
            pieces.append((_face_for(cluster) or _face_for(cluster[0]) or Face(""), cluster))
    for face, piece in pieces:
        # Pillow's own font is laid out simply: what is to be hidden would be a box.
        said = piece if face.path else "".join(c for c in piece if not _is_hidden(c))
        if said:
            yield face, said


def _clusters(text: str) -> list[str]:
    """Letters with the marks on them."""
    clusters: list[str] = []
    for character in text:
        if clusters and (_is_mark(character) or _is_hidden(character)):
            clusters[-1] += character
        else:
            clusters.append(character)
    return clusters


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Mc", "Me", "Sk")


def _is_hidden(character: str) -> bool:
    """Whether a character only says how others are drawn: joiners, variants, directions."""
    return unicodedata.category(character) == "Cf" or "\ufe00" <= character <= "\ufe0f"


def _runs_from_right(text: str) -> bool:
    """Whether the first letter that has a direction has that from right to left."""
    directions = (unicodedata.bidirectional(character) for character in text)
    return next((d for d in directions if d in ("L", "R", "AL")), "L") != "L"


def _last_space_first(piece: str) -> str:
    words = piece.rstrip()
    return piece[len(words) :] + words


@cache
def _face_for(cluster: str) -> Face | None:
    """The first font that has all characters of a letter; None where there is none."""
    shown = [c for c in cluster if not _is_hidden(c)]
    return next((face for face in _faces() if all(map(face.has, shown))), None)


@cache
def _has(face: Face, character: str) -> bool:
    # Laid out simply, where what is missing is a box, as a character is that no font has.
    simple = PIL.ImageFont.Layout.BASIC
    font = (
        PIL.ImageFont.truetype(face.path, 24, index=face.index, layout_engine=simple)
        if face.path
        else PIL.ImageFont.load_default(24)
    )
    return bytes(font.getmask(character)) != bytes(font.getmask("\U0010ffff"))


@cache
def _load(face: Face, size: int) -> Font:
    if not face.path:
        return PIL.ImageFont.load_default(size)
    font = PIL.ImageFont.truetype(face.path, size, index=face.index)
    if axes := _axes(font):
        font.set_variation_by_axes([REGULAR if name == b"Weight" else d for name, d in axes])
    return font


def _axes(font: PIL.ImageFont.FreeTypeFont) -> list[tuple[bytes | None, float]]:
    """Names and defaults of what can be varied in a font."""
    try:
        return [(axis["name"], axis["default"] or 0) for axis in font.get_variation_axes()]
    except OSError:  # no variable font
        return []


@cache
def _faces() -> list[Face]:
    """All fonts there are, in the order they are tried."""
    files = [*_packaged_files(), *_installed_files()]
    return [Face(""), *(face for file in files if (face := _face_of(file)) is not None)]


def _packaged_files() -> Iterator[Path]:
    for package, pattern in PACKAGED_FONTS:
        spec = find_spec(package)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            yield from sorted(Path(folder).glob(pattern))


def _installed_files() -> Iterator[Path]:
    files = [
        file
        for folder in FONT_FOLDERS
        if (expanded := Path(folder).expanduser()).is_dir()
        for file in sorted(expanded.rglob("*"))
        if file.suffix.lower() in (".ttf", ".ttc", ".otf")
    ]
    for pattern in FONT_NAMES:
        yield from (file for file in files if file.match(pattern))


def _face_of(file: Path) -> Face | None:
    """The font in a file; of a collection that has several, the one for simplified Chinese."""
    found: dict[int, PIL.ImageFont.FreeTypeFont] = {}
    for index in range(16 if file.suffix.lower() == ".ttc" else 1):
        try:
            found[index] = PIL.ImageFont.truetype(str(file), 24, index=index)
        except OSError:  # beyond the last one, or a damaged file; another may do
            break
    if not found:
        return None
    names = {index: str(font.getname()[0]) for index, font in found.items()}
    index = next((n for n, name in names.items() if name.endswith(" SC")), 0)
    return Face(str(file), index, (b"Weight", 100) in _axes(found[index]))
