"""A text is cut by a few pieces of a vocabulary as it is by all of them, or not at all."""

from __future__ import annotations

import json
import random
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from sensorium import load_encoder
from sensorium.encoders import FolderEncoder
from sensorium.encoders.few_pieces import MOST_CHARACTERS, FewPieces, keep_table
from sensorium.encoders.folder import SHIPPED
from sensorium.media import Text

FILE = SHIPPED / "mini" / "tokenizer.json"
MOST_TOKENS = 128

QUESTIONS = [
    "a red bird", "", " ", "\t\n", "two  spaces", "ONE SHOUT", "e\u0301 and é", "ﬁne ½ Ⅷ ①",
    "狗在草地上", "Где собака?", "कुत्ता", "개 🐶 👩‍👩‍👧", "▁", "a▁b", "\x01\x7f", "\u200b\ufeff",
    "٣٫٥", "ก็", "x" * 90, "https://example.org/a?b=c#d", "naïve façade", "«quoted»",
    "\u0378\ue000", "ŉ ſ ß ẞ", "Å Å",
]  # fmt: skip


def whole(path: Path) -> Any:
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


@pytest.fixture
def few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FewPieces:
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path))
    assert keep_table(FILE)
    return table(FILE)


def table(path: Path) -> FewPieces:
    found = FewPieces.load(path, MOST_TOKENS)
    assert found is not None
    return found


def strange_texts(number: int) -> Iterator[str]:
    """Words of one script or of many, and marks that normalising moves, joins and takes away."""
    draw = random.Random(0)
    scripts = [(0x20, 0x7E), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x52F), (0x590, 0x6FF),
               (0x900, 0xDFF), (0xE00, 0xEFF), (0x1100, 0x11FF), (0x1E00, 0x20CF), (0x2100, 0x2BFF),
               (0x3000, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xF900, 0xFFEF),
               (0x1F300, 0x1FAFF), (0, 0x10FFFF)]  # fmt: skip
    for _ in range(number):
        some = draw.sample(scripts, draw.choice([1, 1, 2, 4]))
        letters = [chr(draw.randint(*draw.choice(some))) for _ in range(draw.randint(1, 60))]
        text = "".join(one if draw.random() < 0.85 else " " for one in letters)
        yield "".join(one for one in text if unicodedata.category(one) != "Cs")


@pytest.mark.parametrize("number", [250, pytest.param(4000, marks=pytest.mark.slow)])
def test_every_text_is_cut_as_by_all_pieces(few: FewPieces, sample: Path, number: int) -> None:
    tokenizer = whole(FILE)
    said = [
        line[:MOST_CHARACTERS] for line in Path("README.zh-CN.md").read_text("utf-8").split("\n")
    ]
    names = [path.stem.replace("_", " ") for path in sample.rglob("*.*")]
    refused = 0
    for text in [*QUESTIONS, *said, *names, *strange_texts(number)]:
        few.used = 0
        for prefix, special in (("query: ", True), ("", False)):
            cut = few.encode(prefix + text, special)
            true = tokenizer.encode(prefix + text, add_special_tokens=special).ids
            if cut is None:
                refused += 1
                assert len(true) > MOST_TOKENS or "<" in text
            else:
                assert cut.ids == true, text
    assert refused < 10 + number / 50


@pytest.mark.parametrize("text", ["<s>", "a </s> b", "it is <unk>", "＜pad＞", "a b " * 200])
def test_what_is_not_certain_is_left_to_all_pieces(few: FewPieces, text: str) -> None:
    assert few.encode(text) is None


def test_after_some_texts_the_vocabulary_is_worth_reading(few: FewPieces) -> None:
    told = [few.encode(f"dog {number}") for number in range(40)]
    assert told[0] is not None and told[-1] is None


def test_a_first_question_reads_no_vocabulary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And gives the vector that every other gives."""
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path))
    asked = "a BIRD on a roof in the USA"
    first, second = (FolderEncoder(SHIPPED / "mini") for _ in range(2))
    expected = first.prepare(Text(asked), "query")["input_ids"]
    assert "_tokenizer" in vars(first)  # there was no table yet
    found = second.prepare(Text(asked), "query")["input_ids"]
    assert "_tokenizer" not in vars(second)
    assert found.tolist() == expected.tolist()
    assert (load_encoder("mini").encode([asked]) == first.encode([asked])).all()
    second.prepare(Text(asked))
    assert "_tokenizer" in vars(second)  # of what is indexed there is more to come


def test_a_damaged_table_is_none(few: FewPieces, tmp_path: Path) -> None:
    (path,) = (tmp_path / "tokenizers").iterdir()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert FewPieces.load(FILE, MOST_TOKENS) is None
    assert keep_table(FILE) and table(FILE).encode("a dog") == few.encode("a dog")
    path.write_bytes(content[:1000])
    assert FewPieces.load(FILE, MOST_TOKENS) is None


def test_a_table_is_of_one_content(few: FewPieces, tmp_path: Path) -> None:
    other = tmp_path / "tokenizer.json"
    told = json.loads(FILE.read_text("utf-8"))
    told["model"]["vocab"][1000][1] -= 5
    other.write_text(json.dumps(told), "utf-8")
    assert FewPieces.load(other, MOST_TOKENS) is None
    assert keep_table(other)
    piece = told["model"]["vocab"][1000][0].replace("▁", " ")
    for text in (piece, piece * 2, f"a {piece}"):
        cut = table(other).encode(text)
        assert cut is not None and cut.ids == whole(other).encode(text).ids


def changed(**parts: Any) -> dict[str, Any]:
    told = json.loads(FILE.read_text("utf-8"))
    for name, value in parts.items():
        if name in told:
            told[name] = value
        else:
            told["model"][name] = value
    return told


@pytest.mark.parametrize(
    "told",
    [
        changed(type="WordLevel"), changed(byte_fallback=True), changed(unk_id=None),
        changed(post_processor={"type": "RobertaProcessing", "sep": ["</s>", 2]}),
        changed(vocab=[["<s>", 0.0], ["a", -1.0], ["a", -2.0]]), changed(vocab=[["a" * 80, -1.0]]),
        {}, {"model": 3},
    ],
)  # fmt: skip
def test_other_tokenizers_have_no_table(
    told: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path / "home"))
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(told), "utf-8")
    assert not keep_table(path) and FewPieces.load(path, MOST_TOKENS) is None


def test_a_home_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path / "file"))
    assert not keep_table(FILE) and FewPieces.load(FILE, MOST_TOKENS) is None
