"""Questions for words in many scripts: what is found, what comes first, and how long it takes.

    python -m benchmarks words [--quick] [--chosen] [--questions]

`words_questions.txt` holds names of files and captions in 16 groups of scripts, and questions with
what a person would call found. All are in one index; of what a question finds, the items of its own
group are looked at. Rivals, on the same SQLite with the same BM25: the rule that Sensorium had
before, and FTS5 with its own tokenizers `unicode61` and `trigram`, asked for the words of a
question as alternatives.

Recall is the share of what is right among the first ten, over questions that have an answer.
First is the share of questions whose first hit is right, or that rightly find nothing. Intervals
are Wilson's, of 95%; recall is taken as if each question were found or not, which makes them wider.

Time is that of 100,000 captions in the same vocabulary, written in portions and asked, in turns.
"""

from __future__ import annotations

import argparse
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import words_before
from benchmarks.measuring import in_turns
from benchmarks.rows import Row, readable
from sensorium.collection import sqlite
from sensorium.collection.words import full_text, query
from sensorium.evaluation.intervals import bootstrap_interval

QUESTIONS = Path(__file__).with_name("words_questions.txt")

TOP = 10
CAPTIONS, PORTION, ASKED = 100_000, 5_000, 100

ALL = "all"


@dataclass
class Script:
    """Items and questions of one group of scripts.

    Attributes
    ----------
    items : list of (name, caption)
    questions, chosen : list of (question, numbers of the items that are right, from 0)
        To measure, and to choose rules by.
    """

    items: list[tuple[str, str]] = field(default_factory=list)
    questions: list[tuple[str, set[int]]] = field(default_factory=list)
    chosen: list[tuple[str, set[int]]] = field(default_factory=list)


def read_questions(text: str) -> dict[str, Script]:
    """Read `words_questions.txt`; its head says how it is written."""
    scripts: dict[str, Script] = {}
    script = Script()
    for line in text.splitlines():
        if line.startswith("## "):
            script = scripts[line[3:]] = Script()
        elif line.startswith("?"):
            marks, _, rest = line.partition(" ")
            question, _, numbers = rest.rpartition(" =")
            right = {int(number) - 1 for number in numbers.split()}
            assert all(0 <= number < len(script.items) for number in right), line
            (script.questions if marks == "?" else script.chosen).append((question, right))
        elif line and not line.startswith("#"):
            name, bar, caption = line.partition(" |")
            script.items.append((name, caption.strip()) if bar else ("", line))
    return scripts


@dataclass(frozen=True)
class System:
    """A way to cut words.

    Attributes
    ----------
    tokenizer : str
        Of FTS5.
    write : callable
        A name and a caption as FTS5 gets them.
    ask : callable
        A question as an expression of FTS5, None if it has no word.
    """

    tokenizer: str
    write: Callable[[str, str], tuple[str, str]]
    ask: Callable[[str], str | None]


def _plainly(question: str) -> str | None:
    said = re.findall(r'"([^"]+)"|([^\s"]+)', question)
    parts = [(quoted or word).replace('"', "") for quoted, word in said]
    return " OR ".join(f'"{part}"' for part in parts if re.search(r"\w", part)) or None


def _as_it_is(name: str, caption: str) -> tuple[str, str]:
    return Path(name).stem, caption


SYSTEMS = {
    "Sensorium": System(
        full_text.TOKENIZER,
        lambda name, caption: full_text.describe(name, {"caption": caption}),
        query.match_expression,
    ),
    "Sensorium before": System(
        words_before.TOKENIZER,
        lambda name, caption: words_before.describe(name, {"caption": caption}),
        words_before.match_expression,
    ),
    "FTS5 unicode61": System("unicode61", _as_it_is, _plainly),
    "FTS5 trigram": System("trigram", _as_it_is, _plainly),
}


class Index:
    """Words in memory, cut and asked in one way."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.db = sqlite.Connection(":memory:")
        self.db.execute(
            f"CREATE VIRTUAL TABLE words USING fts5 (name, text, tokenize = '{system.tokenizer}')"
        )

    def add(self, items: list[tuple[str, str]]) -> None:
        """Write items, in one transaction."""
        self.db.execute("BEGIN")
        rows = [self.system.write(*item) for item in items]
        self.db.executemany("INSERT INTO words VALUES (?, ?)", rows)
        self.db.execute("COMMIT")

    def ask(self, question: str, among: range) -> list[int]:
        """The first `TOP` items of some, by their numbers from 0."""
        expression = self.system.ask(question)
        if expression is None:
            return []
        sql = (
            "SELECT rowid - 1 FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ? "
            "ORDER BY bm25(words), rowid LIMIT ?"
        )
        values = (expression, among.start + 1, among.stop, TOP)
        return [row[0] for row in self.db.execute(sql, values)]


def interval(share: float, count: int) -> tuple[float, float]:
    """Wilson's interval of 95% (1927) for a share of so many questions."""
    z = 1.96
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * np.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    return float(middle - half), float(middle + half)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--chosen", action="store_true", help="the questions to choose rules by")
    parser.add_argument("--questions", action="store_true", help="name those that were missed")


