"""What is told of a training or an evaluation: cells, tables, facts, and the one printer."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass

import pytest
import typer

from sensorium.cli import EXIT_PARTLY, output
from sensorium.cli.terminal import Console
from sensorium.evaluation.comparison import Comparison, compare, corrected, holm
from sensorium.evaluation.intervals import Interval
from sensorium.evaluation.report import (
    Report,
    Table,
    ends,
    figure,
    gain,
    named,
    spread,
)
from sensorium.media.skipped import Skipped

TABLE = Table(
    ["system", "score", "kind"], [["ours", "0.9", "new"], ["theirs", "0.8"], ["third", "0.7"]],
    title="on 5 rows", left=["kind"], bold=[0], most=2,
)  # fmt: skip


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a person at a terminal is shown."""
    shown = io.StringIO()
    terminal = Console(file=shown, force_terminal=True, width=80)
    monkeypatch.setattr(output, "console", terminal)
    return shown


def test_figures() -> None:
    assert [figure(0.12345), figure(-99.9), figure(123.45)] == ["0.123", "-99.900", "123.5"]
    assert [figure(2, "+"), figure(123.45, digits=2), figure(float("nan"))] == [
        "+2.000", "123.45", "-"
    ]  # fmt: skip
    assert ends(0.1, 0.25) == "0.100 to 0.250" and ends(None, None) == ""
    assert spread(Interval(3.0, 2.0, 4.0), 1) == ["3.0", "2.0 to 4.0"]
    assert gain(Comparison(0.1, -0.05, 0.25, 0.0399)) == ["+0.100 (-0.050 to +0.250)", "0.0399"]


def test_p_values_are_corrected_together() -> None:
    ours = [1.0, 1.0, 1.0, 0.0, 1.0, 1.0]
    found = [compare(ours, other) for other in ([0.0] * 6, [1.0, 0, 0, 0, 0, 1], ours)]
    adjusted = corrected(found)
    assert [one.p for one in adjusted] == holm([one.p for one in found]).tolist()
    assert adjusted[0].p > found[0].p
    assert [(one.difference, one.low) for one in adjusted] == [
        (one.difference, one.low) for one in found
    ]
    assert corrected([]) == []


def test_a_pipe_gets_all_rows(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(TABLE)
    assert capsys.readouterr().out.splitlines() == [
        "on 5 rows", "system\tscore\tkind", "ours\t0.9\tnew", "theirs\t0.8", "third\t0.7"
    ]  # fmt: skip


def test_a_terminal_gets_what_fits(screen: io.StringIO) -> None:
    output.print_table(TABLE)
    text = screen.getvalue()
    assert "on 5 rows" in text and "theirs" in text and "third" not in text
    bold = [line for line in text.splitlines() if "\x1b[1m" in line]
    assert len(bold) == 1 and "ours" in bold[0]


def test_sections_have_titles_on_a_terminal(
    screen: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [["a", "chrf", "1"], ["a", "bleu", "2"], ["b", "chrf", "3"]]
    table = Table(["set", "score", "value"], rows, sections={"a": "The first", "b": "The [2]nd"})
    output.print_table(table)
    text = screen.getvalue()
    assert text.count("The first") == text.count("The [2]nd") == 1 and "set" not in text
    assert text.index("The first") < text.index("bleu") < text.index("The [2]nd")
    output.console = Console()
    output.print_table(table)
    assert capsys.readouterr().out.splitlines()[1] == "a\tchrf\t1"


@dataclass(frozen=True)
class Measured:
    """Stands for what a training returns."""

    score: Interval


def test_people_and_programs_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    skipped = [Skipped("a.png", "broken")]
    score = Measured(Interval(1.0, 0.5, 1.5))
    facts = [*named(skipped), score, {"best": score.score}]
    report = Report(["one [bold]line\x1b[2J", TABLE], facts, skipped)
    with pytest.raises(typer.Exit) as end:
        output.print_report(report, as_json=False)
    assert end.value.exit_code == EXIT_PARTLY
    told = capsys.readouterr()
    assert told.out.splitlines()[:2] == [r"one [bold]line\x1b[2J", "on 5 rows"]
    assert "skipped a.png: broken" in told.err
    with pytest.raises(typer.Exit):
        output.print_report(report, as_json=True)
    told = capsys.readouterr()
    interval = {"estimate": 1.0, "low": 0.5, "high": 1.5}
    assert [json.loads(line) for line in told.out.splitlines()] == [
        {"skipped": "a.png", "reason": "broken"}, {"score": interval}, {"best": interval}
    ]  # fmt: skip
    assert told.err == ""
    output.print_report(Report(["nothing was skipped"], ()), as_json=False)
    assert capsys.readouterr().out == "nothing was skipped\n"
