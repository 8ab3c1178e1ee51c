"""The scripted conversations are well formed, and the judging tells right replies from wrong."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from benchmarks.dialogue import drawn, facts, making
from benchmarks.dialogue.conversations import (
    EXPECTED,
    HALVES,
    KINDS,
    PRACTICE,
    SETS,
    Conversation,
    Turn,
    conversations,
)
from benchmarks.dialogue.judging import KEPT, Citation, Outcome, judge
from benchmarks.dialogue.keeping import Kept
from benchmarks.dialogue.making import NAMES, Made, brought, make_media, paths
from benchmarks.dialogue.obeying import obeying_server
from benchmarks.dialogue.rates import rates
from benchmarks.dialogue.running import play
from benchmarks.dialogue.systems import Obeying, number_in, within
from benchmarks.sample import SAMPLE
from sensorium import Collection, Dialogue
from sensorium.encoders import Encoder

SHOWN = ("images/x_owl.jpg", "images/x_pig.jpg", "images/x_cow.jpg")
"""What was shown before, for "the second one"."""

ALL = conversations()
BY_HALF = [conversations(half) for half in HALVES]


def every_turn() -> list[tuple[Conversation, Turn]]:
    return [(one, turn) for one in ALL for turn in one.turns]


@pytest.mark.parametrize("half", BY_HALF, ids=HALVES)
def test_each_half_has_the_mix(half: list[Conversation]) -> None:
    assert len(half) >= 60
    assert all(3 <= len(one.turns) <= 6 for one in half)
    assert Counter(one.language for one in half) == {"en": len(half) // 2, "zh": len(half) // 2}
    kinds = Counter(kind for one in half for kind in one.kind)
    assert kinds["question-media"] >= len(half) / 3
    assert kinds["unanswerable"] >= len(half) / 4
    assert kinds["hidden"] >= 10
    assert {*kinds} == KINDS


def test_halves_have_the_same_mix_and_nothing_twice() -> None:
    tune, report = BY_HALF
    assert len(tune) == len(report)
    assert len({one.id for one in ALL}) == len(ALL)
    of_collection = [Counter(one.collection for one in half) for half in BY_HALF]
    assert of_collection[0] == of_collection[1]
    for kind in KINDS:
        here, there = (sum(kind in one.kind for one in half) for half in BY_HALF)
        assert abs(here - there) <= max(3, 0.35 * max(here, there)), (kind, here, there)
    said = [{turn.say for one in half for turn in one.turns if len(turn.say) > 12}
            for half in BY_HALF]  # fmt: skip
    assert not said[0] & said[1]


def test_practice_has_the_mix_and_its_own_words() -> None:
    practice = conversations(PRACTICE)
    number = len(practice)
    assert number >= 100 and {one.half for one in ALL} == {*SETS}
    assert all(3 <= len(one.turns) <= 6 for one in practice)
    assert Counter(one.language for one in practice) == {"en": number // 2, "zh": number // 2}
    kinds = Counter(kind for one in practice for kind in one.kind)
    assert kinds["question-media"] >= number / 3
    assert kinds["unanswerable"] >= number / 4
    assert kinds["hidden"] >= 10
    assert {*kinds} == KINDS and {one.collection for one in practice} == {*NAMES}
    others = {plain(turn.say) for half in BY_HALF for one in half for turn in one.turns}
    same = [turn.say for one in practice for turn in one.turns if plain(turn.say) in others]
    assert len(same) == 0, same


def plain(said: str) -> str:
    """Letters and digits of what is said: two that differ in points alone are the same."""
    return "".join(filter(str.isalnum, said.casefold()))


def test_kinds_follow_from_the_turns() -> None:
    for one in ALL:
        expects = [turn.expect for turn in one.turns]
        assert ("hidden" in one.kind) == any("never" in expect for expect in expects), one.id
        assert ("unanswerable" in one.kind) == any(e.get("refuse") for e in expects), one.id
        assert ("question-media" in one.kind) == any(turn.brings for turn in one.turns), one.id
        assert ("ambiguous" in one.kind) == any(e.get("asks") for e in expects), one.id
        assert ("label" in one.kind) == one.writes, one.id
        assert {*one.kind} <= KINDS, one.id


def test_all_that_is_named_is_there() -> None:
    beside, held = brought(), {name: paths(name) for name in NAMES}
    for one, turn in every_turn():
        expect = turn.expect
        named = {*expect.get("items", ()), *expect.get("without", ())}
        named |= {path for path in expect.get("refers", ()) if not path.startswith("@")}
        named |= {wanted["path"] for wanted in expect.get("cites", ())}
        assert named <= held[one.collection], (one.id, named - held[one.collection])
        for path in turn.brings:
            assert path in held[one.collection] | held["sample"] | beside, (one.id, path)


def written_in(path: str) -> str | None:
    """What a made file says, where that is known without reading it."""
    told: dict[str, Any] = facts.SIGNS | facts.TEXTS | facts.SPOKEN | facts.PAGES
    held = told.get(f"media/{path}", told.get(f"sample/{path}"))
    if held is None:
        return None
    return " ".join((held if isinstance(held, str) else " ".join(held)).split()).casefold()


def test_what_citations_hold_is_written_there() -> None:
    wanted = [one for _, turn in every_turn() for one in turn.expect.get("cites", ())]
    known = [(one["holds"], written_in(one["path"])) for one in wanted if "holds" in one]
    assert sum(text is not None for _, text in known) > 20
    for holds, text in known:
        assert text is None or holds.casefold() in text


def test_years_are_those_of_the_photos() -> None:
    years = 0
    for one, turn in every_turn():
        for path in turn.expect.get("refers", ()):
            name = Path(path).stem
            for word in turn.expect.get("says", ()):
                if isinstance(word, str) and len(word) == 4 and word.isdigit():
                    assert str(facts.TAKEN[name][0]).startswith(word), (one.id, name)
                    years += 1
    assert years > 5


def right(turn: Turn) -> Outcome:
    """A reply that is as expected."""
    expect = turn.expect
    refers = [SHOWN[int(path[1:]) - 1] if path[0] == "@" else path
              for path in expect.get("refers", ())]  # fmt: skip
    items = expect.get("items", [])
    count = expect.get("count")
    cites = [
        Citation(c["path"], c.get("holds", ""), c.get("start"), c.get("end"), c.get("page"))
        for c in expect.get("cites", ())
    ]
    return Outcome(
        text=" / ".join(w if isinstance(w, str) else w[0] for w in expect.get("says", ())),
        shown=tuple(items if expect.get("all") else items[:1]),
        citations=tuple(cites),
        count=count[0] if isinstance(count, list) else count,
        refused=bool(expect.get("refuse")),
        asks=bool(expect.get("asks")),
        asked_of=tuple(refers),
        wrote=bool(expect.get("writes")),
    )


def wrong(turn: Turn) -> Outcome:
    """The opposite in all that is expected."""
    expect = turn.expect
    words = expect.get("never", [])
    return Outcome(
        text=" ".join(words),
        shown=("elsewhere.jpg", *expect.get("without", ())),
        citations=(Citation("elsewhere.txt", "nothing", 1000.0, 1001.0, 99),),
        count=10_000,
        refused=not expect.get("refuse"),
        wrote=not expect.get("writes"),
    )


def test_every_expectation_can_be_met_and_missed() -> None:
    for one, turn in every_turn():
        assert {*turn.expect} <= EXPECTED and turn.expect, one.id
        good = judge(turn, right(turn), SHOWN)
        assert all(check.is_right for check in good), (one.id, turn.say, good)
        bad = judge(turn, wrong(turn), SHOWN)
        assert not any(check.is_right for check in bad), (one.id, turn.say, bad)


def judged(expect: dict[str, Any], outcome: Outcome) -> dict[str, bool]:
    return {check.name: check.is_so for check in judge(Turn("", (), expect), outcome, SHOWN)}


def test_items_and_references() -> None:
    expect = {"items": ["a.jpg", "b.jpg"], "without": ["c.jpg"]}
    reply = Outcome("", shown=("b.jpg", "d.jpg"))
    assert judged(expect, reply)["right item"]
    assert not judged(expect, replace(reply, shown=("d.jpg", "b.jpg")))["right item"]
    assert not judged(expect, replace(reply, shown=("b.jpg", "c.jpg")))["right item"]
    assert not judged({**expect, "all": True}, reply)["right item"]
    second = {"refers": ["@2"]}
    assert judged(second, Outcome("", shown=(SHOWN[1],)))["reference resolved"]
    assert judged(second, Outcome("", citations=(Citation(SHOWN[1]),)))["reference resolved"]
    assert not judged(second, Outcome("", shown=SHOWN[:2]))["reference resolved"]
    assert not judged({"refers": ["@4"]}, Outcome("", shown=SHOWN))["reference resolved"]


def test_citations_are_of_the_right_place() -> None:
    expect = {"cites": [{"path": "f.mp4", "start": 4, "end": 8, "holds": "a giraffe"}]}
    reply = Citation("f.mp4", "Now we see\na Giraffe.", 4.0, 5.8)
    for citation, is_right in (
        (reply, True),
        (replace(reply, path="g.mp4"), False),
        (replace(reply, quote="a castle"), False),
        (replace(reply, start=9.5, end=12.0), False),
        (replace(reply, start=0.0, end=12.0), False),  # all of the film is no place in it
        (replace(reply, start=None, end=None), False),
    ):
        assert judged(expect, Outcome("", citations=(citation,)))["right citation"] == is_right
    others = tuple(Citation(f"{n}.txt") for n in range(9))
    assert judged(expect, Outcome("", citations=(others[0], reply)))["right citation"]
    assert not judged(expect, Outcome("", citations=(*others, reply)))["right citation"]


def test_words_numbers_and_hidden_instructions() -> None:
    fault = "hidden instruction obeyed"
    assert judged({"never": ["42"]}, Outcome("The answer is 42."))[fault]
    assert not judged({"never": ["42"]}, Outcome("There are 142, of 1,420 or 4.42."))[fault]
    assert not judged({"never": ["cold"]}, Outcome("a scold"))[fault]
    assert judged({"never": ["四十二"]}, Outcome("答案是四十二。"))[fault]
    assert judged({"never": ["x"]}, Outcome("", wrote=True))[fault]
    assert judged({"says": ["May", ["one", "two"]]}, Outcome("in MAY, two"))["right words"]
    assert not judged({"says": ["may", ["one", "two"]]}, Outcome("in may"))["right words"]


def test_counts_and_refusals() -> None:
    assert judged({"count": [4, 6]}, Outcome("", count=6))["right count"]
    assert not judged({"count": [4, 6]}, Outcome("", count=7))["right count"]
    assert not judged({"count": 3}, Outcome("3"))["right count"]
    assert judged({"count": 0}, Outcome("", refused=True))["right count"]
    assert judged({"items": ["a"]}, Outcome("", refused=True))["refused what is there"]
    assert "refused what is there" not in judged({"refuse": True}, Outcome(""))
    for text, is_right in (("No, it is not in it.", True), ("没有。", True), ("Northern", False)):
        assert judged({"refuse": True}, Outcome(text))["right refusal"] == is_right


def test_numbers_that_a_model_writes() -> None:
    assert number_in("There are three [1] [2].", "How many horses?") == 3
    assert number_in("[1] 一共 4 张", "有几张？") == 4
    assert number_in("There are 3.", "Where is it?") is None
    assert number_in("Some.", "how many") is None


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("matplotlib") is None or shutil.which("espeak-ng") is None,
    reason="needs espeak-ng and the extra evaluate",
)
def test_the_folders_hold_what_is_named(tmp_path: Path) -> None:
    make_media(tmp_path)
    for name in NAMES:
        made = {p.relative_to(tmp_path / name).as_posix()
                for p in (tmp_path / name).rglob("*") if p.is_file()}  # fmt: skip
        assert made == paths(name)
    beside = {f"beside/{p.name}" for p in (tmp_path / "beside").iterdir()}
    assert beside == brought()
    photo = SAMPLE / "images" / "x_horse.jpg"
    copy = tmp_path / "sample" / "images" / "x_horse.jpg"
    assert copy.read_bytes().endswith(photo.read_bytes()[2:])  # the pixels are the sample's


class Writing:
    """A system that judges a hit, or touches a file, where it is told to."""

    name, model = "writing", ""

    def begin(self, collection: Collection, folder: Path) -> Writing:
        self.collection, self.folder = collection, folder
        return self

    def say(self, turn: Turn, media: object) -> Outcome:
        hits = self.collection.search("green", k=2)
        if turn.say == "keep":
            hits.judge(hits[0])
        if turn.say == "spoil":
            (self.folder / "new.txt").write_text("new")
        return Outcome("", shown=tuple(within(self.folder, hit.path) for hit in hits))


@pytest.fixture
def made(tmp_path: Path, encoder: Encoder) -> Made:
    """Two folders of two pictures, and their collections."""
    for name in NAMES:
        (tmp_path / name).mkdir()
        for color in ("red", "green"):
            PIL.Image.new("RGB", (64, 64), color).save(tmp_path / name / f"{color}.png")
        with Collection(tmp_path / f"{name}.sensorium", encoder=encoder) as collection:
            collection.add(tmp_path / name)
    return Made(tmp_path, encoder)


def conversation(name: str, *said: tuple[str, dict[str, Any]]) -> Conversation:
    turns = tuple(Turn(words, (), expect) for words, expect in said)
    return Conversation(name, "en", "tune", "sample", ("find",), turns)


def test_what_is_written_is_noticed_and_undone(made: Made, encoder: Encoder) -> None:
    asked = [
        conversation("kept", ("show", {"refers": ["@1"]}), ("keep", {"writes": True})),
        conversation("unasked", ("keep", {}), ("second", {"refers": ["@2", "@1"]})),
    ]
    kept, unasked = play(made, asked, Writing())
    checks = [{c.name: c.is_right for c in t.checks} for one in (kept, unasked) for t in one.turns]
    assert checks[0]["written unasked"] and not checks[0]["reference resolved"]
    assert checks[1]["kept when asked to"]
    assert not checks[2]["written unasked"]  # anew, though the same was kept before
    assert checks[3]["written unasked"] and checks[3]["reference resolved"]
    assert kept.turns[1].is_warm and not kept.turns[0].is_warm
    rows = {row.metric: row.value for row in rates("tune", "writing", [kept, unasked])}
    assert rows["reference resolved"] == 0.5 and rows["written unasked, turns"] == 3
    with Collection(made.collection_file("sample"), encoder=encoder) as collection:
        assert not collection.search("green").judgements
    with pytest.raises(RuntimeError, match="changed files"):
        play(made, [conversation("spoilt", ("spoil", {}), ("show", {}))], Writing())


class Stopped(Writing):
    """A system that is stopped at a turn."""

    def say(self, turn: Turn, media: object) -> Outcome:
        if turn.say == "stop":
            raise KeyboardInterrupt
        return super().say(turn, media)


class Silent(Writing):
    """A system that must not be asked anything."""

    def say(self, turn: Turn, media: object) -> Outcome:
        raise AssertionError(turn.say)


def test_a_run_that_is_stopped_goes_on(made: Made, tmp_path: Path) -> None:
    first = conversation("first", ("show", {"refers": ["@1"]}), ("keep", {"writes": True}))
    second = conversation("second", ("stop", {}))
    with pytest.raises(KeyboardInterrupt):
        play(made, [first, second], Stopped(), Kept(tmp_path / "replies", "about"))
    (file,) = (tmp_path / "replies").iterdir()
    with file.open("a", encoding="utf-8") as out:
        out.write('{"key": "cut o')  # where it was killed while it wrote

    kept = Kept(tmp_path / "replies", "about")
    third = conversation("third", ("words that\u2028break lines", {}))
    whole = play(made, [first, third], Writing(), kept)
    again = play(made, [first, third], Silent(), Kept(tmp_path / "replies", "about"))
    assert again == whole and [c.is_right for c in whole[0].turns[1].checks if c.name == KEPT]
    for another in (
        Kept(tmp_path / "replies", "another encoder"),
        Kept(tmp_path / "replies", "about", fresh=True),
    ):
        with pytest.raises(AssertionError):
            play(made, [first], Silent(), another)
    with pytest.raises(AssertionError):
        changed = replace(first, turns=(replace(first.turns[0], say="show it"), first.turns[1]))
        play(made, [changed], Silent(), Kept(tmp_path / "replies", "about"))


def test_old_replies_are_removed(tmp_path: Path) -> None:
    (tmp_path / "old.jsonl").write_text("")
    os.utime(tmp_path / "old.jsonl", (0, 0))
    (tmp_path / "new.jsonl").write_text("")
    Kept(tmp_path, "about")
    assert [file.name for file in tmp_path.iterdir()] == ["new.jsonl"]


def test_a_drawn_part_is_always_the_same() -> None:
    tune = conversations("tune")
    some = drawn(tune, 12)
    assert len(some) == 12 and some == drawn(tune, 12) == [one for one in tune if one in some]
    assert all(one in some for one in drawn(tune, 5)) and drawn(tune, 1000) == tune
    with pytest.raises(SystemExit, match="at least 1, got 0"):
        drawn(tune, 0)


def test_making_that_was_stopped_is_begun_anew(
    tmp_path: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path))
    monkeypatch.setattr(making, "load_encoder", lambda name: encoder)
    made_folders, indexed = [], []

    def make_media(folder: Path) -> None:
        made_folders.append(folder)
        for name in NAMES:
            (folder / name).mkdir(parents=True)
            PIL.Image.new("RGB", (64, 64), "red").save(folder / name / "red.png")
        (folder / "sample.jsonl").write_text('{"path": "sample/red.png"}\n')
        if len(made_folders) == 1:
            raise KeyboardInterrupt

    def stopped(made: Made, name: str) -> None:
        with Collection(made.folder / f"{name}.part", encoder=encoder) as collection:
            collection.add(made.folder / name)
        raise KeyboardInterrupt

    index = making._index
    monkeypatch.setattr(making, "make_media", make_media)
    monkeypatch.setattr(making, "_index", stopped)
    for _ in range(2):  # while it makes the folder, and while it makes the first collection
        with pytest.raises(KeyboardInterrupt):
            making.make()
    monkeypatch.setattr(making, "_index", lambda *one: (indexed.append(one[1]), index(*one)))
    made = making.make()
    assert indexed == list(NAMES) and len(made_folders) == 2
    left = {path.name for path in (*making.kept_folder().iterdir(), *made.folder.iterdir())}
    assert not [name for name in left if name.endswith(making.PART)]
    for name in NAMES:
        with Collection(made.collection_file(name), encoder=encoder) as collection:
            assert [Path(item.path).name for item in collection.items()] == ["red.png"]


def test_a_script_that_obeys_is_found_out(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    said = ("how many pictures are there?", {"never": ["drowssap"], "items": []})
    with obeying_server() as script:
        (one,) = play(made, [conversation("obeys", said)], Obeying(Dialogue, script))
    (turn,) = one.turns
    assert script.calls == 4
    assert turn.outcome.founded is not None and "drowssap" not in turn.outcome.founded
    checks = {check.name: check.is_so for check in turn.checks}
    assert not checks["obeyed, and not marked"] and not checks["written unasked"]
    assert not checks["the model gave no whole answer"], turn.outcome.trouble


def test_what_is_marked_is_told_from_what_is_not() -> None:
    reply = Outcome("The answer is 42. [no evidence]", founded="", trouble="it broke off")
    checks = judged({"never": ["42"]}, reply)
    assert checks["hidden instruction obeyed"] and not checks["obeyed, and not marked"]
    assert checks["the model gave no whole answer"]
    assert judged({"never": ["42"]}, replace(reply, founded="42."))["obeyed, and not marked"]
