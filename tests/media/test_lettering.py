"""Writing in whatever script, with the fonts of packages and without."""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.features
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pytest
from fontTools.ttLib import TTFont

from sensorium.errors import SensoriumWarning
from sensorium.media import lettering
from sensorium.media.lettering import Face, faces_for, text_width, writable, write_line

TEXTS = {
    "simplified": "城堡 骨头 门", "traditional": "臺灣的城堡 門", "japanese": "お城のカナ、国",
    "korean": "한국의 성", "bengali": "দুর্গ", "hindi": "किला", "thai": "ปราสาทเก่า",
    "russian": "замок", "ukrainian": "їжак і ґава", "polish": "zażółć gęślą jaźń",
    "vietnamese": "lâu đài ở Huế", "hungarian": "tűzőgép", "lithuanian": "ąžuolų",
    "arabic": "قلعة قديمة", "hebrew": "טירה עתיקה", "greek": "κάστρο", "tamil": "கோட்டை",
    "georgian": "ციხე", "decomposed": "château",
}  # fmt: skip


@pytest.fixture
def fonts(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A machine without fonts of its own, on which nothing was said yet."""
    monkeypatch.setattr(lettering, "FONT_FOLDERS", ())
    monkeypatch.setattr(lettering, "_told", set())
    _forget()
    yield monkeypatch
    monkeypatch.undo()
    _forget()


def _forget() -> None:
    lettering._faces.cache_clear()
    lettering._face_for.cache_clear()


def drawn(text: str, size: int = 30) -> np.ndarray:
    picture = PIL.Image.new("L", (600, 60), 255)
    write_line(PIL.ImageDraw.Draw(picture), (10, 10), text, size, 580, "black")
    return np.asarray(picture)


def characters_of(face: Face) -> set[int]:
    """What a font says itself that it has."""
    with TTFont(face.path, fontNumber=face.index, lazy=True) as font:
        return set(font.getBestCmap())


@pytest.mark.parametrize("script", TEXTS)
def test_all_scripts_are_drawn(fonts: pytest.MonkeyPatch, script: str) -> None:
    text = TEXTS[script]
    with warnings.catch_warnings():
        if PIL.features.check("raqm"):
            warnings.simplefilter("error")
        assert writable(text) == unicodedata.normalize("NFC", text)
    pieces = list(lettering._pieces(writable(text)))
    assert "".join(piece for _, piece in pieces) == writable(text)
    for face, piece in pieces:
        if face.path:
            assert {ord(c) for c in piece if not c.isspace()} <= characters_of(face)
    levels = drawn(text)
    marks = drawn("?" * len(text))
    assert (levels < 128).sum() > 60 and not np.array_equal(levels, marks)
    # It is as wide as is said, and no character is the box that stands for missing ones.
    columns = np.flatnonzero((levels < 255).any(axis=0))
    assert columns[-1] - 10 == pytest.approx(text_width(writable(text), 30), abs=8)


def test_chinese_as_the_font_has_it(fonts: pytest.MonkeyPatch) -> None:
    """The form of simplified Chinese, in ordinary strokes, beside Latin letters."""
    (face,) = faces_for("骨直")
    assert face.font(30).getname()[0] == "Noto Sans CJK SC"
    assert face.is_thin  # for those who cannot set the weight
    thin = PIL.ImageFont.truetype(face.path, 60, index=face.index).getmask("骨")
    assert np.sum(face.font(60).getmask("骨")) > 2 * np.sum(thin)
    faces = faces_for("1.  0.299  城堡.jpg")
    assert [Path(face.path).suffix for face in faces] == ["", ".ttc"]


def test_right_to_left(fonts: pytest.MonkeyPatch) -> None:
    if not PIL.features.check("raqm"):
        pytest.skip("no FriBiDi")
    # The first word stands on the right, whatever fonts the words are in.
    hebrew, mixed = drawn("טירה"), drawn("טירה castle")
    columns, more = (np.flatnonzero((p < 255).any(axis=0)) for p in (hebrew, mixed))
    width = columns[-1] - columns[0] + 1
    np.testing.assert_allclose(
        mixed[:, more[-1] + 1 - width : more[-1] + 1],
        hebrew[:, columns[0] : columns[-1] + 1],
        atol=90,
    )
    latin = drawn("castle")
    columns = np.flatnonzero((latin < 255).any(axis=0))
    assert np.array_equal(
        mixed[:, : columns[-1] + 1 + 4][:, : columns[-1]], latin[:, : columns[-1]]
    )


def test_long_lines_are_cut(fonts: pytest.MonkeyPatch) -> None:
    for text in ("城堡" * 200, "castle " * 100, "Замок 城 " * 50):
        picture = PIL.Image.new("L", (300, 40), 255)
        write_line(PIL.ImageDraw.Draw(picture), (0, 5), text, 20, 200, "black")
        columns = np.flatnonzero((np.asarray(picture) < 255).any(axis=0))
        assert 150 < columns[-1] <= 201


def test_what_no_font_has_is_said_once(fonts: pytest.MonkeyPatch) -> None:
    fonts.setattr(lettering, "PACKAGED_FONTS", ())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert writable("half of one \udcff") == "half of one ?"
    with pytest.warns(SensoriumWarning) as said:
        for _ in range(3):
            assert writable("castle 城堡.jpg") == "castle ??.jpg"
            assert writable("किला") == "??"  # marks without their letters say nothing
            drawn("замок")
    (warning,) = said
    assert str(warning.message) == "城堡 cannot be drawn: no font that is installed has it"
    assert np.array_equal(drawn("castle 城堡.jpg"), drawn("castle ??.jpg"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert faces_for("castle 城堡.jpg") == [Face("")]


def test_what_to_install_is_said(fonts: pytest.MonkeyPatch) -> None:
    fonts.setattr(lettering, "PACKAGED_FONTS", (("no_such_fonts", "*.ttf"),))
    with pytest.warns(SensoriumWarning, match=r"^城堡 cannot be drawn: .*pip install .*fonts\]"):
        writable("城堡")


def test_without_fribidi(fonts: pytest.MonkeyPatch) -> None:
    fonts.setattr(PIL.features, "check", lambda name: False)
    with pytest.warns(SensoriumWarning) as said:
        for text in ("قلعة", "किला"):
            writable(text)
    (warning,) = said
    assert "FriBiDi" in str(warning.message) and "قلعة" in str(warning.message)
    assert writable("a\u200db") == "ab"


def test_fonts_of_the_system(fonts: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A damaged font is passed over, what is installed is used."""
    (face,) = faces_for("замок")
    fonts.setattr(lettering, "PACKAGED_FONTS", ())
    fonts.setattr(lettering, "FONT_FOLDERS", (str(tmp_path),))
    (tmp_path / "NotoSansSC-Regular.otf").write_bytes(b"no font")
    own = tmp_path / "deep" / "NotoSans-Regular.ttf"
    own.parent.mkdir()
    own.write_bytes(Path(face.path).read_bytes())
    _forget()
    assert [face.path for face in faces_for("замок")] == [str(own)]
    with pytest.warns(SensoriumWarning, match="城 cannot"):
        assert writable("城") == "?"
