"""How the recipe reads a dictionary and WordNet's index, and what it makes of icons' names."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from recipes.mini import icons, lexicon
from recipes.mini.captions import SHARES, names
from recipes.mini.lexicon import Entry
from recipes.mini.pairs import Pair


def entry(*lemmas: str, rank: int = 100, chinese: tuple[str, ...] = ()) -> Entry:
    return Entry(lemmas, "what it is", chinese, ("plant",), rank, frozenset(lemmas))


NOUNS = {
    "oak tree": entry("oak", "oak tree", chinese=("橡树",)),
    "tree": entry("tree", chinese=("树",)),
    "flag": entry("flag"),
    "plus": entry("plus"),
    "obelisk": entry("obelisk", rank=90_000),
}


@pytest.fixture(autouse=True)
def nouns(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (icons, lexicon):
        monkeypatch.setattr(module, "by_name", lambda: NOUNS)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["n. 风车"], ["风车"]),
        (["vt. 伸颈", "n. 鹤, 起重机"], ["鹤", "起重机"]),
        (["n. 鹤（一种鸟）；[网络] 白鹤"], ["鹤", "白鹤"]),
        (["[网络] 胡德；兜帽"], ["胡德", "兜帽"]),
        (["n. a long English gloss", "n. 塔"], ["塔"]),
        (["n. 这是一个太长的解释而不是名字"], []),
        (["a. 红的"], []),
        ([], []),
    ],
)
def test_chinese_nouns_of_a_dictionary_entry(lines: list[str], expected: list[str]) -> None:
    assert lexicon.chinese_names(lines) == expected


def test_the_better_frequency_rank_and_the_exact_spelling_win(tmp_path: Path) -> None:
    path = tmp_path / "dictionary.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["word", "translation", "bnc", "frq"])
        writer.writeheader()
        writer.writerow({"word": "China", "translation": "n. 中国", "bnc": "9", "frq": "9"})
        writer.writerow({"word": "china", "translation": "n. 瓷器", "bnc": "0", "frq": "4000"})
        writer.writerow({"word": "oak", "translation": "n. 橡树", "bnc": "3645", "frq": "5000"})
        writer.writerow({"word": "elm", "translation": "n. 榆树", "bnc": "", "frq": "0"})
    found = lexicon._dictionary(path, {"china", "oak", "elm"})
    assert found == {
        "china": (4000, ["瓷器"]),
        "oak": (3645, ["橡树"]),
        "elm": (lexicon.UNRANKED, ["榆树"]),
    }


def test_senses_stand_in_the_order_of_the_index(tmp_path: Path) -> None:
    path = tmp_path / "index.noun"
    path.write_text(
        "  1 licence\nbank n 2 1 @ 2 1 00000007 00000003  \noak_tree n 1 1 @ 1 0 00000009  \n"
    )
    assert lexicon.senses(path) == {"bank": ["00000007", "00000003"], "oak tree": ["00000009"]}


def test_a_caption_is_what_its_last_words_name() -> None:
    assert lexicon.head("very old oak-tree") is NOUNS["oak tree"]
    assert lexicon.head("a Tree") is NOUNS["tree"]
    assert lexicon.head("tree house") is None


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("oak-tree", "oak tree"),
        ("oak-tree-02-outline", "oak tree"),
        ("trees-fill", "trees"),
        ("christmas-tree-duotone", "christmas tree"),
        ("flag-off", None),  # a state of a control
        ("plus", None),  # a control
        ("tall-obelisk", None),  # the noun is rare: "tall obelisk" may be anything
        ("obelisk", "obelisk"),
        ("zz-unknown", None),
    ],
)
def test_names_of_icons(name: str, label: str | None) -> None:
    named = icons.label_of(name)
    assert (named and named[0]) == label


def test_icon_sets_are_pinned_and_open() -> None:
    sets = icons.sets()
    assert len({icon_set.name for icon_set in sets}) == len(sets) > 30
    open_licences = {"Apache-2.0", "MIT", "ISC", "CC0-1.0", "CC-BY-3.0", "CC-BY-4.0"}
    for icon_set in sets:
        assert len(icon_set.sha256) == 64 and icon_set.licence in open_licences, icon_set.name


def test_an_icon_may_be_drawn_by_every_name_of_its_noun() -> None:
    pair = Pair(Path("oak.png"), {"en": "oak"}, ("oak tree", "橡树"), "icons", directed=False)
    found = names(pair)
    assert sum(SHARES.values()) == pytest.approx(1)
    assert found.keys() == SHARES.keys()
    assert found["tags"] == ["oak tree", "橡树"]
    tree = Pair(Path("tree.png"), {"en": "tree"}, (), "clipart", directed=False)
    assert names(tree)["chinese"] == ["树"] and names(tree)["kinds"] == ["plant"]
    house = Pair(Path("x.png"), {"en": "tree house"}, (), "clipart", directed=False)
    assert names(house)["chinese"] == names(house)["kinds"] == []
