"""Questions of several parts: words and pictures, wanted and not, in every mode."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from sensorium import Collection, Image, Part, Question, Text
from sensorium.collection.derived import folder_of
from sensorium.encoders import Encoder
from sensorium.errors import MediaError, UsageError
from tests.collection.coloured import COLOURS, names


def test_two_examples_find_what_is_between(library: Collection, coloured: Path) -> None:
    hits = library.search(like=[coloured / "red.png", coloured / "lime.png"], k=8)
    assert names(hits)[:3] == ["orange", "red", "lime"]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert {*names(hits)} == {*COLOURS}


def test_what_is_like_an_unwanted_example_goes_behind(library: Collection, coloured: Path) -> None:
    """What it is itself is no answer at all; more weight moves more."""
    before = names(library.search(like=coloured / "white.png", k=8))
    question = {"like": coloured / "white.png", "unlike": coloured / "blue.png"}
    after = names(library.search(**question, k=8))
    assert {*after} == {*COLOURS} - {"blue"} and after[0] == "white"
    before.remove("blue")
    question["unlike"] = Part(coloured / "blue.png", 10)
    more = names(library.search(**question, k=8))
    assert before.index("violet") <= after.index("violet") <= more.index("violet")
    assert more[-1] == "violet" != before[-1]


def test_weights_say_what_counts_more(library: Collection, coloured: Path) -> None:
    def places(weight: float) -> list[str]:
        question = Question(Part(coloured / "red.png", weight), coloured / "blue.png")
        return names(library.search(question, k=8))

    assert places(5)[0] == "red" and places(0.2)[0] == "blue"
    assert places(5).index("orange") < places(0.2).index("orange")
    # Only proportions count.
    twice = Question(Part(coloured / "red.png", 10), Part(coloured / "blue.png", 2))
    assert names(library.search(twice, k=8)) == places(5)


def test_one_part_is_an_ordinary_search(library: Collection, coloured: Path) -> None:
    """With the score of one, whatever its weight."""
    plain = library.search(coloured / "red.png")
    assert library.search(like=coloured / "red.png") == plain
    assert library.search(like=str(coloured / "red.png")) == plain
    assert library.search(Question(Part(coloured / "red.png", 0.3))) == plain
    assert library.search(Part("a red cat")) == library.search("a red cat")
    assert plain[0].score == pytest.approx(1, abs=1e-3)


def test_items_stand_for_their_files(library: Collection, coloured: Path) -> None:
    item = library.get(coloured / "red.png")
    assert item is not None
    other = coloured / "blue.png"
    by_path = library.search(like=[coloured / "red.png", other])
    assert library.search(like=[item.id, other]) == by_path
    assert library.search(like=[item, str(other)]) == by_path
    assert library.search(like=[by_path[0], other], k=3) == library.search(
        like=[Path(by_path[0].path), other], k=3
    )


def test_an_item_whose_file_is_gone_is_asked_by_what_is_stored(
    library: Collection, coloured: Path
) -> None:
    question = {"like": coloured / "red.png", "unlike": coloured / "orange.png"}
    before = names(library.search(**question, k=8))
    (coloured / "red.png").unlink()
    assert names(library.search(**question, k=8)) == before
    assert names(library.search(like=coloured / "red.png"))[0] == "red"


@pytest.mark.parametrize("mode", ["vector", "hybrid", "hash"])
def test_pages_and_filters_are_of_one_ranking(
    library: Collection, coloured: Path, mode: str
) -> None:
    question = Question("a red cat", like=coloured / "red.png", without="a blue dog")
    whole = library.search(question, k=8, mode=mode)
    assert len(whole) == 8
    pages = [library.search(question, k=3, offset=n, mode=mode) for n in (0, 3, 6)]
    assert [hit.id for page in pages for hit in page] == [hit.id for hit in whole]
    kept = library.search(question, k=8, mode=mode, where="path NOT LIKE '%e.png'")
    assert {*names(kept)} == {name for name in COLOURS if not name.endswith("e")}
    assert library.search(question, k=8, mode=mode, modality="audio") == []
    (asked,) = [[*library.search_pages(question, 5, mode=mode)]]
    assert [hit.id for page in asked for hit in page] == [hit.id for hit in whole[:5]]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["hnsw", "ivf"])
def test_an_index_gives_the_same(tmp_path: Path, encoder: Encoder, kind: str) -> None:
    """And what is outside of it is found, too."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(40, encoder.space.dimension))
    vectors = centres[rng.integers(0, 40, 3000)] + 0.7 * rng.normal(size=(3000, centres.shape[1]))
    question = Question(*centres[:2], Part(centres[2], -1))
    with Collection(tmp_path / "i.sensorium", encoder) as library:
        library.add_vectors(vectors[:2900], [f"{n}.jpg" for n in range(2900)])
        library.optimize(kind=kind, recall=0.9)
        library.add_vectors(vectors[2900:], [f"{n}.jpg" for n in range(2900, 3000)])
        found = library.search(question, k=100)
        assert library.info().indexes["vectors"]["vectors"] == 2900
        assert len(found) == len({hit.id for hit in found}) == 100
    shutil.rmtree(folder_of(library.path))
    with Collection(library.path, encoder) as library:
        exact = library.search(question, k=100)
    assert [hit.id for hit in found[:20]] == [hit.id for hit in exact[:20]]
    assert [hit.score for hit in found[:20]] == pytest.approx(
        [hit.score for hit in exact[:20]], abs=1e-4
    )
    assert len({hit.id for hit in found} & {hit.id for hit in exact}) >= 98


