"""Stored files are damaged: collections, index files, encoders, models, results, tables.

Bytes are changed, cut off, taken away and exchanged, values in JSON and in rows replaced. Right is
that the answers are those of the intact files, or that the damage is told: an error with its exit
code, or a warning. What a search tells of, `sensorium check` finds, too.
"""

from __future__ import annotations

import json
import math
import random
import re
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.campaigns import running
from tests.campaigns.damaging import damage_files, damage_rows
from tests.campaigns.places import copy
from tests.campaigns.running import Done, run
from tests.campaigns.tally import Tally
from tests.campaigns.writers import Bench, Writer

Command = tuple[str, ...]

MARK = "=== the end of command {} with code {}"

OF = ("-c", "c.sensorium")

SEARCHES: tuple[Command, ...] = (
    ("search", "a red square", "-k", "40", "--json", *OF),
    ("search", "dog", "--mode", "words", "--json", *OF),
    ("search", "a blue cat", "--mode", "hybrid", "--json", *OF),
    ("search", "a red square", "--mode", "hash", "-k", "40", "--json", *OF),
    ("search", "cat", "--where", "number > 3", "--json", *OF),
)

CHECK: Command = ("check", *OF)


@dataclass(frozen=True)
class Subject:
    """Something stored that is damaged.

    Attributes
    ----------
    name : str
    make : Writer
        Lays it into the place.
    files : str
        A glob of the files that are damaged.
    commands : sequence
        What uses it.
    count : int
        Damages.
    checked : bool
        Whether `sensorium check` has to find what was told.
    rows : bool
        Whether rows are damaged by SQL, not bytes.
    """

    name: str
    make: Writer
    files: str
    commands: Sequence[Command]
    count: int
    checked: bool = False
    rows: bool = False


def _with_indexes(bench: Bench, collection: Path, *more: Command) -> None:
    for arguments in (("optimize", "--kind", "ivf"), ("optimize", "--hash", "32"), *more):
        done = run(*arguments, "-c", "c.sensorium", folder=bench.place, home=bench.place / "home")
        assert done.code == 0, done.err


def _trained(*arguments: str) -> Callable[..., None]:
    """Train once, and copy that."""

    def stage(seeds: object, place: Path) -> None:
        done = run(*(one.replace("SEEDS", str(seeds.folder)) for one in arguments),  # type: ignore[attr-defined]
                   folder=place, home=place / "home")  # fmt: skip
        assert done.code in (0, 1), done.err
        shutil.rmtree(place / "out" / "training", ignore_errors=True)

    return stage


def _hashed(seeds: object, place: Path) -> None:
    for options in (("--kind", "ivf"), ("--hash", "32")):
        done = run("optimize", *options, *OF, folder=place, home=place / "home")
        assert done.code == 0, done.err


def _own_encoder(seeds: object, place: Path) -> None:
    copy(seeds.tiny, place / "out")  # type: ignore[attr-defined]
    done = run("index", str(seeds.media), *OF, "--encoder", "out", folder=place,  # type: ignore[attr-defined]
               home=place / "home")  # fmt: skip
    assert done.code in (0, 1), done.err


