import json
from argparse import Namespace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from benchmarks import quality
from benchmarks.card import END, START, markdown, write_table
from benchmarks.cases import (
    LEAST_PICTURES,
    Retrieval,
    ZeroShot,
    captioned,
    language_cases,
    retrieval_cases,
    sorted_by,
    words,
    zero_shot_cases,
)
from benchmarks.comparison import (
    Difference,
    Outcome,
    compare_outcomes,
    compare_systems,
    differences,
    pooled,
    scores,
)
from benchmarks.datasets import SETS, _complete
from benchmarks.quality import FLOOR_FIGURES, Embedder, measure, measure_zero_shot, parts_of, unit
from benchmarks.rows import Row, write_json
from benchmarks.sample import sample_rows
from sensorium import load_encoder
from sensorium.home import sensorium_home
from tests.tiny_encoder import WORDS, make_tiny_encoder

EVERYTHING = slice(None)
USERS_HOME = sensorium_home()  # read before the tests get a home of their own


class Fixed:
    """Stands for an `Embedder` whose vectors are given."""

    asks_alike = True

    def __init__(self, vectors):
        self.vectors = {item: np.array(vector, np.float32) for item, vector in vectors.items()}

    def __call__(self, items, *, asking=False):
        return np.stack([self.vectors[item] for item in items])


def pets(**wrong):
    pictures = [
        {"image": "/cat1.jpg", "caption_en": "cat", "caption_zh": "猫"},
        {"image": "/cat2.jpg", "caption_en": "cat", "caption_zh": ""},
        {"image": "/dog.jpg", "caption_en": "dog", "caption_zh": "狗"},
    ]
    return captioned("pets", pictures, **wrong)


def test_captions_ask_once_and_every_picture_of_theirs_is_right():
    case = pets()
    assert [caption for caption, _key in case.queries] == ["cat", "dog"]
    assert len(case.items) == 3
    assert str(case) == "pets (2 captions × 3 pictures)"
    assert len(pets(column="caption_zh").items) == 2  # a picture without caption takes no part


def means(case, vectors, part=EVERYTHING):
    return {name: outcome.mean for name, outcome in measure(case, Fixed(vectors), part).items()}


def test_measure_both_directions():
    case = pets()
    paths = [item for item, _key in case.items]
    right = {
        "cat": [1, 0],
        "dog": [0, 1],
        **dict(zip(paths, [[1, 0], [9, 1], [0, 1]], strict=True)),
    }
    assert set(means(case, right).values()) == {1.0}
    # the second cat looks like a dog: texts still find a cat first, one picture of three is wrong
    mixed = right | {paths[1]: [0, 1]}
    metrics = means(case, mixed)
    assert metrics["text to image R@1"] == 0.5  # the dog is tied with the wrong cat
    assert metrics["text to image R@5"] == 1.0
    assert metrics["text to image MRR"] == 0.75
    assert metrics["image to text R@1"] == pytest.approx(2 / 3)


def test_outcomes_keep_every_query_and_what_it_is_about():
    vectors = {item: [1, 0] for item, _key in [*pets().queries, *pets().items]}
    vectors["dog"] = [0, 1]
    outcomes = measure(pets(), Fixed(vectors), EVERYTHING)
    assert outcomes["text to image R@1"].values.tolist() == [0, 0]  # ties count against the system
    assert outcomes["text to image MRR"].values.tolist() == [1 / 2, 1 / 3]
    assert outcomes["text to image R@1"].units == ["cat", "dog"]
    assert outcomes["image to text R@1"].units == ["cat", "cat", "dog"]


def test_a_system_that_encodes_everything_alike_finds_nothing():
    texts, paths = [f"word {n}" for n in range(20)], [Path(f"/{n}.png") for n in range(20)]
    case = Retrieval("alike", list(zip(texts, texts, strict=True)),
                     list(zip(paths, texts, strict=True)))  # fmt: skip
    same = {key: [0.6, 0.8] for key in [*texts, *paths]}
    assert means(case, same)["text to image R@10"] == 0
    choice = ZeroShot("things", ["a", "b"], paths, [0, 1] * 10, texts)
    labels = np.array([[0.6, 0.8], [0.6, 0.8]], np.float32)
    assert measure_zero_shot(choice, labels, Fixed(same), EVERYTHING)["top-1 accuracy"].mean == 0