def test_words_that_are_held(library: Collection, coloured: Path) -> None:
    library.add(coloured / "red.png", metadata={"caption": "a barn by the sea"})
    library.add(coloured / "blue.png", metadata={"caption": "a barn at night"})
    library.add(coloured / "grey.png", metadata={"caption": "night at sea"})
    assert {*names(library.search("barn", without="night", mode="words"))} == {"red"}
    assert {*names(library.search("sea", mode="words", without="barn at sea"))} == {"red", "grey"}
    both = names(library.search(Question("barn", Part("night", 0.2)), mode="words"))
    assert both[0] == "blue" and {*both} == {"red", "blue", "grey"}
    scores = {
        word: {hit.id: hit.score for hit in library.search(Question(word, "a cat"), 8, mode=mode)}
        for word, mode in (("barn", "hybrid"), ("barn ", "vector"))
    }
    gained = [n for n in scores["barn"] if scores["barn"][n] > scores["barn "][n] + 1e-6]
    assert {library.get(n).path for n in gained} == {  # type: ignore[union-attr]
        str(coloured / "red.png"), str(coloured / "blue.png"),
    }  # fmt: skip
    with pytest.raises(UsageError, match="takes texts"):
        library.search("barn", like=coloured / "red.png", mode="words")


@pytest.mark.parametrize(
    ("unwanted", "left"),
    [
        ("red car", {"blue", "grey"}),
        ('"red car"', {"blue", "grey"}),
        ("“red car”", {"blue", "grey"}),
        ("„red car“", {"blue", "grey"}),
        ("«red car»", {"blue", "grey"}),
        ("「red car」", {"blue", "grey"}),
        ('the "red car', {"red", "blue", "grey"}),  # a quote that nothing closes is none
        ('red" car', {"blue", "grey"}),
        ('"red car" bus', {"red", "blue", "grey"}),  # both are meant
        ('sea "red car"', {"blue", "grey"}),
        ('"car" "red"', {"grey"}),
        ("红色的车", {"red", "blue"}),
        ("「红色」的车", {"red", "blue"}),
        ('""', {"red", "blue", "grey"}),
        ("« »", {"red", "blue", "grey"}),
    ],
)
def test_quotes_in_what_is_not_wanted(
    library: Collection, coloured: Path, unwanted: str, left: set[str]
) -> None:
    """All words together are unwanted, whatever quotes stand around them or between."""
    library.add(coloured / "red.png", metadata={"caption": "a red car, and a barn by the sea"})
    library.add(coloured / "blue.png", metadata={"caption": "a car by a red barn"})
    library.add(coloured / "grey.png", metadata={"caption": "红色的车, a barn at night"})
    assert {*names(library.search("barn", without=unwanted, mode="words"))} == left


