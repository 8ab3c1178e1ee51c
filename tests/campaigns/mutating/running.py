"""Batches of mutants go through the real path in a process of its own, which is watched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sensorium.media.sources import MEDIA_SUFFIXES
from tests.bad_files import photo
from tests.campaigns.mutating.judging import complaint, ending_of
from tests.campaigns.mutating.meter import held, spent
from tests.campaigns.mutating.mutants import Mutant
from tests.media.pdfs import text_pdf
from tests.media.small_pictures import encode

ROOT = Path(__file__).parents[3]

SILENT = 90.0
"""Seconds of processors without an event after which the process hangs."""

SILENT_ENCODING = 900.0
"""The same where the shipped encoder embeds a text of thousands of passages."""

WAITED = 1800.0
"""The same by the clock: it waits for what does not come. Other programs may keep it waiting."""

MOST_HELD = 5 << 30
"""Bytes that all processes may hold before they are ended, so that the machine lives on."""

MEMORY = 1 << 30
"""Bytes by which a process may grow on a file."""

SECONDS = 20.0
"""Processor time that a file may take."""

STARTED = 1.0
"""More where a worker was ended at that limit: another one starts, and the file is let go."""

ASKED = 7
"""Every so many mutants one is the question of a search, too."""

WORD = "quizzical"


@dataclass
class Verdict:
    """What came of a mutant.

    Attributes
    ----------
    ending : str
        "added", "added with notes", "skipped", "a worker ended", "a limit reached", or "passed
        over": a file in a folder that is no longer taken for media.
    wrong : list of str
    memory, seconds : int, float
        What it cost, where it was added by itself.
    """

    ending: str = ""
    wrong: list[str] = field(default_factory=list)
    memory: int = 0
    seconds: float = 0.0


def run(
    mutants: Sequence[Mutant], folder: Path, *, encoder: str = "stand-in", together: bool = False
) -> tuple[dict[int, Verdict], list[str]]:
    """Add mutants to a collection, among good files, and look at all that comes of it.

    Parameters
    ----------
    mutants : sequence of Mutant
    folder : Path
        Is made, and removed.
    encoder : str
        "stand-in", or an encoder's name.
    together : bool
        Whether the folder is added at once; else file after file, and each one's cost is measured.

    Returns
    -------
    verdicts : dict
        By the mutants' numbers.
    wrong : list of str
        What is wrong with the batch as a whole.
    """
    verdicts = {one.number: Verdict() for one in mutants}
    waiting, wrong = list(mutants), list[str]()
    while waiting:
        fatal, said = _attempt(waiting, verdicts, folder, encoder, together)
        shutil.rmtree(folder, ignore_errors=True)
        if fatal is None or all(one.number != fatal for one in waiting):
            wrong += said
            break
        verdicts[fatal].wrong += said
        waiting = [one for one in waiting if one.number != fatal]
    return verdicts, wrong


def _attempt(
    mutants: Sequence[Mutant], verdicts: dict[int, Verdict], folder: Path, encoder: str,
    together: bool,
) -> tuple[int | None, list[str]]:  # fmt: skip
    """One process; returns the number of the mutant that ended it, and what is wrong."""
    media = folder / "media"
    paths = {str(one.write(media)): one.number for one in mutants}
    canaries = _write_canaries(media, [one.number for one in mutants])
    warm = _write_canaries(folder / "warm", [0])
    job = {
        "collection": str(folder / "c.sensorium"), "encoder": encoder, "together": together,
        "folder": str(media), "files": sorted([*paths, *canaries]), "warm": list(warm),
        "asked": list(paths)[::ASKED], "canaries": canaries, "sheet": str(folder / "sheet.png"),
        "events": str(folder / "events"),
    }  # fmt: skip
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    (folder / "events").write_text("")
    ended = _watched(folder, SILENT if encoder == "stand-in" else SILENT_ENCODING)
    events = [json.loads(line) for line in (folder / "events").read_text("utf-8").splitlines()]
    for event in events:
        _judge(event, paths, verdicts)
    wrong = [problem for event in events for problem in _of_all(event, paths, encoder)]
    if not ended:
        return None, wrong
    begun = next((one for one in reversed(events) if one["event"] == "begun"), None)
    if begun is None:
        return None, [*wrong, f"the process {ended} before anything began"]
    what = f"the process {ended} in {begun['what']}"
    number = paths.get(begun["path"])
    if number is None and together and begun["what"] == "add" and len(mutants) > 1:
        # Any of them: one after the other tells which.
        found, said = run(mutants, folder.with_name(folder.name + "-again"), encoder=encoder)
        for key, verdict in found.items():
            verdicts[key] = verdict
        return None, [*wrong, *said] or [what]
    return number, [what] if number is not None else [*wrong, what]


def _write_canaries(folder: Path, numbers: Sequence[int]) -> dict[str, str]:
    """Good files among the others; by path the words that find them, or "" for itself."""
    folder.mkdir(parents=True, exist_ok=True)
    where = [numbers[0], numbers[len(numbers) // 2], numbers[-1]]
    made = {
        f"{where[0]:06}-good.jpg": encode(photo(where[0] + 1), "JPEG"),
        f"{where[1]:06}-good.pdf": text_pdf(f"The well is {WORD}pdf today"),
        f"{where[1]:06}-good.txt": f"Nothing is as {WORD}txt as a pear.".encode(),
        f"{where[2]:06}-good.png": encode(photo(where[2] + 2), "PNG"),
    }
    found = {}
    for name, content in made.items():
        path = folder / name
        path.write_bytes(content)
        suffix = path.suffix[1:]
        found[str(path)] = f"{WORD}{suffix}" if suffix in ("pdf", "txt") else ""
    return found


def _watched(folder: Path, most_silent: float) -> str:
    """Run the process to its end; returns how it ended where that was not well."""
    environment = {
        **os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
        "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONFAULTHANDLER": "1",
    }  # fmt: skip
    events = folder / "events"
    with (folder / "printed").open("wb") as printed:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.campaigns.mutating.child", str(folder / "job.json")],
            cwd=folder, env=environment, stdout=printed, stderr=printed, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        reason, told, before = "", 0.0, 0.0
        while process.poll() is None:
            time.sleep(0.05)
            if told != events.stat().st_mtime:
                told, before = events.stat().st_mtime, spent(process.pid)
            taken, waited = spent(process.pid) - before, time.time() - told
            if taken > most_silent or waited > WAITED:
                reason = f"was silent for {waited:.0f} s, {taken:.0f} s of processors"
            elif held(process.pid) > MOST_HELD:
                reason = f"held more than {MOST_HELD / 1e9:.0f} GB"
            if reason:
                process.kill()
                process.wait()
                return reason
    if process.returncode == 0:
        return ""
    lines = (folder / "printed").read_text("utf-8", "replace").strip().splitlines()
    last = lines[-1] if lines else ""
    return f"ended with {process.returncode} ({last:.200})"


def _judge(event: dict[str, Any], paths: dict[str, int], verdicts: dict[int, Verdict]) -> None:
    """Take what an event says of mutants into their verdicts."""
    if event["event"] == "added" and event["path"] in paths:
        verdict = verdicts[paths[event["path"]]]
        _said(event, event["path"], event["stored"], verdict)
        _spent(event, verdict, "adding it")
    elif event["event"] == "all added":
        stored = set(event["stored"])
        for path, number in paths.items():
            _said(event, path, path in stored, verdicts[number])
    elif event["event"] == "asked":
        verdict = verdicts[paths[event["path"]]]
        if event["reason"] is not None and (wrong := complaint(event["reason"])):
            verdict.wrong.append(f"as a question: {wrong}")
        _spent(event, verdict, "asking with it")


def _said(event: dict[str, Any], path: str, stored: bool, verdict: Verdict) -> None:
    skipped = [reason for name, reason in event["skipped"] if name == path]
    notes = [reason for name, reason in event["notes"] if name == path]
    if stored:
        verdict.ending = "added with notes" if notes else "added"
    elif skipped:
        verdict.ending = ending_of(skipped[0])
    elif Path(path).suffix not in MEDIA_SUFFIXES:
        verdict.ending = "passed over"  # found by its content alone, which is no longer that
    else:
        verdict.wrong.append("it is neither stored nor skipped")
    if stored and skipped:
        verdict.wrong.append(f"it is stored and skipped: {skipped[0]!r:.90}")
    for reason in (*skipped, *notes):
        if wrong := complaint(reason):
            verdict.wrong.append(wrong)


def _spent(event: dict[str, Any], verdict: Verdict, what: str) -> None:
    verdict.memory = max(verdict.memory, event["memory"], event["worker"])
    verdict.seconds = max(verdict.seconds, event["seconds"])
    if event["memory"] > MEMORY:
        verdict.wrong.append(f"{what} took {event['memory'] / 1e6:,.0f} MB")
    if event["worker"] > MEMORY:
        verdict.wrong.append(f"{what} took {event['worker'] / 1e6:,.0f} MB in a worker")
    most = SECONDS + (STARTED if verdict.ending == "a limit reached" else 0)
    if event["seconds"] > most:
        verdict.wrong.append(f"{what} took {event['seconds']:.1f} s of processor time")


def _of_all(event: dict[str, Any], paths: dict[str, int], encoder: str) -> list[str]:
    """What an event says of the whole that is wrong."""
    match event["event"]:
        case "all added":
            wrong = []
            # What an encoder makes of thousands of passages is its own time.
            if event["seconds"] > 3 * SECONDS and encoder == "stand-in":
                wrong.append(f"all together took {event['seconds']:.1f} s of processor time")
            if max(event["memory"], event["worker"]) > 2 * MEMORY:
                most = max(event["memory"], event["worker"])
                wrong.append(f"all together took {most / 1e6:,.0f} MB")
            return wrong
        case "added" if event["path"] not in paths and not event["stored"]:
            return [f"a good file was not added: {event['skipped']}"]
        case "found" if event["lost"]:
            return [f"good files are not found: {event['lost']}"]
        case "drawn" | "compared":
            reasons = [reason for _, reason in event.get("unreadable", ())]
            wrong = [f"on the sheet: {said}" for reason in reasons if (said := complaint(reason))]
            if (most := max(event["memory"], event["worker"])) > MEMORY:
                what = "a sheet" if event["event"] == "drawn" else "looking for duplicates"
                wrong.append(f"{what} took {most / 1e6:,.0f} MB")
            return wrong
        case "checked" if event["damages"]:
            return [f"the collection is damaged: {event['damages'][:3]}"]
    return []
