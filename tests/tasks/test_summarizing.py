"""Summaries: sentences of the text that stand for most of it; what models write, in windows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium import load_encoder
from sensorium.errors import UsageError
from sensorium.tasks.summaries.extractive import ExtractiveSummaries, chosen_of
from sensorium.tasks.summaries.written import WINDOW, combined
from sensorium.tasks.summarizing import load_summarizer
from tests.tasks.servers import Scripted

CATS = "Cats purr to tell other cats about their moods. A cat that purrs is mostly content. "
BRIDGE = "The old bridge over the river was built by engineers from Dresden. The bridge is long. "
BREAD = "Bread is made of flour and water that rest for an hour. Bakers bake bread at night. "


def test_each_subject_has_a_sentence() -> None:
    (found,) = load_summarizer().summarize(CATS + BRIDGE + BREAD, sentences=3)
    assert len(found.sentences) == 3 and found.text == " ".join(s.text for s in found.sentences)
    assert [one.number for one in found.sentences] == sorted(s.number for s in found.sentences)
    for words in ("Cats|cat", "bridge", "Bread|bread"):
        assert any(word in found.text for word in words.split("|")), found.text
    assert sum(one.gain for one in found.sentences) == pytest.approx(1)
    assert found.coverage is not None and 0 < found.coverage <= 1
    assert found.origin is not None and found.origin.model == "mini"


def test_nothing_is_said_twice() -> None:
    text = CATS + CATS + CATS + BRIDGE
    (found,) = load_summarizer().summarize(text, sentences=2)
    assert "bridge" in found.text and len({one.text for one in found.sentences}) == 2


def test_how_long_it_is() -> None:
    summarizer = load_summarizer()
    text = CATS + BRIDGE + BREAD
    assert len(summarizer.summarize(text)[0].sentences) == 3
    assert len(summarizer.summarize(text, share=0.5)[0].sentences) == 3
    assert len(summarizer.summarize(text, sentences=99)[0].sentences) == 6
    assert summarizer.summarize("One.", sentences=5)[0].text == "One."
    for wrong in ({"sentences": 0}, {"share": 0.0}, {"share": 2.0}, {"sentences": 1, "share": 0.1}):
        with pytest.raises(UsageError):
            summarizer.summarize(text, **wrong)


def test_other_scripts() -> None:
    text = "猫在睡觉时会呼噜。猫会用呼噜声表达心情。大桥是一九三二年建成的。面包师在夜里烤面包。"
    (found,) = load_summarizer().summarize(text, sentences=2)
    assert len(found.sentences) == 2 and all(s.text.endswith("。") for s in found.sentences)


def test_files_and_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        f"# Cats\n\n{CATS}\n\n| a | 1 |\n|---|---|\n| b | 2 |\n", "utf-8"
    )
    (tmp_path / "b.pdf").write_bytes(b"%PDF-1.4 nothing")
    good, bad = load_summarizer().summarize([tmp_path / "a.md", tmp_path / "b.pdf"], sentences=1)
    assert good.source == str(tmp_path / "a.md") and good.text in CATS
    assert bad.text == "" and bad.error and bad.origin is None


def test_long_texts_are_read_in_windows(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensorium.tasks.summaries.extractive.WINDOW", 20)
    model = ExtractiveSummaries(load_encoder(tiny))
    held = [f"Sentence number {n} tells of thing {n % 7} and more." for n in range(100)]
    chosen, windows = model.choose(held, 4)
    assert windows >= 5 and len({*chosen.rows}) == 4 and max(chosen.rows) < 100
    assert model.choose(held[:15], 4)[1] == 1


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=40)
def test_choosing(count: int, size: int, seed: int) -> None:
    """Gains fall (the function is submodular), and one more sentence covers no less."""
    rng = np.random.default_rng(seed)
    vectors = np.abs(rng.normal(size=(size, 4)))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    alike, parts = vectors @ vectors.T, rng.integers(0, 3, size)
    found = chosen_of(alike, parts, count)
    assert len({*found.rows}) == len(found.rows) == min(count, size)
    assert all(a >= b - 1e-9 for a, b in zip(found.gains, found.gains[1:], strict=False))
    assert chosen_of(alike, parts, count + 1).rows[: len(found.rows)] == found.rows
    assert chosen_of(alike, parts, count + 1).coverage >= found.coverage - 1e-9


def test_windows_become_one_summary() -> None:
    read: list[str] = []

    def write(piece: str) -> str:
        read.append(piece)
        return piece.split(".")[0] + "."

    text = " ".join(f"Sentence {n} is here. It is not alone." for n in range(40))
    summary, windows = combined(text, len, 200, write)
    assert windows > 5 and summary == "Sentence 0 is here."
    assert all(len(piece) <= 200 for piece in read)
    assert "".join(read[:windows]).replace(" ", "") == text.replace(" ", "")
    assert combined("Short.", len, 200, write) == ("Short.", 1)
    # One that shortens nothing does not go on for ever.
    assert combined(text, len, 200, lambda piece: piece)[1] == windows


@pytest.mark.parametrize("kind", ["bart", "pegasus", "t5"])
def test_models_of_a_hub(tmp_path: Path, kind: str) -> None:
    pytest.importorskip("transformers")
    from tests.tasks import tiny_language

    folder = getattr(tiny_language, kind)(tmp_path / kind)
    (found,) = load_summarizer(folder).summarize((CATS + BRIDGE + BREAD) * 2)
    assert found.windows > 1 and found.origin is not None and found.origin.kind == "folder"
    with pytest.raises(UsageError, match="no model of Transformers"):
        load_summarizer(tmp_path)


def test_a_server(script: Scripted) -> None:
    script.writes("A short summary.")
    text = " ".join(f"Sentence number {n} is here." for n in range(400))
    (found,) = load_summarizer(f"{script.url}#m").summarize(text, sentences=2)
    assert found.text == "A short summary." and found.windows == len(script.asked) - 1 > 1
    told = [asked.json["messages"][1]["content"] for asked in script.asked]
    assert all(len(one) < WINDOW + 100 and "in 2 sentences" in one for one in told)


@pytest.mark.slow
def test_a_real_server(llama: str) -> None:
    (found,) = load_summarizer(llama).summarize(CATS + BRIDGE, sentences=1)
    assert found.text and found.origin is not None and found.origin.model == llama