def test_what_asks_is_encoded_as_such(tiny, prompted):
    encoder = load_encoder(prompted)
    embed = Embedder(encoder)
    embed.learn(["cat", "dog"], "encoding")
    assert np.allclose(embed(["dog", "cat"]), encoder.encode(["dog", "cat"]), atol=1e-6)
    asked = encoder.encode_queries(["dog", "cat"])
    assert np.allclose(embed(["dog", "cat"], asking=True), asked, atol=1e-6)
    assert not embed.asks_alike and Embedder(load_encoder(tiny)).asks_alike


def test_image_to_image_has_one_direction():
    case = Retrieval("styles", [("a", "1")], [("b", "1")], kind="image to image")
    metrics = means(case, {"a": [1, 0], "b": [1, 0]})
    assert list(metrics) == [f"image to image {name}" for name in ("R@1", "R@5", "R@10", "MRR")]


def test_zero_shot_takes_the_nearest_label():
    case = ZeroShot("pets", ["cat", "dog"], ["a", "b", "c"], [0, 1, 1], ["cat", "dog", "wolf"])
    vectors = Fixed({"a": [1, 0], "b": [0, 1], "c": [0.8, 0.6]})
    outcome = measure_zero_shot(case, np.eye(2, dtype=np.float32), vectors, EVERYTHING)
    assert outcome["top-1 accuracy"].values.tolist() == [1, 1, 0]
    assert outcome["top-1 accuracy"].units == ["cat", "dog", "wolf"]
    assert str(case) == "zero-shot, 2 pets (3 pictures)"


def test_a_part_is_cut_out_and_brought_back_to_unit_length():
    vectors = np.array([[0.6, 0, 0.8, 0], [0, 0, 0, 1]], np.float32)
    assert unit(vectors, slice(0, 2)).tolist() == [[1, 0], [0, 0]]
    assert np.allclose(unit(vectors, EVERYTHING), vectors)


def test_conse_is_a_system_where_the_encoder_names_it():
    class Encoder:
        def __init__(self, config):
            self.config = config

    named = dict(parts_of("mini", Encoder({"parts": {"conse": [0, 384]}})))
    assert named == {"mini": EVERYTHING, "mini, first part alone": slice(0, 384)}
    assert list(parts_of("other", Encoder({}))) == [("other", EVERYTHING)]
    assert list(parts_of("endpoint", object())) == [("endpoint", EVERYTHING)]


def test_rare_classes_are_left_out_and_the_most_frequent_kept():
    counts = {"birds": 5, "fish": 4, "signs_and_symbols": LEAST_PICTURES, "lizards": 2}
    pictures = [
        {"image": f"/{name}{n}.png", "category": name, "concept": f"{name} {n}"}
        for name, count in counts.items()
        for n in range(count)
    ]
    case = sorted_by("kinds", pictures)
    assert case.labels == ["birds", "fish", "signs and symbols"]
    assert len(case.pictures) == 5 + 4 + LEAST_PICTURES
    assert [case.labels[number] for number in case.classes][::5] == [
        "birds",
        "fish",
        words("signs_and_symbols"),
    ]
    assert sorted_by("kinds", pictures, most=2).labels == ["birds", "fish"]


@pytest.fixture
def fetched(monkeypatch):
    """The data sets where the user has them; tests neither fetch nor render any."""
    monkeypatch.setenv("SENSORIUM_HOME", str(USERS_HOME))
    if not all(_complete(name) for name in SETS if name != "found"):
        pytest.skip("not all sets are there: `python -m benchmarks fetch` brings them")


