"""Files that are no media which is read here: what they are, and what makes media of them."""

from __future__ import annotations

import re
from pathlib import Path

from sensorium.media.content import modalities_of, modality_of_suffix, read_start
from sensorium.media.sources import UNDECODED_SUFFIXES, undecoded

_MIDI = "MIDI, which holds notes and no sound: play it into WAV or FLAC with a synthesizer"
_TRACKER = "a tracker module, which holds notes and no recording: play it into WAV or FLAC"
_SOUND_FONT = "a SoundFont, instruments that play MIDI and no recording"
_FLASH = "Flash, a program and no film: record it, or name the film that it plays"
_IWORK = "a document of Apple's Pages, Numbers or Keynote: export it as PDF, DOCX or PPTX"
_CAD = "a CAD drawing: export a plan as PDF, an object as STL or GLB"
_SCENE = "a 3-D scene that is not read: export it as GLB, OBJ or STL"
_OFFICE = "a file of Office 97 to 2003, or a locked one: save it as DOCX, PPTX or PDF"
_ARCHIVE = "an archive: unpack it"

_SIGNATURES = (
    (rb"MThd|RIFF....RMID", _MIDI),
    (rb"RIFF....sfbk", _SOUND_FONT),
    (rb"Extended Module: |IMPM|.{44}SCRM|.{1080}(?:M\.K\.|M!K!|FLT[48]|[468]CHN)", _TRACKER),
    (rb"[FCZ]WS[\x01-\x40]", _FLASH),
    (rb"\.RMF|\.ra\xfd", "RealMedia: convert it to MP4 or MP3"),
    (rb"AC10[0-9][0-9]", _CAD),
    (rb"BLENDER[-_][vV]|BLENDER17-|Kaydara FBX Binary|MM.{4}=\x3d|PXR-USDC|ISO-10303-21;",
     _SCENE),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "JPEG XL"), (rb"8BPS", "Photoshop"),
    (rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*(?:<!DOCTYPE svg[^>]*>\s*)?"
     rb"<svg", "SVG"),
    (rb"gimp xcf ", "GIMP"), (rb"v/1\x01", "OpenEXR"), (rb"#\?R(?:ADIANCE|GBE)", "Radiance"),
    (rb"DDS \x7c", "DirectDraw"), (rb"icns", "Apple icon"),
    (rb"\xd7\xcd\xc6\x9a|\x01\0\0\0.{36} EMF", "Windows metafile"),
    (rb".{128}DICM", "DICOM, a picture of medicine: export it as PNG or TIFF"),
    (rb"SIMPLE  =", "FITS, a picture of astronomy: export it as PNG or TIFF"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "PostScript: convert it to PDF or PNG"),
    (rb"%PDF-", "a PDF"),
    (rb"PK\x03\x04.{26}(?:Index/|Index\.zip|index\.(?:xml|apxl)|QuickLook/)", _IWORK),
    (rb"PK\x03\x04", "a ZIP archive"), (rb"Rar!\x1a|7z\xbc\xaf\x27\x1c", _ARCHIVE),
    (rb"\x1f\x8b", "packed by gzip"),
    (rb"\s*(?i:<!DOCTYPE html|<html)", "a web page"),
    (rb"....ftyp|....moov|\x1aE\xdf\xa3|RIFF....AVI ", "a video"),
    (rb"RIFF....WAVE|fLaC|OggS|ID3|FORM....AIF", "a sound"),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _OFFICE),
    (rb"\{\\rtf", "an RTF document: save it as DOCX or PDF"),
    (rb"AT&TFORM....DJV", "DjVu: convert it to PDF"),
    (rb".{60}BOOKMOBI", "a book for the Kindle: convert it to EPUB"),
    (rb"SQLite format 3\0",
     "an SQLite database, as collections are: name a collection with --collection"),
    (rb"version https://git-lfs",
     "what Git LFS leaves in place of a file that was not fetched"),
)  # fmt: skip
"""The first that fits the beginning of a file says what it is; compiled when one is looked at."""

_SUFFIXES = {
    ".mid": _MIDI, ".midi": _MIDI, ".kar": _MIDI, ".rmi": _MIDI, ".sf2": _SOUND_FONT,
    ".sf3": _SOUND_FONT, ".xm": _TRACKER, ".s3m": _TRACKER,
    ".swf": _FLASH, ".pages": _IWORK, ".numbers": _IWORK, ".dwg": _CAD, ".dxf": _CAD,
    ".blend": _SCENE, ".fbx": _SCENE, ".3ds": _SCENE, ".c4d": _SCENE,
    ".dae": _SCENE, ".usd": _SCENE, ".usdz": _SCENE, ".step": _SCENE, ".stp": _SCENE,
    ".doc": _OFFICE, ".xls": _OFFICE, ".ppt": _OFFICE, ".rar": _ARCHIVE, ".7z": _ARCHIVE,
    ".tar": _ARCHIVE, ".zip": _ARCHIVE,
}  # fmt: skip
"""What the name says goes before what merely packs it. Names that stand for other things as well
are left out (go.mod, a certificate's .key): of such files the content has to say it."""

_PACKING = rb"PK\x03\x04|\x1f\x8b|\x28\xb5\x2f\xfd"
"""Archives, gzip and zstd: .usdz and .blend are packed in these."""

NAMED = 12
"""Bytes of a file of no known kind that are told."""

_PICTURES = frozenset(UNDECODED_SUFFIXES.values()) | {
    "GIMP", "OpenEXR", "Radiance", "DirectDraw", "Apple icon", "Windows metafile"
}  # fmt: skip


def kind_of_content(start: bytes) -> str:
    """What the first bytes of a file say that it is, where it is none of the formats read here."""
    found = (kind for pattern, kind in _SIGNATURES if re.match(pattern, start[:1200], re.DOTALL))
    return next(found, "")


def no_picture(start: bytes) -> str:
    """Why a file that begins so is no picture that can be read; empty where nobody knows it."""
    kind = kind_of_content(start)
    if kind in _PICTURES:
        return undecoded(kind)
    return f"no picture: it is {kind}" if kind else ""


def unread(path: Path) -> str:
    """Why a file cannot be used, whatever is done with it; empty where it may be media.

    Its name may say that it is media, or its first bytes: whoever reads it says what is wrong.
    """
    suffix = path.suffix.lower()
    if modality_of_suffix(suffix) is not None:
        return ""
    start = read_start(path)
    if not start or modalities_of(start):
        return ""
    kind = kind_of_content(start)
    if suffix in _SUFFIXES and (not kind or re.match(_PACKING, start)):
        kind = _SUFFIXES[suffix]
    if kind in _PICTURES:
        return undecoded(kind)
    return f"is {kind}" if kind else ""


def told_kind(path: Path, modality: str) -> str:
    """What a file is that is not of the kind that is wanted: "is audio", "is MIDI, which ...".

    Parameters
    ----------
    path : Path
    modality : str
        What it was opened as; of a file that nobody knows, that was a mere try.
    """
    if why := unread(path):
        return why
    start = read_start(path)
    if start and modality_of_suffix(path.suffix.lower()) is None and not modalities_of(start):
        return f"is no kind of file that is known (it begins with {start[:NAMED]!r})"
    return f"is {modality}"
