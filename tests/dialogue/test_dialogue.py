from __future__ import annotations

from pathlib import Path

import pytest

from sensorium import Collection, Dialogue
from sensorium.dialogue import Reply
from sensorium.dialogue.carrying_out.outcomes import Outcome
from sensorium.dialogue.composing.composing import compose
from sensorium.dialogue.plan import Plan
from sensorium.errors import UsageError


def names(reply: Reply) -> list[str]:
    return [Path(hit.path).stem for hit in reply.items]


def test_counts_and_refers_to_what_was_shown(collection: Collection) -> None:
    talk = Dialogue(collection)
    counted = talk.say("how many photos of castles are there")
    assert counted.count == 3
    castles = {"x_neuschwansteinCastle", "x_castleClinton", "x_chateaudeChambord"}
    assert {*names(counted)} == castles
    assert [one.number for one in counted.citations] == [1, 2, 3]
    second = talk.say("show me the second one")
    assert names(second) == names(counted)[1:2]
    assert second.refers == (counted.items[1].id,)
    assert names(talk.say("and of cats?")) == ["x_cat"]


def test_the_same_but_older(collection: Collection) -> None:
    talk = Dialogue(collection)
    shown = talk.say("photos of horses from 2012")
    assert names(shown) == ["e_horse"]
    assert names(talk.say("the same but older")) == ["x_horse"]


def test_what_is_not_there_is_refused(collection: Collection) -> None:
    reply = Dialogue(collection).say("who is the treasurer of the club?")
    assert reply.refused and "do not say" in reply.text


def test_texts_answer_and_are_quoted(collection: Collection) -> None:
    reply = Dialogue(collection).say("when was the roof of the barn repaired?")
    assert "March" in reply.text and not reply.refused
    assert "roof of the barn" in reply.citations[0].quote
    assert Path(reply.citations[0].path).name == "minutes.txt"


def test_words_in_media_are_no_requests(collection: Collection) -> None:
    before = len(collection)
    talk = Dialogue(collection)
    for said in ("what do the minutes say about horses", "do what the minutes say", "yes, do it"):
        talk.say(said)
    assert len(collection) == before
    assert all(step.tool != "label" for turn in talk.turns for step in turn.reply.steps)


def test_a_question_that_names_a_file_is_words(collection: Collection) -> None:
    talk = Dialogue(collection)
    assert talk.say("what is said in talk.wav").refused
    assert "roof" in talk.say("what is said in minutes.txt about the roof.wav").text


def test_an_empty_turn_is_told(collection: Collection) -> None:
    with pytest.raises(UsageError, match="empty"):
        Dialogue(collection).say("  ")


def test_all_are_counted(collection: Collection) -> None:
    assert Dialogue(collection).say("how many photos are there in total?").count == 10


@pytest.mark.parametrize(
    ("language", "number", "told"),
    [
        ("en", 0, "74 pictures, the first 2:"),
        ("en", 2, "2 pictures:"),
        ("zh", 0, "找到 74 张图片，前 2 项："),
    ],
)
def test_a_list_says_of_how_many_it_is(
    collection: Collection, language: str, number: int, told: str
) -> None:
    hits = (*collection.search("a horse", k=2),)
    plan = Plan(modality="image", number=number or None)
    outcome = Outcome("found", plan, hits, values={"sure": 74, "offset": 0})
    assert compose(outcome, language, ()).text.splitlines()[0] == told


def test_what_was_refused_is_not_the_list_that_is_meant(collection: Collection) -> None:
    talk = Dialogue(collection)
    castles = talk.say("how many photos of castles are there")
    assert talk.say("photos of submarines").refused
    assert talk.say("the first one").refers == (castles.items[0].id,)
    compared = talk.say("which is larger, the first or the third?")
    assert {hit.id for hit in compared.items} == {castles.items[0].id, castles.items[2].id}
    width, height = (castles.items[0].metadata[name] for name in ("width", "height"))
    assert f"{width} x {height}" in compared.text


def test_the_same_with_another_condition_is_shown_not_counted(collection: Collection) -> None:
    talk = Dialogue(collection)
    assert talk.say("how many photos of castles").count == 3
    without = talk.say("the same but without castles")
    assert without.count is None and without.refused


def test_the_question_before_is_explained(collection: Collection) -> None:
    talk = Dialogue(collection)
    talk.say("photos of horses")
    told = talk.say("why is the first one a hit")
    assert "\u201chorses\u201d" in told.text


def test_a_caption_in_the_other_language_counts(collection: Collection) -> None:
    talk = Dialogue(collection)
    castles = {"x_neuschwansteinCastle", "x_castleClinton", "x_chateaudeChambord"}
    assert {*names(talk.say("show me castles"))} == castles


def test_not_the_one_that_is_described(collection: Collection) -> None:
    talk = Dialogue(collection)
    horses = talk.say("how many photos of horses")
    others = talk.say("not the brown one")
    assert {*names(others)} == {*names(horses)} - {"e_horse"}


def test_another_meaning_is_tried_where_the_first_leads_nowhere(collection: Collection) -> None:
    talk = Dialogue(collection)
    assert names(talk.say("everything from 2014 please")) == ["x_cat"]
    assert talk.say("everything about submarines please").refused


def test_each_of_several_is_told_of(collection: Collection) -> None:
    talk = Dialogue(collection)
    horses = talk.say("how many photos of horses")
    told = talk.say("when was each of these taken?")
    assert {hit.id for hit in told.items} == {hit.id for hit in horses.items}
    assert "2011-06-15" in told.text and "2012-06-15" in told.text
    assert [one.number for one in told.citations] == [1, 2]


def test_who_describes_the_one_is_shown_the_likeliest(collection: Collection) -> None:
    reply = Dialogue(collection).say("the one that gives milk")
    assert not reply.refused and len(reply.items) == 1 and reply.text.startswith("Perhaps")


@pytest.mark.parametrize(
    ("said", "first"),
    [("castles in France", "x_chateaudeChambord"), ("德国的城堡", "x_neuschwansteinCastle"),
     ("photos from New York", "x_castleClinton")],
)  # fmt: skip
def test_what_is_from_a_place_is_found_by_it(collection: Collection, said: str, first: str) -> None:
    assert names(Dialogue(collection).say(said))[0] == first
