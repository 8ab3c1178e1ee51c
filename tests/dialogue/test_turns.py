from __future__ import annotations

import re
import shutil
from pathlib import Path

from sensorium import Collection, Dialogue


def names(items: object) -> list[str]:
    return [Path(hit.path).stem for hit in items]  # type: ignore[attr-defined]


def test_two_questions_of_a_turn_are_both_answered(collection: Collection, tmp_path: Path) -> None:
    talk = Dialogue(collection)
    talk.say("photos of horses from 2012")
    reply = talk.say("when was it taken, and what does it show?")
    assert len(reply.parts) == 2 and "2012-06-15" in reply.text
    marks = [int(mark) for mark in re.findall(r"\[(\d+)\]", reply.text)]
    assert marks == sorted(marks) == [*range(1, len(reply.citations) + 1)]
    talk.save(tmp_path / "talk.json")
    again = Dialogue.load(tmp_path / "talk.json", collection)
    assert again.turns == talk.turns
    assert names(again.say("it").items) == ["e_horse"]


def test_what_was_given_before_is_meant(
    collection: Collection, sample: Path, tmp_path: Path
) -> None:
    given = tmp_path / "mine.jpg"
    shutil.copy(sample / "images" / "x_cat.jpg", given)
    talk = Dialogue(collection)
    assert talk.say("the picture I gave you").asks
    talk.say("do I have this?", given)
    talk.say("photos of horses")
    assert names(talk.say("the picture I gave you").items)[0] == "x_cat"
    talk.save(tmp_path / "talk.json")
    again = Dialogue.load(tmp_path / "talk.json", collection)
    assert names(again.say("something like the photo I sent").items)[0] == "x_cat"
    given.unlink()
    gone = Dialogue.load(tmp_path / "talk.json", collection).say("the picture I gave you")
    assert gone.asks and "mine.jpg" in gone.text


def test_a_list_stays_while_one_of_it_is_looked_at(collection: Collection) -> None:
    talk = Dialogue(collection)
    castles = talk.say("how many photos of castles are there")
    oldest = talk.say("the oldest of them")
    assert names(oldest.items) == ["x_neuschwansteinCastle"]
    assert talk.say("when was it taken?").refers == oldest.refers
    assert {*names(talk.say("the other two").items)} == {*names(castles.items)} - {
        "x_neuschwansteinCastle"
    }
    assert "2015" in talk.say("when was the oldest one taken?").text


def test_a_misspelt_subject_is_sought_as_the_collection_spells_it(collection: Collection) -> None:
    words = Dialogue(collection).toolbox.vocabulary
    assert words.mended("neuschwantsein castle") == "neuschwanstein castle"
    assert words.mended("the treasuerr") == "the treasuerr"  # nobody says it here
    assert words.mended("horse panda hammer bridge") == "horse panda hammer bridge"
    reply = Dialogue(collection).say("photos of neuschwantsein")
    assert not reply.refused and names(reply.items)[0] == "x_neuschwansteinCastle"