def test_every_retrieval_case_can_be_answered(fetched):
    cases = retrieval_cases()
    assert len({str(case) for case in cases}) == len(cases)
    assert {case.name for case in cases} > set(FLOOR_FIGURES)
    for case in [*cases, *language_cases()]:
        wanted, there = ({key for _item, key in side} for side in (case.queries, case.items))
        assert wanted and wanted == there, case
        assert case.units is None or len(case.units) == len(case.queries)
        if case.kind == "text to image":
            assert len(wanted) == len(case.queries), case


def test_languages_ask_for_the_same_concepts(fetched):
    cases = language_cases()
    assert len(cases) == 26
    assert len({tuple(case.units) for case in cases}) == 1  # so their mean is that over concepts


def test_every_zero_shot_case_has_classes_with_pictures(fetched):
    cases = zero_shot_cases()
    assert [len(case.labels) for case in cases] == [15, 5, 8, 10]
    assert len(cases[0].pictures) == 701
    for case in cases:
        assert len(case.pictures) == len(set(case.pictures)) == len(case.classes), case
        assert len(case.units) == len(case.pictures)
        counts = np.bincount(case.classes, minlength=len(case.labels))
        assert len(set(case.labels)) == len(counts) and counts.min() >= LEAST_PICTURES, case
        assert not any("_" in label or "unsorted" in label for label in case.labels)


def outcome(values, units=None):
    return Outcome(np.array(values, float), units or [str(n) for n in range(len(values))])


def test_a_comparison_by_hand():
    # ahead in four queries, behind in one, alike in five: of the 32 patterns of signs, 12 sum to
    # at least 3 or at most -3 (one way to get 5, five to get 3, and the same below)
    ours, theirs = [1] * 4 + [0] + [1] * 3 + [0] * 2, [0] * 4 + [1] + [1] * 3 + [0] * 2
    found = compare_outcomes("pets", "R@1", ("a", outcome(ours)), ("b", outcome(theirs)))
    assert found.value == pytest.approx(0.3)
    assert found.p == pytest.approx(12 / 32)
    assert found.low < 0.3 < found.high
    back = compare_outcomes("pets", "R@1", ("b", outcome(theirs)), ("a", outcome(ours)))
    assert (back.value, back.p) == (-found.value, found.p)


def test_queries_of_one_unit_are_swapped_together():
    # two concepts in four languages each: a is ahead in all of both, yet of 4 patterns 2 are as far
    units = ["cat", "dog"] * 4
    ahead = ("a", outcome([1] * 8, units)), ("b", outcome([0] * 8, units))
    assert compare_outcomes("emoji", "R@1", *ahead).p == 0.5
    free = ("a", outcome([1] * 8)), ("b", outcome([0] * 8))
    assert compare_outcomes("emoji", "R@1", *free).p == 2 / 2**8


def test_pooling_languages_is_the_mean_over_concepts():
    languages = [
        {"R@1": outcome([1, 0, 1], ["cat", "dog", "owl"])},
        {"R@1": outcome([1, 1, 0], ["cat", "dog", "owl"])},
    ]
    whole = pooled(languages)["R@1"]
    by_concept = [
        whole.values[[u == name for u in whole.units]].mean() for name in ["cat", "dog", "owl"]
    ]
    assert by_concept == [1, 0.5, 0.5]
    assert whole.mean == pytest.approx(np.mean(by_concept))


def test_different_queries_are_not_compared():
    with pytest.raises(ValueError, match="a and b were not asked the same queries"):
        compare_outcomes(
            "pets", "R@1", ("a", outcome([1, 0], ["x", "y"])), ("b", outcome([1, 0], ["y", "x"]))
        )


def of_system(first, second):
    """Two cases; R@5 and the other direction must not be compared."""
    metrics = ("text to image R@1", "text to image R@5", "image to text R@1")
    return {
        "pets": {metric: outcome(first) for metric in metrics},
        "kinds": {"top-1 accuracy": outcome(second)},
    }