@pytest.mark.parametrize("name", ["DSC1.jpg", "barn.png", "https://example.org/DSC1.jpg"])
def test_a_search_by_words_takes_names_of_files_as_words(
    library: Collection, coloured: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(coloured)
    shutil.copy("red.png", "barn.png")  # there is such a file
    library.add(coloured / "blue.png", metadata={"caption": "DSC1.jpg and barn.png"})
    assert "blue" in names(library.search(name, mode="words"))
    hits = library.search(Question(name, Part("nowhere", 0.5)), mode="words")
    assert "blue" in names(hits)
    assert "blue" not in names(library.search("and", without=name.split("/")[-1], mode="words"))
    assert [hit.id for page in library.search_pages(name, 9, mode="words") for hit in page] == [
        hit.id for hit in library.search(Text(name), 9, mode="words")
    ]
    better = library.search(name, mode="words").judge(library.get(coloured / "blue.png"))
    assert better.judgements and better[0].path == str(coloured / "blue.png")
    if name == "DSC1.jpg":
        with pytest.raises(MediaError, match="no such file"):
            library.search(name, mode="hybrid")


def test_vectors_and_media_are_parts(library: Collection, coloured: Path) -> None:
    vector = library.encoder.encode([Image(coloured / "red.png")])[0]
    hits = library.search(Question(vector, Text("a cat")), k=8)
    assert names(hits) == names(library.search(Question(coloured / "red.png", "a cat"), k=8))
    picture = PIL.Image.new("RGB", (40, 30), COLOURS["red"])
    assert names(library.search("a cat", like=picture, k=8)) == names(hits)
    assert names(library.search("a cat", like=[np.asarray(picture)], k=8)) == names(hits)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ({}, "the query says what is sought"),
        ({"without": "people"}, "the query says what is sought"),
        ({"query": "a", "without": ""}, "without takes words"),
        ({"query": "a", "without": 3}, "without takes words"),
        ({"query": "a", "without": Part("b", -1)}, "no sign of its own"),
        ({"query": Question("a"), "without": "b"}, "a Question holds all its parts"),
        ({"query": "a", "like": ["x.png"] * 200}, "up to 100 parts"),
        ({"query": "a", "like": " "}, "an example is a file"),
        ({"query": "a", "unlike": [True]}, "an example is a file"),
    ],
)  # fmt: skip
def test_questions_that_cannot_be(
    library: Collection, question: dict[str, object], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        library.search(**question)  # type: ignore[arg-type]


@pytest.mark.parametrize("weight", [0, float("nan"), float("inf"), 1e9, "2", True, None])
def test_weights_that_are_none(weight: object) -> None:
    with pytest.raises(UsageError, match="the weight of a part is a number"):
        Part("a", weight)  # type: ignore[arg-type]


def test_an_example_that_is_not_there_is_named(library: Collection) -> None:
    with pytest.raises(MediaError, match=r"no-such\.png.*no such file"):
        library.search("a", like="no-such.png")
    with pytest.raises(MediaError, match=r"item 999.*no such item"):
        library.search("a", unlike=999)
    with pytest.raises(MediaError, match="no such file, and no item"):
        library.search("a", like="castle")  # words are no example


def test_what_was_asked_is_told() -> None:
    asked = Question(
        "castle", Part("at night", 0.5), like="a.jpg", unlike="b.jpg", without="people"
    )
    assert str(asked) == "castle + 0.5 x at night + a.jpg - b.jpg - people"
