"""A collection is measured by what its search gives: in every mode, by its index, on one scale."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest

from sensorium import Collection, Hit, Image, Part, Question, Text, load_encoder
from sensorium.errors import UsageError
from sensorium.evaluation import (
    Result,
    evaluate_retrieval,
    read_result,
    rerun_result,
    write_evaluation,
)
from sensorium.evaluation.rerun import differences
from sensorium.evaluation.result import RESULT_FILE, write_result
from tests.bad_media import film
from tests.evaluation.conftest import noise
from tests.tiny_encoder import make_tiny_encoder

Vectors = npt.NDArray[np.float32]

QUERIES = {
    "cats": ("a red cat", ["p3", "t2"]),
    "dogs": ("dog", ["p7"]),
    "squares": ("the blue square", ["t5", "p1", "p2"]),
    "photos": ("photo of the green dog", ["p11"]),
    "nothing": ("zebra", ["t0"]),  # a word that no item has
}
"""Text of every query, and the names of its right answers in the collection `mixed`."""


def near(vectors: Vectors, rng: np.random.Generator, cosine: float, rows: int) -> Vectors:
    """Unit vectors that all have about the same cosine to these."""
    centre = vectors.sum(axis=0)
    side = rng.normal(size=(rows, vectors.shape[1]))
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    found = cosine * centre / np.linalg.norm(centre) + np.sqrt(1 - cosine**2) * side
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def mixed(tiny: Path, tmp_path: Path) -> Path:
    """Texts, some of several passages, which lie nearer to every question than pictures do."""
    rng = np.random.default_rng(1)
    path = tmp_path / "mixed.sensorium"
    with Collection(path, tiny) as library:
        asked = library.encoder.encode_queries([text for text, _ in QUERIES.values()])
        texts = near(asked, rng, 0.8, 26)
        keys = [f"/lib/t{n % 20 if n < 20 else 3}" for n in range(26)]  # t3 has seven passages
        order = np.argsort(keys, kind="stable")
        library.add_vectors(
            texts[order], [keys[n] for n in order], modality="text",
            spans=[(float(n), n + 1.0) for n in range(26)],
            metadata=[{"caption": f"a {('red cat', 'dog')[n % 2]} {n}"} for n in range(26)],
        )  # fmt: skip
        pictures = near(asked, rng, 0.1, 30)
        pictures[7] = near(asked[1:2], rng, 0.4, 1)[0]  # a dog
        library.add_vectors(
            pictures,
            [f"/lib/p{n}" for n in range(30)],
            metadata=[{"caption": f"the {('blue', 'green')[n % 2]} square"} for n in range(30)],
        )
    return path


@pytest.fixture
def asked(tmp_path: Path) -> tuple[Path, Path]:
    return write_queries(tmp_path, QUERIES)


def write_queries(
    folder: Path, queries: dict[str, tuple[str | Path, Sequence[str]]]
) -> tuple[Path, Path]:
    lines = [
        {"_id": name, **({"image": str(asks)} if isinstance(asks, Path) else {"text": asks})}
        for name, (asks, _) in queries.items()
    ]
    judged = [f"{name}\t{item}\t1" for name, (_, right) in queries.items() for item in right]
    paths = folder / "queries.jsonl", folder / "qrels.tsv"
    paths[0].write_text("".join(json.dumps(line) + "\n" for line in lines))
    paths[1].write_text("\n".join(["query-id\tcorpus-id\tscore", *judged]) + "\n")
    return paths


def ranks(result: Result) -> dict[str, int]:
    return {s["id"]: s["rank"] for s in result.measurements["retrieval"].samples}


def rank_among(pages: Iterable[Sequence[Hit]], right: Sequence[str], items: int) -> int:
    """Rank of the first right answer: hits of equal score that are wrong stand before it."""
    line = [(hit, round(hit.score, 6)) for page in pages for hit in page]
    places = [n for n, (hit, _) in enumerate(line) if Path(hit.path).name in right]
    if not places:
        return items - len(right) + 1
    first = places[0]
    alike = first
    while alike + 1 < len(line) and line[alike + 1][1] == line[first][1]:
        alike += 1
    tied = sum(Path(hit.path).name not in right for hit, _ in line[first : alike + 1])
    return first + tied + 1


@pytest.mark.parametrize("mode", ["vector", "words", "hybrid", "hash"])
def test_ranks_are_those_of_the_search(
    mixed: Path, asked: tuple[Path, Path], mode: str, tmp_path: Path
) -> None:
    result = evaluate_retrieval(mixed, *asked, mode=mode)
    with Collection(mixed) as library:
        items = len(library)
        for name, (text, right) in QUERIES.items():
            hits = library.search(text, k=items, mode=mode)
            assert ranks(result)[name] == rank_among([hits], right, items), name
        picture = library.get("/lib/p7")
        (dog,) = library.encoder.encode_queries(["dog"])
        stored = library.segments()
        owners, vectors = stored.item_ids, stored.vectors
    assert result.data["counts"]["items"] == items == 50
    samples = {s["id"]: s for s in result.measurements["retrieval"].samples}
    if mode == "words":
        assert samples["nothing"]["missed"] and samples["nothing"]["rank"] == items
        assert not samples["cats"].get("missed")
        write_evaluation(result, tmp_path / "out")
        report = (tmp_path / "out" / "report.md").read_text("utf-8")
        assert "| zebra | /lib/t0 | not found |  |" in report
    if mode == "vector":
        # With cosines as they are, many texts would stand before the picture of a dog.
        assert picture is not None
        nearer = owners[vectors @ dog > (vectors @ dog)[owners == picture.id]]
        assert len({*nearer.tolist()}) + 1 > 8 > samples["dogs"]["rank"]
    again = rerun_result(result)
    assert again == result and differences(result, again).causes == []


def test_a_prompt_that_is_left_out_gives_other_figures(
    prompted: Path, tiny: Path, tmp_path: Path
) -> None:
    """Questions have the prompt they are searched with; by hand, and against the same without."""
    bare = make_tiny_encoder(tmp_path / "bare", name="bare", query_prefix="the ")
    texts = ["red cat", "dog", "a blue cat"]
    queries = {f"q{n}": (text, [f"p{n}"]) for n, text in enumerate(texts)}
    paths = write_queries(tmp_path, queries)
    found = {}
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(40, load_encoder(tiny).space.dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    for encoder in (prompted, bare):
        with Collection(tmp_path / f"{encoder.name}.sensorium", encoder) as library:
            library.add_vectors(vectors, [f"/lib/p{n}" for n in range(40)])
            found[encoder] = ranks(evaluate_retrieval(library, *paths))
    for encoder, prefix in ((prompted, "green dog "), (bare, "the ")):
        asked = load_encoder(tiny).encode([prefix + text for text in texts])
        order = np.argsort(-(asked @ vectors.T), axis=1)
        wanted = {f"q{n}": 1 + line.tolist().index(n) for n, line in enumerate(order)}
        assert found[encoder] == wanted
    assert found[prompted] != found[bare]


def test_an_index_is_measured_as_it_is_searched(tiny: Path, tmp_path: Path) -> None:
    """The first ten are what a search for ten finds, not the best of a search for a thousand."""
    encoder = load_encoder(tiny)
    rng = np.random.default_rng(0)
    words = ["a", "the", "cat", "dog", "red", "green", "blue", "square", "photo", "of"]
    texts = [" ".join(rng.choice(words, 3)) for _ in range(20)]
    vectors = rng.normal(size=(1200, encoder.space.dimension)).astype(np.float32)
    path = tmp_path / "c.sensorium"
    with Collection(path, tiny, auto_optimize=False) as library:
        library.add_vectors(vectors, [f"/lib/p{n}" for n in range(1200)])
        # Right is what stands far enough in front to be found, and to be lost.
        right = [Path(line[n % 10].path).name for n, line in enumerate(
            library.search_vectors(encoder.encode_queries(texts), 10))]  # fmt: skip
        queries = {f"q{n}": (text, [right[n]]) for n, text in enumerate(texts)}
        paths = write_queries(tmp_path, queries)
        exact = evaluate_retrieval(library, *paths)
        assert exact.search["index"] is None
        assert ranks(exact) == {f"q{n}": n % 10 + 1 for n in range(20)}
        assert library.optimize(recall=0.3, kind="ivf").kind == "ivf"
        result = evaluate_retrieval(library, *paths)
        deep, in_pages = {}, {}
        for name, (text, answers) in queries.items():
            pages = [
                library.search(text, stop - start, offset=start)
                for start, stop in ((0, 10), (10, 100), (100, 1000))
            ]
            in_pages[name] = rank_among(pages, answers, 1200)
            deep[name] = rank_among([library.search(text, 1000)], answers, 1200)
    assert ranks(result) == in_pages != deep
    assert in_pages != ranks(exact)
    index = result.search["index"]
    assert index["kind"] == "ivf" and index["vectors"] == 1200
    assert rerun_result(result) == result
    with Collection(path) as library:
        library.optimize(kind="exact")
    found = differences(result, rerun_result(result))
    assert found.numbers and found.causes[0].startswith("search: index was {'kind': 'ivf'")
    assert found.causes[0].endswith("is None")


def test_what_lies_deeper_than_one_looks_counts_as_last(
    mixed: Path, asked: tuple[Path, Path]
) -> None:
    whole = ranks(evaluate_retrieval(mixed, *asked))
    result = evaluate_retrieval(mixed, *asked, depth=5)
    items = result.data["counts"]["items"]
    assert {rank <= 5 for rank in whole.values()} == {True, False}
    for sample in result.measurements["retrieval"].samples:
        seen = whole[sample["id"]] <= 5
        last = items - sample["answers"] + 1
        assert (sample["rank"], sample.get("missed", False)) == (
            (whole[sample["id"]], False) if seen else (last, True)
        )
    assert result.arguments["depth"] == "5" and result.search["depth"] == 5
    assert rerun_result(result) == result
    for bad in (0, -1, 2.5, True, "ten"):
        with pytest.raises(UsageError, match="depth is a whole number of at least 1"):
            evaluate_retrieval(mixed, *asked, depth=bad)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="unknown mode 'meaning'; known: vector, words"):
        evaluate_retrieval(mixed, *asked, mode="meaning")


@pytest.mark.parametrize("mode", ["vector", "hash"])
def test_equal_hits_are_ties_and_a_picture_is_no_answer_to_itself(
    tiny: Path, tmp_path: Path, mode: str
) -> None:
    (tmp_path / "pictures").mkdir()
    for name, seed in (("asks", 1), ("wrong", 2), ("right", 2), ("other", 3)):
        noise("red", seed).save(tmp_path / "pictures" / f"{name}.png")
    with PIL.Image.open(tmp_path / "pictures" / "right.png") as picture:
        picture.save(tmp_path / "pictures" / "right.png", compress_level=0)  # another file
    with Collection(tmp_path / "c.sensorium", tiny) as library:
        library.add(tmp_path / "pictures")
        hits = library.search(Image(tmp_path / "pictures" / "asks.png"), mode=mode)
    names = [Path(hit.path).stem for hit in hits]
    scores = {name: hit.score for name, hit in zip(names, hits, strict=True)}
    assert names[0] == "asks" and scores["right"] == scores["wrong"]
    paths = write_queries(
        tmp_path,
        {
            "tied": (tmp_path / "pictures" / "asks.png", ["right.png"]),
            "text": ("red", ["other.png"]),
        },
    )
    result = evaluate_retrieval(tmp_path / "c.sensorium", *paths, mode=mode)
    before = [n for n in names[1:] if n not in ("right", "wrong") and scores[n] > scores["right"]]
    assert ranks(result)["tied"] == len(before) + 2


def test_pictures_do_not_ask_by_words(classes: Path, library: Path, beir: Path) -> None:
    qrels = beir / "qrels" / "test.tsv"
    for mode in ("words", "hybrid"):
        result = evaluate_retrieval(library, beir / "queries.jsonl", qrels, mode=mode)
        (skipped,) = result.skipped
        assert skipped.path == "by-picture (../classes/the_red/red0.png)"
        assert skipped.reason == f"a picture is asked by its vector, not in the mode '{mode}'"
        assert len(result.measurements["retrieval"].samples) == 3


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Iterator[Collection]:
    """Photos and sounds, beside which their evaluations lie."""
    path = tmp_path_factory.mktemp("kinds") / "kinds.sensorium"
    with Collection(path, "mini+ear") as library:
        for kind, names in (
            (
                "images",
                ("x_dog.jpg", "x_cat.jpg", "e_kitten.jpg", "c_windmill3.jpg", "c_fish1.jpg"),
            ),
            ("audio", ("a_bell.ogg", "a_complete.ogg", "x_africa.ogg", "x_japan.ogg")),
        ):
            library.add(*(sample / kind / name for name in names))
        yield library


def asked_as_parts(folder: Path, **parts: Any) -> tuple[Path, Path]:
    """Two questions of these parts, and judgements of them."""
    paths = folder / "queries.jsonl", folder / "qrels.tsv"
    paths[0].write_text("".join(json.dumps({"_id": n, **parts}) + "\n" for n in "ab"))
    paths[1].write_text("a\te_kitten.jpg\t1\nb\tx_japan.ogg\t1\n")
    return paths


@pytest.mark.parametrize(
    ("mode", "row", "options"),
    [
        ("vector", {"text": ["animal", "0.5:outside"], "without": "dog"},
         {"text": [("animal", 1), ("outside", 0.5)], "without": ["dog"]}),
        ("hybrid", {"text": "animal", "like": "x_cat.jpg", "without": ["2:dog"]},
         {"text": [("animal", 1)], "like": ["images/x_cat.jpg"], "without": [Part("dog", 2)]}),
        ("words", {"text": ["kitten", "japan"], "without": "dog"},
         {"text": [("kitten", 1), ("japan", 1)], "without": ["dog"]}),
        ("vector", {"like": "a_bell.ogg"}, {"like": ["audio/a_bell.ogg"]}),
        ("vector", {"like": ["x_cat.jpg", "0.5:a_bell.ogg"], "unlike": "x_africa.ogg"},
         {"like": ["images/x_cat.jpg", Part("audio/a_bell.ogg", 0.5)],
          "unlike": ["audio/x_africa.ogg"]}),
        ("vector", {"text": "a drum", "like": "film.mp4"}, {"text": [("a drum", 1)],
         "like": ["film.mp4"]}),
    ],
)  # fmt: skip
def test_questions_of_several_parts(
    kinds: Collection,
    sample: Path,
    tmp_path: Path,
    mode: str,
    row: dict[str, Any],
    options: dict[str, Any],
) -> None:
    """Pictures, sounds and films among them: ranks are those of the search, and run again."""
    (tmp_path / "film.mp4").write_bytes(film())
    for file in ("images/x_cat.jpg", "audio/a_bell.ogg", "audio/x_africa.ogg"):
        (tmp_path / Path(file).name).symlink_to(sample / file)
    result = evaluate_retrieval(kinds, *asked_as_parts(tmp_path, **row), mode=mode)
    assert not result.skipped

    def there(given: str | Part) -> Part:
        part = given if isinstance(given, Part) else Part(given)
        file = tmp_path / part.what if part.what == "film.mp4" else sample / part.what
        return Part(file, part.weight)

    question = Question(
        *(Part(Text(words), weight) for words, weight in options.get("text", ())),
        like=[there(file) for file in options.get("like", ())],
        unlike=[there(file) for file in options.get("unlike", ())],
        without=options.get("without", ()),
    )
    # What is sought with is no answer to itself.
    own = {Path(str(there(file).what)).name for file in options.get("like", ())}
    stored = {Path(item.path).name for item in kinds.items()}
    hits = [hit for hit in kinds.search(question, 9, mode=mode) if Path(hit.path).name not in own]
    for name, right in (("a", "e_kitten.jpg"), ("b", "x_japan.ogg")):
        places = [n for n, hit in enumerate(hits, 1) if Path(hit.path).name == right]
        assert ranks(result)[name] == (places[0] if places else len(stored) - len(own & stored))
    if "unlike" in row:
        assert rerun_result(result) == result


def test_what_cannot_be_asked_is_named(kinds: Collection, sample: Path, tmp_path: Path) -> None:
    rows = [
        {"_id": "a", "text": "animal", "like": "gone.wav"},
        {"_id": "b", "text": "animal", "without": "9999:dog"},
        {"_id": "c", "text": "animal", "like": "broken.wav"},
        {"_id": "d", "text": "animal"},
        {"_id": "e", "text": "a cat", "like": str(sample / "images/x_cat.jpg")},
    ]
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    queries, qrels = asked_as_parts(tmp_path)
    queries.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    qrels.write_text("".join(f"{row['_id']}\te_kitten.jpg\t1\n" for row in rows))
    result = evaluate_retrieval(kinds, queries, qrels)
    reasons = {item.path: item.reason for item in result.skipped}
    assert "no such file, and no item" in reasons["a (animal + gone.wav)"]
    assert "the weight of a part" in reasons["b (animal - 9999 x dog)"]
    assert reasons["c (animal + broken.wav)"]
    assert {*ranks(result)} == {"d", "e"}
    assert [s["text"] for s in result.measurements["retrieval"].samples] == [
        "animal", f"a cat + {sample / 'images/x_cat.jpg'}",
    ]  # fmt: skip
    rows.append({"_id": "f", "text": "e_kitten.jpg"})
    queries.write_text("".join(f"{json.dumps(row)}\n" for row in rows[3:]))
    qrels.write_text("".join(f"{row['_id']}\te_kitten.jpg\t1\n" for row in rows[3:]))
    result = evaluate_retrieval(kinds, queries, qrels, mode="words")
    (skipped,) = result.skipped
    assert skipped.reason == "an example is asked by its vectors, not in the mode 'words'"
    assert ranks(result)["f"] == 1


def test_results_of_the_first_format_run_again(
    mixed: Path, asked: tuple[Path, Path], tmp_path: Path
) -> None:
    """They ranked cosines as they are, to the last item; what differs now is said."""
    result = evaluate_retrieval(mixed, *asked)
    (tmp_path / "out").mkdir()
    write_result(result, tmp_path / "out")
    content: dict[str, Any] = json.loads((tmp_path / "out" / RESULT_FILE).read_text("utf-8"))
    assert content["format"] == 2 and content["search"]["mode"] == "vector"
    content["format"] = 1
    del content["checksum"]
    del content["search"], content["arguments"]["mode"], content["arguments"]["depth"]
    for sample in content["measurements"]["retrieval"]["samples"]:
        sample["rank"] += 1
    (tmp_path / "out" / RESULT_FILE).write_text(json.dumps(content))
    old = read_result(tmp_path / "out")
    found = differences(old, rerun_result(old))
    assert found.numbers == ["retrieval: 5 of 5 samples differ: cats, dogs, squares and 2 more"]
    assert found.causes == [
        "search: cosines were ranked as they are, now the collection's search ranks"
    ]
    edited = dataclasses.replace(result, arguments={**result.arguments, "depth": "far"})
    with pytest.raises(UsageError, match="the result was edited: its depth is 'far'"):
        rerun_result(edited)


def test_an_index_that_changes_meanwhile_is_no_index(mixed: Path, asked: tuple[Path, Path]) -> None:
    with Collection(mixed) as library:
        library.hash(bits=16)

        def build(done: int, _: int) -> None:
            if done == 3:
                library.hash(bits=32)

        with pytest.raises(UsageError, match=r"its index was built anew while .* run it again"):
            evaluate_retrieval(mixed, *asked, mode="hash", progress=build)


def test_what_others_write_meanwhile_changes_nothing(mixed: Path, asked: tuple[Path, Path]) -> None:
    before = evaluate_retrieval(mixed, *asked, mode="hybrid")
    with Collection(mixed) as library:

        def write(done: int, _: int) -> None:
            if done == 2:
                library.delete("/lib/p7", "/lib/t5")

        assert evaluate_retrieval(mixed, *asked, mode="hybrid", progress=write) == before
        assert library.get("/lib/p7") is None
    after = evaluate_retrieval(mixed, *asked, mode="hybrid")
    assert after.data["counts"]["items"] == before.data["counts"]["items"] - 2
