"""GCompris: 255 photographs and 142 drawings, many titled, described and translated.

The photographs are the project's test of real photos: nothing here may be trained on.

Five kinds, the first part of a row's id:

- explore: photos with a title and a fact text, in up to 36 languages, some with a sound;
- categ: photos of things, captioned by their file names (categorisation game);
- erase: photos of nature, captioned by their file names;
- word: drawings of words in 45 languages;
- instrument: drawings of musical instruments with their sounds.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.datasets.manifest import split_of, to_json
from benchmarks.datasets.qt import read_qm, read_rcc
from benchmarks.datasets.rendering import on_white, open_picture, save
from sensorium.packages import Package

SIZE = 256  # longest side of the pictures, in pixels

GCOMPRIS = Package(
    "debian",
    "gcompris-qt-data",
    "3.1-2",
    "e9cf06ab2105529068df73085784e835d2ff03f870d2a8091f09125d40abac9f",
)
PACKAGES = (GCOMPRIS,)
NEEDS: tuple[str, ...] = ()

EXPLORE = {
    "explore_farm_animals": "animals",
    "explore_world_animals": "animals",
    "explore_monuments": "monuments",
    "explore_world_music": "music",
}
CATEGORIES = ("fishes", "monuments", "tools", "others", "renewable")
ACTIVITIES = (*EXPLORE, "lang", "instruments", "categorization", "erase")

#: A string in QML or JavaScript source, without its quotes.
STRING = r'"((?:[^"\\]|\\.)*)"'


@dataclass(frozen=True)
class Item:
    """One picture of the package and what is said about it, before rendering.

    `captions` and `texts` map languages to translations of `caption` and `text`.
    """

    kind: str
    source: Path
    caption: str
    category: str
    subcategory: str
    style: str = "photo"
    captions: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    audio: Path | None = None
    audio_kind: str = ""


def build(root: Path) -> Iterator[dict[str, object]]:
    """Unpack the activities, render their pictures, yield the rows of the manifest."""
    package = GCOMPRIS.folder(root) / "usr/share/gcompris-qt"
    activities = _unpack_activities(package / "rcc", root / "gcompris" / "activities")
    translations = {
        path.stem.removeprefix("gcompris_"): read_qm(path.read_bytes())
        for path in sorted((package / "translations").glob("gcompris_*.qm"))
    }
    licences = {
        readme.parent / name: fields
        for readme in sorted(activities.rglob("README"))
        for name, fields in read_licences(readme.read_text(encoding="utf-8")).items()
    }
    for item in [
        *_explore(activities, translations),
        *_words(activities / "lang" / "resource"),
        *_instruments(activities, translations),
        *_named_photos("categ", activities / "categorization/resource/images", CATEGORIES),
        *_named_photos("erase", activities / "erase/resource", [""]),
    ]:
        row = _row(item, activities, licences, root)
        if row:
            yield row


def _unpack_activities(resources: Path, activities: Path) -> Path:
    prefix = "gcompris/src/activities/"
    for name in ACTIVITIES:
        for path, content in read_rcc((resources / f"{name}.rcc").read_bytes()):
            file = activities / path.removeprefix(prefix)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    return activities


def _row(
    item: Item, activities: Path, licences: dict[Path, dict[str, str]], root: Path
) -> dict[str, object] | None:
    relative = item.source.relative_to(activities).with_suffix("")
    name = ".".join([item.kind, *(part for part in relative.parts if part != "resource")])
    path = root / "gcompris" / "images" / (name + (".png" if item.style == "drawing" else ".jpg"))
    picture = open_picture(item.source, SIZE)
    small = on_white(picture, SIZE)
    if small is None:
        return None
    save(small, path)
    if item.kind == "word":
        licence = {"License": "CC-BY-SA-3.0", "Copyright": "Arts4Apps project"}
    else:  # some READMEs still name the file as it was before it became WebP
        names = [item.source.with_suffix(suffix) for suffix in (item.source.suffix, ".jpg", ".png")]
        licence = next((licences[file] for file in names if file in licences), {})
    chinese = item.captions.get("zh_CN", ""), item.captions.get("zh_TW", "")
    concept = re.sub(r"^(a|an|the)\s+", "", item.caption.lower())
    return {
        "id": f"gcompris/{name}",
        "image": path,
        "image_src": item.source,
        "audio": item.audio or "",
        "audio_kind": item.audio_kind,
        "caption_en": item.caption,
        "caption_zh": chinese[0] or chinese[1],
        "caption_zh_script": "hans" if chinese[0] else "hant" if chinese[1] else "",
        "captions": to_json(item.captions),
        "text_en": item.text,
        "text_i18n": to_json(item.texts),
        "category": item.category,
        "subcategory": item.subcategory,
        "concept": concept,
        "style": item.style,
        "width": picture.width,
        "height": picture.height,
        "split": split_of(concept),
        "source": f"{GCOMPRIS.name} {GCOMPRIS.version}",
        "license": licence.get("License", ""),
        "author": licence.get("Copyright", ""),
        "origin": licence.get("Source", ""),
    }


def read_licences(readme: str) -> dict[str, dict[str, str]]:
    """Read an activity's README: {file: {"Copyright", "License", "Source"}}.

    The README is a list of `Key: value` lines; "Files:" names what the lines before it hold for,
    on its own line or on the lines after it, until an empty line.
    """
    licences: dict[str, dict[str, str]] = {}
    fields: dict[str, str] = {}
    last_key = ""
    for line in map(str.strip, readme.splitlines()):
        match = re.match(r"(Copyright|License|Source|Files?):\s*(.*)", line)
        if match is None:
            if line and last_key.startswith("File"):
                licences[line] = dict(fields)
            elif not line:
                if last_key.startswith("File"):
                    fields = {}
                last_key = ""
            continue
        key, value = match.groups()
        if key == "Copyright" and last_key != "Copyright":
            fields = {}  # a new entry, whether or not an empty line came before it
        if not key.startswith("File"):
            fields[key] = value
        elif value:
            licences[value] = dict(fields)
        last_key = key
    return licences


def _local(url: str, activities: Path) -> Path:
    """Where a `qrc:/.../activities/...` address lies on disk; `$CA` stands for the audio codec."""
    return activities / url.partition("/activities/")[2].replace("$CA", "ogg")


Translations = dict[str, dict[tuple[str, str], str]]


def _translate(translations: Translations, context: str, source: str) -> dict[str, str]:
    return {
        language: messages[context, source]
        for language, messages in translations.items()
        if (context, source) in messages
    }


def _explore(activities: Path, translations: Translations) -> Iterator[Item]:
    block_of = re.compile(r'\{[^{}]*?"title": qsTr\(' + STRING + r"\)[^{}]*?\}")
    for activity, category in EXPLORE.items():
        for board in sorted((activities / activity / "resource/board").glob("*.qml")):
            for block in block_of.finditer(board.read_text(encoding="utf-8")):
                title = block[1]
                image = re.search(r'"image2": "([^"]*)"', block[0])
                if image is None:
                    continue  # a question about the pictures, not a picture
                found = re.search(r'"text": qsTr\(' + STRING + r"\)", block[0])
                text = found[1].replace('\\"', '"') if found else ""
                sound = re.search(r'"audio":[^"]*"([^"]*)"', block[0])
                audio = _local(sound[1], activities) if sound else None
                if audio and not audio.is_file():
                    audio = None
                kind = "music" if category == "music" else "sound_effect"
                yield Item(
                    kind="explore",
                    source=_local(image[1], activities),
                    caption=title,
                    captions=_translate(translations, board.stem, title),
                    text=text,
                    texts=_translate(translations, board.stem, text),
                    category=category,
                    subcategory=activity,
                    audio=audio,
                    audio_kind=kind if audio else "",
                )


def _words(resource: Path) -> Iterator[Item]:
    languages = {
        path.stem.removeprefix("content-"): json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(resource.glob("content-*.json"))
    }
    for chapter in json.loads((resource / "words_sample.json").read_text(encoding="utf-8")):
        for lesson in chapter["content"]:
            for word in lesson["content"]:
                key = word["voice"].rpartition("/")[2].replace("$CA", "ogg")
                captions = {
                    language: words[key] for language, words in languages.items() if words.get(key)
                }
                source = resource / "words_sample" / word["image"]
                if not source.is_file():
                    continue  # the package holds a sample of the words
                yield Item(
                    kind="word",
                    source=source,
                    caption=captions.get("en", word["description"]),
                    captions=captions,
                    category=lesson["name"],
                    subcategory=chapter["name"],
                    style="drawing",
                )


def _instruments(activities: Path, translations: Translations) -> Iterator[Item]:
    script = (activities / "instruments/instruments.js").read_text(encoding="utf-8")
    entry = r'"image": "([^"]*)",\s*"text": qsTr\("Find the ([^"]*)"\),\s*"audio":[^"]*"([^"]*)"'
    instruments = {image: (name, audio) for image, name, audio in re.findall(entry, script)}
    for image, (name, audio) in instruments.items():
        question = f"Find the {name}"
        yield Item(
            kind="instrument",
            source=_local(image, activities),
            caption=name,
            text=question,
            texts={
                language: text
                for language, messages in translations.items()
                for (_context, source), text in messages.items()
                if source == question
            },
            category="musical instruments",
            subcategory="",
            style="drawing",
            audio=_local(audio, activities),
            audio_kind="sound_effect",
        )


def _named_photos(kind: str, folder: Path, groups: Iterable[str]) -> Iterator[Item]:
    for group in groups:
        for source in sorted((folder / group).glob("*.webp")):
            yield Item(
                kind=kind,
                source=source,
                caption=words_of(source.stem),
                category=group or "animals & nature",
                subcategory="categorization" if group else "erase",
            )


def words_of(stem: str) -> str:
    """A file name in words: "goldFish2" is "gold fish"."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", re.sub(r"\d+$", "", stem))
    return re.sub(r"[\s_-]+", " ", spaced).strip().lower()