def test_holm_corrects_over_all_tests_against_one_rival():
    outcomes = {
        "a": of_system([1] * 7, [1] * 5),
        "b": of_system([0] * 7, [0] * 5),
        "c": of_system([0] * 7, [1] * 5),
    }
    found = {(d.rival, d.case): d for d in compare_systems(outcomes, "a", ["b", "c"])}
    assert list(found) == list(product("bc", ["pets", "kinds"]))
    assert {d.metric for d in found.values()} == {"text to image R@1", "top-1 accuracy"}
    assert found["b", "pets"].p == 2 * (2 / 2**7) and found["b", "pets"].verdict == "better"
    assert found["b", "kinds"].p == 2 / 2**5 and found["b", "kinds"].verdict == ""
    assert found["c", "pets"].p == 2 * (2 / 2**7)
    assert found["c", "kinds"].p == 1 and found["c", "kinds"].value == 0
    worse = compare_systems(outcomes, "b", ["a"])[0]
    assert worse.verdict == "worse"


def test_differences_are_rows_and_come_back_from_them():
    gain = Difference("pets", "text to image R@1", "mini 2", "ConSE", 0.2, 0.1, 0.3, 0.01)
    metrics = [row.metric for row in gain.rows()]
    assert metrics == [
        "text to image R@1 difference to ConSE",
        "text to image R@1 difference to ConSE, low",
        "text to image R@1 difference to ConSE, high",
        "text to image R@1 difference to ConSE, p (Holm)",
    ]
    assert {row.system for row in gain.rows()} == {"mini 2"}
    assert differences([*ROWS, *gain.rows()]) == [gain]
    assert scores([*ROWS, *gain.rows()]) == ROWS


def test_the_better_value_bears_the_rivals_mark():
    rows = [
        Row("quality", "pets", system, f"text to image {metric}", value)
        for system, values in {
            "mini 2": (0.5, 0.8),
            "mini 1": (0.4, 0.9),
            "ConSE": (0.1, 0.8),
        }.items()
        for metric, value in zip(("R@1", "R@10"), values, strict=True)
    ]
    rows.append(Row("quality", "pets", "mini 2", "text to image MRR", 0.6))
    for metric, rival, value, p in [
        ("R@1", "mini 1", 0.1, 0.04), ("R@10", "mini 1", -0.1, 0.001),
        ("R@1", "ConSE", 0.4, 0.001), ("R@10", "ConSE", 0.0, 1.0),
    ]:  # fmt: skip
        rows += Difference(
            "pets", f"text to image {metric}", "mini 2", rival, value, 0, 0, p
        ).rows()
    table = markdown(rows).splitlines()
    assert table[0] == "| test | metric | mini 2 | mini 1 | ConSE |"
    cells = "0.500*† / 0.800 | 0.400 / 0.900* | 0.100 / 0.800"
    assert table[2] == f"| pets | text to image R@1/10 | {cells} |"
    assert table[3] == ""  # ends the table, with no line for MRR or the differences
    assert "* mini 1, † ConSE" in table[4]
    rows = [row for row in rows if "p (Holm)" not in row.metric]
    insignificant = Difference("pets", "text to image R@1", "mini 2", "ConSE", 0.4, 0, 0, 0.05)
    assert "*" not in markdown([*scores(rows), *insignificant.rows()]).splitlines()[2]


def tiny(folder, version=None, seed=0):
    make_tiny_encoder(folder, seed=seed)
    config = json.loads((folder / "encoder.json").read_text())
    if version:
        config["version"] = version
    (folder / "encoder.json").write_text(json.dumps(config))
    return folder, config["name"]


def test_versions_of_one_space_are_told_apart(tmp_path):
    old, name = tiny(tmp_path / "old", "1")
    new, _name = tiny(tmp_path / "new", "2")
    bare, _name = tiny(tmp_path / "bare")
    assert list(quality.named_encoders(["mini", new, str(old), bare])) == [
        "mini", f"{name} 2", f"{name} 1", name,
    ]  # fmt: skip
    with pytest.raises(SystemExit, match=f"two encoders are called '{name} 1'"):
        quality.named_encoders([old, old])