def run(arguments: argparse.Namespace) -> list[Row]:
    """Ask every system everything; without ``--quick``, time 100,000 captions as well."""
    scripts = read_questions(QUESTIONS.read_text("utf-8"))
    indexes = {name: Index(system) for name, system in SYSTEMS.items()}
    for index in indexes.values():
        index.add([item for script in scripts.values() for item in script.items])
    rows = []
    recalls: dict[str, list[float]] = {}
    firsts: dict[str, list[float]] = {}
    for system, index in indexes.items():
        start = 0
        for case, script in scripts.items():
            found: list[float] = []
            first: list[float] = []
            for question, numbers in script.chosen if arguments.chosen else script.questions:
                hits = index.ask(question, range(start, start + len(script.items)))
                right = {start + number for number in numbers}
                if right:
                    found.append(len(right.intersection(hits)) / len(right))
                first.append(float(hits[0] in right if hits else not right))
                if arguments.questions and not (first[-1] and (not right or found[-1] == 1)):
                    print(f"{system}: {question!r} finds {hits}, right {sorted(right)}")
            start += len(script.items)
            rows += _figures(case, system, found, first)
            recalls.setdefault(system, []).extend(found)
            firsts.setdefault(system, []).extend(first)
        rows += _figures(ALL, system, recalls[system], firsts[system])
    ours, before = list(SYSTEMS)[:2]
    for metric, values in (("recall", recalls), ("first", firsts)):
        gain = bootstrap_interval(np.subtract(values[ours], values[before]))
        for end in ("estimate", "low", "high"):
            rows.append(Row("words", f"gain: {metric}", ours, end, getattr(gain, end)))
    return rows if arguments.quick or arguments.chosen else rows + _timed(scripts)


def _figures(case: str, system: str, found: list[float], first: list[float]) -> list[Row]:
    rows = []
    for metric, values in (("recall", found), ("first", first)):
        share = float(np.mean(values))
        low, high = interval(share, len(values))
        for suffix, value in (("", share), (" low", low), (" high", high)):
            rows.append(Row("words", case, system, metric + suffix, value))
    rows.append(Row("words", case, system, "questions", len(first)))
    return rows


def _captions(scripts: dict[str, Script], count: int) -> list[tuple[str, str]]:
    """Captions of the length that people write, two thirds of them English."""
    chance = random.Random(20)
    said = {case: [text for _, text in script.items if text] for case, script in scripts.items()}
    english = [word for text in said["English"] for word in text.split()]
    others = [case for case, texts in said.items() if texts and case != "English"]
    items = []
    for number in range(count):
        if chance.random() < 2 / 3:
            text = " ".join(chance.choices(english, k=chance.randint(4, 14)))
        else:
            text = ", ".join(chance.choices(said[chance.choice(others)], k=2))
        items.append((f"/photos/{number % 100}/DSC{number:05d}.jpg", text))
    return items


def _timed(scripts: dict[str, Script]) -> list[Row]:
    """Processor seconds of writing, portion by portion, and seconds of asking, in turns."""
    items = _captions(scripts, CAPTIONS)
    indexes = {name: Index(system) for name, system in SYSTEMS.items()}
    writing = dict.fromkeys(indexes, 0.0)
    for start in range(0, CAPTIONS, PORTION):
        some = items[start : start + PORTION]
        names = list(indexes)
        shift = start // PORTION % len(names)
        for name in names[shift:] + names[:shift]:
            started = time.process_time()
            indexes[name].add(some)
            writing[name] += time.process_time() - started
    # What finds nothing takes no time: questions that our rules, new and old, both answer.
    questions = [
        question
        for script in scripts.values()
        for question, _ in script.questions
        if all(indexes[name].ask(question, range(CAPTIONS)) for name in list(SYSTEMS)[:2])
    ]
    asked = random.Random(20).sample(questions, ASKED)
    rows = []
    for name in indexes:
        rows.append(Row("words", f"{CAPTIONS:,} captions", name, "written in", writing[name], "s"))
    times: dict[str, list[float]] = {name: [] for name in indexes}
    for question in asked:
        tasks = {
            name: partial(index.ask, question, range(CAPTIONS)) for name, index in indexes.items()
        }
        for name, taken in in_turns(tasks, 5).items():
            times[name].append(1000 * taken)
    summaries = {"question, median": np.median, "question, mean": np.mean}
    for metric, summary in summaries.items():
        for name, values in times.items():
            value = float(summary(values))
            rows.append(Row("words", f"{CAPTIONS:,} captions", name, metric, value, "ms"))
    ours, before = list(SYSTEMS)[:2]
    ratio = float(np.median(np.divide(times[ours], times[before])))
    rows.append(
        Row("words", f"{CAPTIONS:,} captions", ours, "a question's time, over before", ratio, "x")
    )
    return rows


def show(rows: list[Row]) -> None:
    """Print recall and first-rank precision with intervals, then times."""
    values = {(row.case, row.system, row.metric): row.value for row in rows}
    cases = list(dict.fromkeys(row.case for row in rows if row.metric == "questions"))
    for metric, title in (("recall", "recall in the first ten"), ("first", "first hit right")):
        table = Table(title, "n", *SYSTEMS)
        for case in cases:
            cells = [
                "{:.2f} ({:.2f} to {:.2f})".format(
                    *(values[case, name, metric + suffix] for suffix in ("", " low", " high"))
                )
                for name in SYSTEMS
            ]
            table.add_row(case, f"{values[case, next(iter(SYSTEMS)), 'questions']:.0f}", *cells)
        Console(width=150).print(table)
    for row in rows:
        if row.case.startswith("gain"):
            print(f"{row.case} over before, {row.metric}: {row.value:+.3f}")
        elif row.unit:
            print(f"{row.case}, {row.metric}: {row.system} {readable(row.value)} {row.unit}")
