"""What the recipe reads of WordNet and of its own word list; the training itself needs torch."""

from __future__ import annotations

from pathlib import Path

from recipes.mini import concepts

# Three synsets in the format of WordNet's data.noun: a dog is a canine is an animal.
NOUNS = """\
  1 This line is part of the licence.
00000001 05 n 01 animal 0 000 | a living organism; "it moves"
00000002 05 n 02 canine 0 canid 0 001 @ 00000001 n 0000 | any of various mammals
00000003 05 n 02 dog 0 domestic_dog 0 002 ~ 00000009 n 0000 @ 00000002 n 0000 | a pet that barks
"""


def test_synsets_are_read_with_lemmas_definition_and_hypernyms(tmp_path: Path) -> None:
    (tmp_path / "data.noun").write_text(NOUNS, "utf-8")
    synsets = concepts.synsets(tmp_path / "data.noun")
    dog = synsets["00000003"]
    assert dog.lemmas == ("dog", "domestic dog")
    assert dog.text == "dog, a pet that barks"
    assert dog.parents == ("00000002",), "the hyponym pointer ~ is no parent"
    assert dog.file == 5 and not dog.instance
    assert synsets["00000001"].definition == "a living organism"
    assert concepts.above("00000003", synsets) == {"00000002": 1, "00000001": 2}


def test_the_word_list_is_whole() -> None:
    words = concepts.words()
    english = [word for word, _ in words]
    assert len(words) > 700
    assert len(set(english)) == len(english)
    for word, chinese in words:
        assert word.isascii() and word == word.strip()
        assert all(any("\u4e00" <= c <= "\u9fff" for c in name) for name in chinese), word
