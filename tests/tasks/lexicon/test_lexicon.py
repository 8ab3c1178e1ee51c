"""Words in two languages, and kinds of things."""

from __future__ import annotations

import pytest

from recipes.lexicon.__main__ import chinese_names
from sensorium.tasks.lexicon import lexicon
from sensorium.tasks.lexicon.lexicon import regular_lemmas


@pytest.mark.parametrize(
    ("chinese", "english"),
    [("长颈鹿", "giraffe"), ("巴黎", "Paris"), ("长城", "Great Wall"), ("亭子", "pavilion")],
)
def test_chinese_words_have_english_names(chinese: str, english: str) -> None:
    assert english in lexicon().others(chinese)


def test_english_words_have_chinese_names_in_any_form() -> None:
    assert "城堡" in lexicon().others("Castles")
    assert "老鼠" in lexicon().others("mice")
    assert lexicon().others("qwzx") == ()


def test_chinese_is_cut_into_the_longest_words_that_are_known() -> None:
    parts = lexicon().parts("河边的风车")
    assert [part.written for part in parts] == ["河边", "风车"]
    assert [(part.start, part.end) for part in parts] == [(0, 2), (3, 5)]
    assert parts[1].others[0] == "windmill"


def test_words_that_belong_together_are_one() -> None:
    assert [part.written for part in lexicon().parts("a polar bear, 北极熊")] == [
        "a",
        "polar bear",
        "北极熊",
    ]


@pytest.mark.parametrize(("form", "word"), [("knives", "knife"), ("running", "run")])
def test_forms_are_led_back_by_rule(form: str, word: str) -> None:
    assert word in regular_lemmas(form)


def test_a_form_is_a_word_of_its_own_where_it_is_one() -> None:
    assert lexicon().lemma("Knives") == "knife"
    assert lexicon().lemma("building") == "building"


def test_a_goat_is_an_animal_and_no_dog() -> None:
    known = lexicon()
    assert known.is_kind("goats", "animal")
    assert known.is_kind("palace", "castle")
    assert known.is_kind("kitten", "cat")
    assert not known.is_kind("goat", "dog")
    assert not known.is_kind("animal", "goat")


def test_names_of_trades_stand_in_where_there_are_no_others() -> None:
    assert chinese_names("n. 鹤, 起重机（工业）\\nvt. 伸颈\\n[机] 吊车") == ["鹤", "起重机", "伸颈"]
    assert chinese_names("[医] 北极") == ["北极"]
    assert chinese_names("[医] 北极", of_trades=False) == []