def _tables(seeds: object, place: Path) -> None:
    copy(seeds.media, place / "media")  # type: ignore[attr-defined]
    lines = [
        json.dumps({"path": f"media/{name}", "caption": f"a thing {n}", "number": n})
        for n, name in enumerate(("red.png", "blue.png", "notes.txt", "page.html"))
    ]
    (place / "rows.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    copy(place / "media" / "captions.csv", place / "rows.csv")
    text = (place / "rows.csv").read_text("utf-8")
    rows = [f"media/{line}" if n else line for n, line in enumerate(text.splitlines())]
    (place / "rows.csv").write_text("\n".join(rows) + "\n", "utf-8")


TINY = ("--encoder", "SEEDS/tiny")
CAPTIONS = "SEEDS/captioned/pictures.csv"
LIBRARY = Writer("damages: library", (), "library", _hashed)
LARGE = Writer("damages: large", (), "large", _hashed)

SUBJECTS = (
    Subject("the file of a collection", LIBRARY, "c.sensorium", SEARCHES, 120, True),
    Subject("rows of a collection", LIBRARY, "c.sensorium", SEARCHES, 100, True, rows=True),
    Subject("index files", LARGE, "c.sensorium-index/**/*", SEARCHES, 90, True),
    Subject("an encoder", Writer("damages: encoder", (), stage=_own_encoder), "out/*", SEARCHES[:1],
            60),
    Subject("a classifier", Writer("damages: classifier", (), stage=_trained(
        "train", "classifier", "SEEDS/classes", *TINY, "-o", "out")), "out/*",
        [("classify", "SEEDS/media/red.png", "--classifier", "out", "--json")], 40),
    Subject("a fusion model", Writer("damages: fusion", (), stage=_trained(
        "train", "fusion", "SEEDS/table/table.jsonl", "--target", "kind", "--method", "early",
        *TINY, "--encoder", "audio=mel", "--epochs", "1", "--out", "out")), "out/*",
        [("predict", "out", "SEEDS/table/table.jsonl", "--json")], 30),
    Subject("a captioner", Writer("damages: captioner", (), stage=_trained(
        "train", "caption", CAPTIONS, *TINY, "-o", "out", "--epochs", "1", "--vocabulary", "300",
        "--batch-size", "12", "--beams", "1", "--max-length", "6")), "out/*",
        [("caption", "out", "SEEDS/media/red.png", "--json")], 30),
    Subject("a translator", Writer("damages: translator", (), stage=_trained(
        "train", "translation", "SEEDS/texts.csv", *TINY, "--source", "en", "--target", "fr",
        "-o", "out", "--epochs", "1", "--vocabulary", "300", "--max-length", "6")), "out/*",
        [("translate", "out", "a red cat", "--json")], 20),
    Subject("a trained encoder", Writer("damages: contrastive", (), stage=_trained(
        "train", "contrastive", CAPTIONS, "--image-tower", "SEEDS/tiny", "--text-tower",
        "SEEDS/other", "--out", "out", "--epochs", "1", "--batch-size", "8")), "out/*",
        [("classify", "SEEDS/media/red.png", "--labels", "red,blue", "--encoder", "out",
          "--json")], 30),
    Subject("a result", Writer("damages: result", (), stage=_trained(
        "evaluate", "SEEDS/classes", *TINY, "--out", "out")), "out/result.json",
        [("evaluate", "SEEDS/classes", *TINY, "--out", "again", "--against", "out/result.json",
          "--json")], 20),
    Subject("tables of files", Writer("damages: tables", (), stage=_tables), "rows.*",
            [("index", "rows.jsonl", "rows.csv", *OF, *TINY), CHECK], 40),
    Subject("caches and notes", Writer("damages: home", (), "library"), "home/**/*",
            SEARCHES[:1], 30),
)  # fmt: skip

COUNT = sum(subject.count for subject in SUBJECTS)


def attack(seed: int, first: int, count: int, folder: Path) -> list[Tally]:
    """See `tests.campaigns`."""
    running.prepare()
    bench = Bench(folder)
    tallies: dict[str, Tally] = {}
    usual: dict[str, list[tuple[int, str, str]]] = {}
    for number in range(first, min(first + count, COUNT)):
        subject, place = _subject(number)
        tally = tallies.setdefault(subject.name, Tally(f"damages to {subject.name}"))
        tally.tried += 1
        bench.lay(subject.make)
        if subject.name not in usual:
            usual[subject.name] = _used(bench, subject)[0]
            for index in bench.place.glob("*-index"):  # a damaged index is as good as none
                shutil.rmtree(index)
                usual[f"{subject.name}, bare"] = _used(bench, subject)[0]
            bench.lay(subject.make)
        rng = random.Random(f"{seed} {number}")
        what = (
            damage_rows(bench.place, rng, place)
            if subject.rows
            else damage_files(bench.place, subject.files, rng, place)
        )
        bare = usual.get(f"{subject.name}, bare", usual[subject.name])
        wrong = _judged(bench, subject, usual[subject.name], bare, what, tally)
        if wrong:
            tally.fail(f"{number} ({what}): {wrong}")
    return list(tallies.values())


def _subject(number: int) -> tuple[Subject, int]:
    for subject in SUBJECTS:
        if number < subject.count:
            return subject, number
        number -= subject.count
    raise IndexError(number)


def _used(bench: Bench, subject: Subject) -> tuple[list[tuple[int, str, str]], Done]:
    """Use what is there: code, output and errors of each command, all in one process."""
    commands = [
        tuple(word.replace("SEEDS", str(bench.seeds.folder)) for word in command)
        for command in (*subject.commands, *([CHECK] if subject.checked else []))
    ]
    done = run(folder=bench.place, home=bench.place / "home", program=lambda: _in_turn(commands),
               longest=60.0)  # fmt: skip
    outs, errors = (_parts(text) for text in (done.out, done.err))
    parts = [(code, out, err) for (code, out), (_, err) in zip(outs, errors, strict=False)]
    return parts, done


def _in_turn(commands: Sequence[Command]) -> None:
    from sensorium.cli import main

    for number, command in enumerate(commands):
        sys.argv = ["sensorium", *command]
        code: object = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        except BaseException:
            traceback.print_exc()
            code = 70
        for stream in (sys.stdout, sys.stderr):
            print(MARK.format(number, code), file=stream, flush=True)


def _parts(text: str) -> list[tuple[int, str]]:
    pieces = re.split(r"=== the end of command \d+ with code (\w+)\n", text)
    return [
        (int(code) if code.isdigit() else 0, part)
        for part, code in zip(pieces[::2], pieces[1::2], strict=False)
    ]


def _judged(
    bench: Bench,
    subject: Subject,
    usual: list[tuple[int, str, str]],
    bare: list[tuple[int, str, str]],
    what: str,
    tally: Tally,
) -> str:
    got, done = _used(bench, subject)
    tally.took(done.memory, done.seconds)
    if done.code < 0 or len(got) < len(usual):
        ended = signal.Signals(-done.code).name if done.code < 0 else str(done.code)
        return f"ended by {ended}: {done.err[-300:]}"
    if "Traceback" in done.err:
        return f"a traceback: {done.err[done.err.index('Traceback') :][-600:]}"
    told = False
    commands = list(subject.commands)
    for number, command in enumerate(commands):
        (code, out, err), (_, out_0, err_0) = got[number], usual[number]
        says = bool(err.strip()) and err != err_0
        told = told or says
        if code not in (0, 1, 2, 3):
            return f"{' '.join(command[:2])} ended with {code}: {err[-200:]}"
        # Of lost words, and of what a condition passes over, only `check` knows.
        asked = subject.checked and not {"words", "hybrid", "--where"}.isdisjoint(command)
        found = asked and got[-1][0] != 0
        right = alike(out, out_0) or alike(out, bare[number][1])
        # What a damaged table names is another set of files: that is said, or no damage to see.
        is_compared = command[0] not in ("index", "check")
        if is_compared and not (right or says or found):
            return (
                f"{' '.join(command[:4])} answers otherwise and says nothing: {_first(out, out_0)}"
            )
    noted = "built elsewhere" in got[-1][1]  # no damage, and said
    if subject.checked and told and got[-1][0] == usual[-1][0] == 0 and not noted:
        errors = [err for _, _, err in got if err.strip()]
        return f"check finds nothing of {errors[0].strip()[:300]}"
    return ""


def _first(out: str, usual: str) -> str:
    for one, other in zip(out.splitlines(), usual.splitlines(), strict=False):
        if not alike(one, other):
            return f"{one[:150]!r} for {other[:150]!r}"
    return f"{len(out.splitlines())} lines for {len(usual.splitlines())}"


def alike(one: str, other: str) -> bool:
    """Whether two outputs are the same but for rounding, times and ties."""
    if one == other:
        return True
    try:
        lines, others = ([json.loads(x) for x in text.splitlines()] for text in (one, other))
    except ValueError:
        return False
    if len(lines) != len(others):
        return False
    if lines and all(isinstance(line, dict) and "path" in line for line in lines + others):
        for rows in (lines, others):  # equal scores may stand in any order
            rows.sort(key=lambda row: (-round(float(row.get("score") or 0), 2), str(row["path"])))
    return _near(lines, others)


def _near(one: object, other: object) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        names = [name for name in other if not re.search(r"seconds|time|date", name)]
        return one.keys() == other.keys() and all(_near(one[n], other[n]) for n in names)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_near, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) < 2e-3 or (math.isnan(one) and math.isnan(other))
    return one == other
