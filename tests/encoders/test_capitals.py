"""Capitals do not change what is meant; what is not in capitals stays as it is written."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium import Collection, Text, ZeroShotClassifier, load_encoder
from sensorium.encoders import Encoder, FolderEncoder
from sensorium.encoders.capitals import in_small_letters
from sensorium.errors import EncoderError, SensoriumWarning
from tests.media.small_pictures import red_blue
from tests.tiny_encoder import make_tiny_encoder

PIECES = {"HORSE": 3, "horse": 1, "USA": 1, "usa": 1, "VHS": 2, "vhs": 3, "COW": 2, "cow": 2}
"""What `mini`'s tokenizer makes of them."""


def small(text: str) -> str:
    return in_small_letters(text, lambda word: PIECES.get(word, 9 if word.isupper() else 1))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("HORSE", "horse"),
        ("A COW", "a cow"),
        ("RED HORSE, 3 COWS!", "red horse, 3 cows!"),
        ("DON'T", "don't"),
        ("GRÜNE ÄPFEL", "grüne äpfel"),
        ("СОБАКА", "собака"),
        ("ΣΚΥΛΟΣ", "σκυλος"),
        ("İSTANBUL", "istanbul"),
        ("ＨＯＲＳＥ", "horse"),
        ("a HORSE in a field", "a horse in a field"),
        ("馬 HORSE", "馬 horse"),
        ("VHS", "VHS"),  # an abbreviation
        ("VHS HORSE", "VHS horse"),
    ],
)
def test_what_is_in_capitals_becomes_small(text: str, read: str) -> None:
    assert small(text) == read
    assert small(read) == read


@pytest.mark.parametrize(
    "text",
    [
        "", "a", "A", "I", "?!", "42", "Horse", "Red Square", "ein Hund", "Ein Hund", "iPhone",
        "McDonald", "OpenStreetMap", "made in the USA", "the US flag", "DVD光盘", "コーヒーTV",
        "Ⅳ", "IMG1234 in a list", "ᏣᎳᎩ word", "a ab", "ß",
    ],
)  # fmt: skip
def test_the_rest_stays_as_it_is_written(text: str) -> None:
    assert small(text) == text


@given(st.lists(st.from_regex(r"[A-ZÄЖ]?[a-zäßж]+", fullmatch=True), max_size=6))
def test_sentences_and_titles_stay(words: list[str]) -> None:
    assert small(" ".join(words)) == " ".join(words)


@given(st.text(st.sampled_from("aB C'é ÉИж1-中")))
def test_reading_twice_is_reading_once(text: str) -> None:
    assert small(small(text)) == small(text)


# Encoders


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_tiny_encoder(tmp_path / "tiny")


def _with(folder: Path, capitals: object) -> FolderEncoder:
    path = folder / "encoder.json"
    config = json.loads(path.read_text())
    config.pop("checksum", None)
    config["text"]["capitals"] = capitals
    path.write_text(json.dumps(config))
    return FolderEncoder(folder)


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.abs(a - b).max() < 1e-6)


def test_a_folder_says_what_becomes_of_capitals(folder: Path) -> None:
    before = FolderEncoder(folder)
    assert not same(before.encode(["RED DOG"]), before.encode(["red dog"]))
    now = _with(folder, "lower")
    for role in ("document", "query"):
        assert same(now.encode(["RED DOG"], role=role), before.encode(["red dog"], role=role))
    assert same(now.encode(["red dog"]), before.encode(["red dog"]))
    with pytest.raises(EncoderError, match="text capitals is 'upper'; known: lower"):
        _with(folder, "upper")


def test_it_is_the_same_space_and_its_description_says_how(folder: Path) -> None:
    before = FolderEncoder(folder).space
    now = _with(folder, "lower").space
    assert now.fingerprint == before.fingerprint
    assert now.preprocessing["text"]["capitals"] == "lower"
    assert "capitals" not in before.preprocessing["text"]
    assert '"capitals": "lower"' in now.to_json()


@pytest.mark.parametrize("beside", ["", "+ear"])
def test_a_collection_begun_before_says_so_until_it_is_read_anew(
    folder: Path, tmp_path: Path, beside: str
) -> None:
    """Alone, and side by side with an encoder of sounds."""
    for name, text in (("a", "RED DOG"), ("b", "blue cat")):
        (tmp_path / f"{name}.txt").write_text(text)
    path = tmp_path / "c.sensorium"
    named = f"{folder}{beside}"
    with Collection(path, named) as library:
        library.add(tmp_path / "a.txt")
        before = library.encoder.space
    _with(folder, "lower")
    now = load_encoder(named)
    assert now.space.fingerprint == before.fingerprint
    with Collection(path) as library:  # opens, and is searched, without a word
        (hit,) = library.search("red dog")
        assert hit.score < 0.99
        with pytest.warns(SensoriumWarning, match=r"read capitals otherwise.*reembed --collection"):
            library.add(tmp_path / "b.txt")
        library.reembed(named)
        assert library.info().space == now.space
        assert library.search("red dog", k=1)[0].score == pytest.approx(1, abs=1e-4)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            library.add(tmp_path / "b.txt")


def test_pictures_and_sounds_have_no_capitals(folder: Path, tmp_path: Path, sample: Path) -> None:
    path = tmp_path / "c.sensorium"
    red_blue().save(tmp_path / "a.png")
    with Collection(path, f"{folder}+ear") as library:
        library.add(tmp_path / "a.png", sample / "audio/a_bell.ogg")
        assert library.info().items == {"image": 1, "audio": 1}
    _with(folder, "lower")
    with Collection(path) as library, warnings.catch_warnings():
        warnings.simplefilter("error")
        library.add(tmp_path / "a.png", verify=True)


def test_labels_in_capitals_are_the_labels(folder: Path) -> None:
    encoder = _with(folder, "lower")
    prompts = ["{}", "a photo of the {}"]
    shouted = ZeroShotClassifier(encoder, ["RED CAT", "DOG"], prompts)
    assert shouted.labels == ["RED CAT", "DOG"]
    assert same(shouted.vectors, ZeroShotClassifier(encoder, ["red cat", "dog"], prompts).vectors)


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder("mini")


@pytest.mark.parametrize(
    ("shouted", "said"),
    [
        ("HORSE", "horse"),
        ("CASTLE", "castle"),
        ("HAMMER", "hammer"),
        ("BRIDGE", "bridge"),
        ("CAT", "cat"),
        ("COW", "cow"),
        ("EIN HUND", "ein hund"),
        ("CHÂTEAU", "château"),
        ("ЛОШАДЬ", "лошадь"),
        ("ΑΛΟΓΟ", "αλογο"),
        ("a HORSE on a beach", "a horse on a beach"),
    ],
)
def test_mini_reads_capitals_in_small_letters(mini: Encoder, shouted: str, said: str) -> None:
    assert mini.as_read(shouted) == said
    for role in ("query", "document"):
        found, wanted = (mini.prepare(Text(text), role)["input_ids"] for text in (shouted, said))
        assert found.tolist() == wanted.tolist()


@pytest.mark.parametrize(
    "text",
    ["VHS", "ATM", "DNA", "made in the USA", "a NASA rocket", "the US flag", "an iPhone",
     "Der Hund", "Paris", "a DVD player", "ein LKW auf der A8"],
)  # fmt: skip
def test_mini_keeps_abbreviations_and_names(mini: Encoder, text: str) -> None:
    assert mini.as_read(text) == text
