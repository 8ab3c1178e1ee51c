"""Subtitles: valid, in order, and the same after they were read."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.errors import UsageError
from sensorium.tasks.hearing.transcripts import (
    CUE_CHARACTERS,
    Cue,
    Said,
    Transcript,
    Word,
    cues,
    joined,
    srt,
    vtt,
)
from sensorium.tasks.origin import Origin

ORIGIN = Origin("whisper-base", "1")
TIMING = re.compile(r"(?:(\d+):)?(\d\d):(\d\d)[.,](\d{3}) --> (?:(\d+):)?(\d\d):(\d\d)[.,](\d{3})")


def read(subtitles: str) -> list[Cue]:
    """Cues of SRT or VTT, as a player reads them."""
    found = []
    for block in re.split(r"\n\s*\n", subtitles.strip()):
        lines = block.split("\n")
        if (
            place := next((n for n, line in enumerate(lines) if TIMING.fullmatch(line)), None)
        ) is None:
            continue
        values = [int(v or 0) for v in TIMING.fullmatch(lines[place]).groups()]  # type: ignore[union-attr]
        start, stop = (
            h * 3600 + m * 60 + s + ms / 1000 for h, m, s, ms in (values[:4], values[4:])
        )
        text = " ".join(lines[place + 1 :])
        for sign, code in (("<", "&lt;"), (">", "&gt;"), ("&", "&amp;")):
            text = text.replace(code, sign) if subtitles.startswith("WEBVTT") else text
        found.append(Cue(start, stop, text))
    return found


words = st.lists(st.text("abcé<>&", min_size=1, max_size=12), min_size=1, max_size=60)


def said(texts: list[str], start: float, length: float = 0.4) -> Said:
    parts = [
        Word(text, round(start + n * length, 3), round(start + (n + 1) * length, 3), 0.9)
        for n, text in enumerate(texts)
    ]
    return Said(joined(parts), parts[0].start, parts[-1].stop, 0.9, "en", tuple(parts))


@given(st.lists(words, max_size=5))
def test_subtitles_are_the_same_after_they_were_read(passages: list[list[str]]) -> None:
    segments, start = [], 0.5
    for passage in passages:
        segments.append(said(passage, start))
        start = segments[-1].stop + 0.3
    made = list(cues(segments))
    for written in (srt(segments), vtt(segments)):
        again = read(written)
        assert [cue.text for cue in again] == [cue.text for cue in made]
        for one, other in zip(again, made, strict=True):
            assert one.start == pytest.approx(other.start, abs=0.001)
            assert one.stop == pytest.approx(other.stop, abs=0.001)
    assert " ".join(cue.text for cue in made) == " ".join(one.text for one in segments)
    assert all(len(cue.text) <= CUE_CHARACTERS and cue.start < cue.stop for cue in made)
    assert all(a.stop <= b.start for a, b in itertools.pairwise(made))


def test_ffmpeg_reads_them(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    segments = [said(["A", "cat", "&", "a", "dog."], 1.0), said(["Ein", "Über-Ich."], 3600.5)]
    for suffix, form in ((".srt", "srt"), (".vtt", "webvtt")):
        path = tmp_path / f"a{suffix}"
        path.write_text(
            Transcript("a", "en", 4000, tuple(segments), ORIGIN).written(suffix), "utf-8"
        )
        with av.open(str(path), format=form) as file:
            stream = file.streams[0]
            assert stream.type == "subtitle"
            times = [float(p.pts * p.time_base) for p in file.demux(stream) if p.pts is not None]
        assert times == pytest.approx([1.0, 3600.5], abs=0.002)


def test_overlaps_are_cut_and_lines_are_two() -> None:
    long = said(
        ["The", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog", "and", "runs."],
        0,
        0.1,
    )
    found = list(cues([long, said(["Then", "it", "sleeps."], 0.3)]))
    assert found[0].stop <= found[1].start
    assert srt([long]).split("\n")[2:4] == [
        "The quick brown fox jumps",
        "over the lazy dog and runs.",
    ]


def test_json_text_and_other_forms() -> None:
    transcript = Transcript("a.wav", "en", 2.0, (said(["A", "cat."], 0),), ORIGIN)
    facts = json.loads(transcript.written(".json"))
    assert facts["segments"][0]["words"][1] == {
        "text": "cat.", "start": 0.4, "stop": 0.8, "confidence": 0.9,
    }  # fmt: skip
    assert facts["origin"]["model"] == "whisper-base"
    assert transcript.written(".txt") == "A cat.\n"
    assert Transcript("a", "", 1, (), ORIGIN).written(".vtt") == "WEBVTT\n"
    with pytest.raises(UsageError, match=r"\.srt, \.vtt, \.json, \.txt, not '\.doc'"):
        transcript.written(".doc")


def test_chinese_words_stand_without_spaces() -> None:
    assert (
        joined([Word(t, 0, 1) for t in ("你", "好", "，", "PyTorch", "很", "好")])
        == "你好， PyTorch 很好"
    )
