"""What a caller's value is taken for, and texts."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.errors import MediaError, UsageError
from sensorium.media import Image, Modality, Segment, Text, as_media
from tests.media.small_pictures import encode, red_blue

PICTURE = encode(red_blue(), "PNG")


@pytest.mark.parametrize(
    "words",
    ["a dog", "一匹马", "what is a jpg", "cat.doc", "C:\\cat", "3.5", "Mr. Bean", "a/b/c", ".jpg"],
)
def test_a_bare_string_is_text(words: str) -> None:
    text = as_media(words)
    assert isinstance(text, Text) and text.text == words


def test_the_path_of_an_existing_media_file_is_that_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("cat.png", "CAT.JPG", "a cat.gif", "~cat.png"):
        Path(name).write_bytes(PICTURE)
        for written in (name, str(tmp_path / name), f"./{name}"):
            image = as_media(written)
            assert isinstance(image, Image) and image.load().size == (64, 32), written
    assert as_media("~/cat.png").load().size == (64, 32)
    assert as_media(Path("~/cat.png")).load().size == (64, 32)


def test_a_file_without_a_media_suffix_is_not_meant_by_a_string(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dog").write_bytes(PICTURE)
    assert isinstance(as_media("dog"), Text)
    assert as_media(Path("dog")).load().size == (64, 32)


@pytest.mark.parametrize(
    "written",
    [
        "cat.jpg",
        "no/such/cat.PNG",
        "a cat.webp",
        "cat.heic",
        "~nobody-here/cat.jpg",
        "x" * 5000 + ".jpg",
        "a\0b.jpg",
        "\udcff.png",
    ],
)
def test_a_string_written_like_a_file_that_is_none_says_the_mend(written: str) -> None:
    with pytest.raises(MediaError, match=r"no such file; .* Text\(.*--text in the shell"):
        as_media(written)
    assert as_media(Text(written)).modality == "text"


def test_a_folder_named_like_a_picture_is_none(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").mkdir()
    with pytest.raises(MediaError, match="no such file"):
        as_media(str(tmp_path / "photo.jpg"))
    with pytest.raises(MediaError, match="not a regular file"):
        as_media(tmp_path / "photo.jpg").load()


def test_bytes_arrays_and_pillow_images_are_pictures() -> None:
    with PIL.Image.open(io.BytesIO(PICTURE)) as opened:
        for value in (PICTURE, bytearray(PICTURE), opened, np.asarray(opened)):
            image = as_media(value)
            assert isinstance(image, Image) and image.load().size == (64, 32)


def test_media_are_themselves() -> None:
    class Sound:
        """A kind of media from outside."""

        modality = Modality.AUDIO

        def metadata(self) -> dict[str, object]:
            return {}

        def segments(self) -> list[Segment]:
            return [Segment(self, (0.0, 1.5))]

    for media in (Text("a"), Image(PICTURE), Sound()):
        assert as_media(media) is media
    (segment,) = Sound().segments()
    assert segment.modality == "audio" and segment.span == (0.0, 1.5)


@pytest.mark.parametrize("value", [None, 7, ["a"], {"a"}])
def test_other_values_are_refused(value: object) -> None:
    with pytest.raises(MediaError, match=type(value).__name__):
        as_media(value)


# Text


@pytest.mark.parametrize("words", ["", " ", "\n\t", "\u3000\u2003"])
def test_an_empty_text_is_refused(words: str) -> None:
    with pytest.raises(MediaError, match=r"the text is empty .*at least one word"):
        Text(words)
    with pytest.raises(UsageError, match="the text is empty"):
        as_media(words)


@pytest.mark.parametrize("value", [None, 5, b"dog", Path("dog")])
def test_a_text_is_a_string(value: object) -> None:
    with pytest.raises(MediaError, match=f"Text takes a str, got {type(value).__name__}"):
        Text(value)  # type: ignore[arg-type]


def test_lone_surrogates_become_question_marks() -> None:
    assert Text("a \udcff dog \ud83d").text == "a ? dog ?"
    assert Text("\udcff\udcfe").text == "??"
    assert Text("🐶").text == "🐶"


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_is_kept_or_refused(words: str) -> None:
    if not words.strip():
        with pytest.raises(MediaError):
            Text(words)
        return
    text = Text(words)
    assert len(text.text) == len(words)
    text.text.encode("utf-8")
    (segment,) = text.segments()
    assert segment.media is text and segment.span is None and text.metadata() == {}


def test_paths_of_the_operating_system(tmp_path: Path) -> None:
    class Entry(os.PathLike[str]):
        def __fspath__(self) -> str:
            return str(tmp_path / "a.bin")

    (tmp_path / "a.bin").write_bytes(PICTURE)
    assert as_media(Entry()).load().size == (64, 32)