def test_card_is_of_mini_alone(tmp_path):
    other, _name = tiny(tmp_path / "other")
    with pytest.raises(SystemExit, match="name mini first"):
        quality.run(Namespace(encoders=[other, "mini"], card=True, quick=False))


def test_a_run_measures_compares_and_prints(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")  # so that no name is broken over two lines
    new, name = tiny(tmp_path / "new", "2")
    old, _name = tiny(tmp_path / "old", "1", seed=1)
    tiny(tmp_path / "home" / quality.BASELINE, "conse")
    pictures = [
        row | {"caption_en": word, "category": "odd" if n % 2 else "even", "concept": word}
        for n, (word, row) in enumerate(zip(WORDS, sample_rows(), strict=False))
    ]
    monkeypatch.setattr(
        quality, "retrieval_cases", lambda: [captioned("photos, English", pictures)]
    )
    monkeypatch.setattr(
        quality, "language_cases",
        lambda: [captioned("zh", pictures, "caption_zh", unit_column="concept")],
    )  # fmt: skip
    monkeypatch.setattr(quality, "zero_shot_cases", lambda: [sorted_by("kinds", pictures)])
    rows = quality.run(Namespace(encoders=[new, old], card=False, quick=False))
    assert {row.system for row in rows} == {
        f"{name} 2", f"{name} 1", f"{name} conse", quality.FLOOR,
    }  # fmt: skip
    values = {(row.case, row.system, row.metric): row.value for row in rows}
    found = differences(rows)
    assert len(found) == 2 * 5  # two rivals; R@1 and R@10 of two cases, and an accuracy
    for d in found:
        ours, theirs = (values[d.case, system, d.metric] for system in (d.system, d.rival))
        assert d.system == f"{name} 2"
        assert d.value == pytest.approx(ours - theirs)
        if d.rival == f"{name} conse":  # the same weights under another name
            assert (d.value, d.p) == (0, 1)
    assert any(d.value for d in found)
    quality.show(rows)
    printed = capsys.readouterr().out
    assert printed.index("design floor") < printed.index(f"{name} 2 less {name} 1")
    assert "not told apart in 5 of 5" in printed


ROWS = [
    Row("quality", "pets", "mini", "text to image R@1", 0.5),
    Row("quality", "pets", "mini", "text to image R@10", 1.0),
    Row("quality", "pets", "floor", "text to image R@10", 0.25),
    Row("quality", "kinds", "mini", "top-1 accuracy", 0.75),
]


def test_card_table_keeps_what_stands_around_it(tmp_path):
    card = tmp_path / "README.md"
    card.write_text(f"before\n{START}\nold\n{END}\nafter\n")
    write_table(ROWS, card)
    once = card.read_text()
    assert once == f"before\n{START}\n{markdown(ROWS)}\n{END}\nafter\n"
    assert "| pets | text to image R@1/10 | 0.500 / 1.000 | – / 0.250 |" in once
    assert "| kinds | top-1 accuracy | 0.750 |  |" in once
    write_table(ROWS, card)
    assert card.read_text() == once


def test_card_without_marks_is_an_error(tmp_path):
    card = tmp_path / "README.md"
    card.write_text("no table here")
    with pytest.raises(ValueError, match="needs one block"):
        write_table(ROWS, card)


def test_json_rows_have_the_agreed_keys(tmp_path):
    write_json(ROWS, tmp_path / "rows.json")
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert list(rows[0]) == ["benchmark", "case", "system", "metric", "value", "unit"]
    assert len(rows) == len(ROWS)


def test_every_photo_of_the_sample_is_there_and_captioned_twice():
    rows = sample_rows()
    assert len(rows) == 190
    assert all(Path(row["image"]).is_file() for row in rows)
    assert all(row["caption_en"] and row["caption_zh"] for row in rows)
