"""Tux Paint's stamps: 950 cut-out photos and drawings with captions in about 75 languages.

The package is GPL-2+: it is fetched for evaluation and never copied into the project or trained on.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks.datasets.manifest import split_of, to_json
from benchmarks.datasets.rendering import on_white, open_picture, save
from sensorium.packages import Package

SIZE = 256  # longest side of the pictures, in pixels

STAMPS = Package(
    "debian",
    "tuxpaint-stamps-default",
    "2022.06.04-1",
    "6db6c1bfc870a47f1499d6203b083522eacb57c5f9c87d468f2e92eb6d9d5f34",
)
PACKAGES = (STAMPS,)
NEEDS: tuple[str, ...] = ()

#: Ids of the stamps that are photographs; the package does not say, they were sorted by eye.
PHOTOS = frozenset(json.loads(Path(__file__).with_name("stamps_photos.json").read_text()))

#: English caption: right Chinese caption, for the shipped translations that belong to another
#: caption. Found by reading all 554 Chinese captions outside the alphabets.
CHINESE = json.loads(Path(__file__).with_name("stamps_chinese.json").read_text(encoding="utf-8"))

LANGUAGE = r"[a-z]{2,3}(?:_[A-Za-z]{2})?(?:@\w+)?"


def build(root: Path) -> Iterator[dict[str, object]]:
    """Render every stamp that has a caption; yield the rows of the manifest."""
    stamps = STAMPS.folder(root) / "usr/share/tuxpaint/stamps"
    for folder in [stamps, *sorted(path for path in stamps.rglob("*") if path.is_dir())]:
        for captions in sorted(folder.glob("*.txt")):
            sources = [captions.with_suffix(suffix) for suffix in (".png", ".svg")]
            source = next((path for path in sources if path.is_file()), None)
            if source:
                yield from _row(captions, source, stamps, root)


def _row(captions: Path, source: Path, stamps: Path, root: Path) -> Iterator[dict[str, object]]:
    name = ".".join(captions.relative_to(stamps).with_suffix("").parts)
    picture = open_picture(source, SIZE)
    small = on_white(picture, SIZE)
    if small is None:
        return
    path = root / "stamps" / "images" / f"{name}.png"
    save(small, path)
    english, translations = read_captions(captions.read_text(encoding="utf-8"))
    chinese, script, corrected = _chinese(english, translations)
    effect, spoken = _sounds(captions)
    concept = concept_of(english)
    kinds = captions.relative_to(stamps).parts[:-1]
    yield {
        "id": f"stamps/{name}",
        "image": path,
        "image_src": source,
        "audio": effect or "",
        "audio_kind": _audio_kind(effect, kinds),
        "audio_spoken": to_json({language: str(file) for language, file in spoken.items()}),
        "caption_en": english,
        "caption_zh": chinese,
        "caption_zh_fixed": int(corrected),
        "caption_zh_script": script,
        "caption_de": translations.get("de", ""),
        "caption_fr": translations.get("fr", ""),
        "caption_es": translations.get("es", ""),
        "caption_ja": translations.get("ja", ""),
        "captions": to_json(translations),
        "category": kinds[0] if kinds else ".",
        "subcategory": kinds[1] if len(kinds) > 1 else "",
        "concept": concept,
        "style": "photo" if name in PHOTOS else "drawing",
        "width": picture.width,
        "height": picture.height,
        "split": split_of(concept),
        "source": f"{STAMPS.name} {STAMPS.version}",
        "license": "GPL-2+",
    }


def read_captions(text: str) -> tuple[str, dict[str, str]]:
    """Read a stamp's caption file: English on the first line, then `language.utf8=caption`."""
    english, *lines = text.splitlines()
    translations = {}
    for line in lines:
        match = re.match(r"([A-Za-z@_]+)(?:\.utf8)?=(.*)$", line)
        if match and match[2].strip():
            translations[match[1]] = match[2].strip()
    return english.strip(), translations


def concept_of(caption: str) -> str:
    """What a caption names: lower case, without article and full stop."""
    plain = caption.lower().strip().rstrip(".!").strip()
    return re.sub(r"^(a|an|the|some)\s+", "", plain)


def _chinese(english: str, translations: dict[str, str]) -> tuple[str, str, bool]:
    """The Chinese caption, its script ("hans" or "hant"), and whether it was corrected."""
    simplified, traditional = translations.get("zh_CN", ""), translations.get("zh_TW", "")
    if simplified:
        return CHINESE.get(english, simplified), "hans", english in CHINESE
    return traditional, "hant" if traditional else "", False


def _sounds(captions: Path) -> tuple[Path | None, dict[str, Path]]:
    """The sound effect of a stamp, and its caption read aloud by language."""
    stem = captions.stem
    effects: dict[str, Path] = {}
    spoken: dict[str, Path] = {}
    for file in sorted(captions.parent.glob("*.[ow][ga][gv]")):
        if file.stem == stem:
            effects[""] = file
        elif match := re.fullmatch(rf"{re.escape(stem)}_desc(?:_({LANGUAGE}))?", file.stem):
            spoken[match[1] or "en"] = file
        elif match := re.fullmatch(rf"{re.escape(stem)}_({LANGUAGE})", file.stem):
            effects[match[1]] = file
    effect = effects.get("") or effects.get("en_GB")
    translated = {language: file for language, file in effects.items() if language}
    return effect, translated | spoken


def _audio_kind(effect: Path | None, kinds: tuple[str, ...]) -> str:
    """Sounds of letters and digits are their names read aloud; all others are effects."""
    if effect is None:
        return ""
    named = kinds[:1] == ("symbols",) and not (len(kinds) > 1 and kinds[1].startswith("music"))
    return "spoken_name" if named else "sound_effect"
