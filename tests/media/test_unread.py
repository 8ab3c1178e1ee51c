"""Files that are no media are told to be what they are, whoever is given them."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest

from sensorium import Collection
from sensorium.data.files import Candidate, find_files, select_files
from sensorium.errors import MediaError
from sensorium.media import Image
from sensorium.media.skipped import Skipped
from sensorium.media.unread import unread
from sensorium.tasks.source_texts import texts_of
from tests.cli.conftest import Run
from tests.cli.conftest import run as run  # the fixture
from tests.media.small_pictures import encode, red_blue

MIDI = (
    b"MThd" + struct.pack(">IHHH", 6, 0, 1, 96) + b"MTrk" + struct.pack(">I", 4) + b"\0\xff\x2f\0"
)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)


def archive(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name in names:
            made.writestr(name, b"content")
    return file.getvalue()


FILES = {
    "song.mid": (MIDI, "is MIDI, which holds notes and no sound"),
    "song.rmi": (b"RIFF\x40\0\0\0RMIDdata" + MIDI, "is MIDI"),
    "song": (MIDI, "is MIDI"),
    "piano.sf2": (b"RIFF\x40\0\0\0sfbkLIST", "is a SoundFont"),
    "tune.mod": (bytes(1080) + b"M.K." + bytes(100), "is a tracker module"),
    "tune.xm": (b"Extended Module: tune" + bytes(40), "is a tracker module"),
    "game.swf": (b"CWS\x0a" + bytes(40), "is Flash"),
    "old.ai": (b"%!PS-Adobe-3.0\n", "is PostScript: convert it to PDF or PNG"),
    "logo.eps": (b"\xc5\xd0\xd3\xc6" + bytes(28), "is PostScript"),
    "photo.psd": (b"8BPS\0\x01" + bytes(20), "Photoshop pictures cannot be read"),
    "photo.psb": (b"8BPS\0\x02" + bytes(20), "Photoshop pictures cannot be read"),
    "scan.xcf": (b"gimp xcf v011\0", "GIMP pictures cannot be read"),
    "light.exr": (b"v/1\x01\x02\0\0\0", "OpenEXR pictures cannot be read"),
    "letter.doc": (OLE, "is a file of Office 97 to 2003"),
    "table.xls": (OLE, "is a file of Office 97 to 2003"),
    "letter.pages": (archive("Index/Document.iwa"), "is a document of Apple's Pages"),
    "talk.key": (archive("Index/Document.iwa"), "is a document of Apple's Pages"),
    "sums.numbers": (archive("preview.jpg"), "is a document of Apple's Pages"),
    "house.dwg": (b"AC1032" + bytes(30), "is a CAD drawing"),
    "scene.blend": (b"BLENDER-v300" + bytes(30), "is a 3-D scene"),
    "packed.blend": (b"\x28\xb5\x2f\xfd" + bytes(30), "is a 3-D scene"),
    "robot.fbx": (b"Kaydara FBX Binary  \0\x1a\0", "is a 3-D scene"),
    "part.step": (b"ISO-10303-21;\nHEADER;", "is a 3-D scene"),
    "heart.dcm": (bytes(128) + b"DICM" + bytes(20), "is DICOM"),
    "my.sensorium": (b"SQLite format 3\0" + bytes(80), "is an SQLite database, as collections are"),
    "all.rar": (b"Rar!\x1a\x07\x01\0", "is an archive: unpack it"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_named_file_is_what_it_is(name: str, tmp_path: Path) -> None:
    content, said = FILES[name]
    path = tmp_path / name
    path.write_bytes(content)
    for modality in ("image", "audio", "text"):
        chosen = select_files([path], modality, "a purpose")
        assert not chosen.paths
        (skipped,) = chosen.skipped
        assert skipped.reason.startswith(said), skipped
    (row,) = find_files([{"path": str(path)}])  # a manifest's
    assert isinstance(row, Skipped) and row.reason.startswith(said)


def test_what_is_media_stays_that(tmp_path: Path) -> None:
    picture = encode(red_blue(), "PNG")
    for name in ("film.mod", "photo.mid", "photo.doc", "x"):
        (tmp_path / name).write_bytes(picture)
        assert isinstance(next(find_files([tmp_path / name])), Candidate)
    drawing = tmp_path / "new.ai"  # Illustrator writes PDF today
    drawing.write_bytes(b"%PDF-1.6\n")
    assert select_files([drawing], "text", "a purpose").paths == [drawing]
    for name, content in (("go.mod", b"module example\n"), ("own.key", b"-----BEGIN")):
        (tmp_path / name).write_bytes(content)
        assert unread(tmp_path / name) == ""
    (tmp_path / "empty.mid").write_bytes(b"")
    assert unread(tmp_path / "empty.mid") == "" == unread(tmp_path / "missing.mid")


def test_nobody_knows_it(tmp_path: Path) -> None:
    path = tmp_path / "some.thing"
    path.write_bytes(b"\x01\x02\x03 what is it?")
    (skipped,) = select_files([path], "audio", "only sounds are transcribed").skipped
    assert skipped.reason.startswith("is no kind of file that is known (it begins with b'\\x01")
    assert skipped.reason.endswith("): only sounds are transcribed") and "image" not in str(skipped)


def test_who_is_given_it_in_python(tmp_path: Path) -> None:
    song = tmp_path / "song.mid"
    song.write_bytes(MIDI)
    with pytest.raises(MediaError, match="no picture: it is MIDI, which holds notes"):
        Image(song).load()
    with pytest.raises(MediaError, match="is MIDI, which holds notes"):
        texts_of(song)


def test_an_index_and_the_shell_say_so(run: Run, tiny: Path, tmp_path: Path) -> None:
    song = tmp_path / "song.mid"
    song.write_bytes(MIDI)
    with Collection(tmp_path / "c.sensorium", tiny) as library:
        report = library.add(song)
    (skipped,) = report.skipped
    assert skipped.reason.startswith("is MIDI") and report.added == 0
    for verb in (["caption"], ["transcribe"], ["summarize"], ["answer", "Who?"], ["detect"]):
        done = run(*verb, song)
        assert done.code == 1 and "is MIDI, which holds notes and no sound" in done.err, verb


def test_a_scan_says_how_it_is_read(tmp_path: Path) -> None:
    scan = tmp_path / "scan.pdf"
    red_blue().save(scan)
    with pytest.raises(
        MediaError, match=r"no text in the document: where its pages are scans, .*ocr"
    ):
        texts_of(scan)
    page = tmp_path / "page.html"
    page.write_text("<html><body> </body></html>")
    with pytest.raises(MediaError, match=r"no text in the document$"):
        texts_of(page)
