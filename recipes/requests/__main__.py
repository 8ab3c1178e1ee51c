"""Learn what requests mean: `python -m recipes.requests`.

Reads the requests in `recipes/requests/data` and those of the tests, computes token states by the
lower layers of `mini`'s text tower, trains the network first without the writers' files that are
held out, prints what is understood of these, and then trains on all and writes the weights.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from recipes.requests.lines import Line, Target, read, target
from recipes.requests.measuring import measured, table
from recipes.requests.training import EPOCHS, Example, train
from sensorium.dialogue.understanding import chinese, english
from sensorium.dialogue.understanding.learned.aligning import marks_of
from sensorium.dialogue.understanding.learned.network import saved
from sensorium.dialogue.understanding.learned.reader import WEIGHTS, Reader, tower
from sensorium.dialogue.understanding.learned.states import read as read_units
from tests.dialogue.phrasings import TODAY

DATA = (Path(__file__).parent / "data", Path(__file__).parents[2] / "tests/dialogue/requests")

HELD_OUT = ("en_02", "en_05", "en_13", "zh_02", "zh_04", "zh_12")
"""Files of requests that the first training does not see."""

AT_ONCE = 32
"""Requests whose states are computed in one run."""

STARTED = time.monotonic()


def step(message: str) -> None:
    """Say what happens next."""
    print(f"[{time.monotonic() - STARTED:5.0f} s] {message}", flush=True)


def main() -> None:
    """Read, compute states, train, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=WEIGHTS, help="the file that is written")
    parser.add_argument("--only", choices=("measure", "write"), help="the half of it")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # batches are too small to share
    written = lines()
    single = [line for line in written if all(len(way) == 1 for way in line.ways)]
    step(f"read {len(written)} requests, {len(single)} of them single")
    examples = examples_of([(line, target(line)) for line in single])
    step("computed their token states")
    if arguments.only != "write":
        seen = [n for n, line in enumerate(single) if line.author not in HELD_OUT]
        weights = _trained([examples[n] for n in seen], arguments.epochs)
        held = arguments.output.with_suffix(".held.npz")
        saved(held, weights)
        step("trained without what is held out")
        for language in ("en", "zh"):
            kept = [one for one in written if one.author in HELD_OUT and one.language == language]
            print(f"\n{language}\n\n{table(measured(kept, Reader(held)))}\n", flush=True)
        held.unlink()
    if arguments.only != "measure":
        saved(arguments.output, _trained(examples, arguments.epochs))
        step(f"wrote {arguments.output}: {arguments.output.stat().st_size} bytes")


def lines() -> list[Line]:
    """All requests that plans are written for.

    Raises
    ------
    SystemExit
        Naming lines that cannot be read.
    """
    found = [read(path) for folder in DATA for path in sorted(folder.glob("*.txt"))]
    if wrong := [one for _, many in found for one in many]:
        raise SystemExit("\n".join(wrong))
    return [line for some, _ in found for line in some]


def examples_of(some: Sequence[tuple[Line, Target]]) -> list[Example]:
    """Lines with their states, as the dialogue computes them, and what the rules read of them."""
    reads = [read_units(tower().tokenizer, line.said, line.before) for line, _ in some]
    order = sorted(range(len(some)), key=lambda n: len(reads[n].ids))
    states = dict[int, np.ndarray]()
    for begin in range(0, len(order), AT_ONCE):
        part = order[begin : begin + AT_ONCE]
        states |= zip(part, tower().states([reads[n] for n in part]), strict=True)
    found = []
    for number, (line, aimed) in enumerate(some):
        module = chinese if line.language == "zh" else english
        ruled = module.understand(line.said, TODAY, given=line.given)
        marks = marks_of(ruled, reads[number].units)
        held = states[number].astype(np.float16)
        found.append(Example(reads[number], held, line.given, marks, aimed))
    return found


def _trained(examples: Sequence[Example], epochs: int) -> dict[str, np.ndarray]:
    network = train(examples, epochs=epochs, report=True)
    return {name: one.numpy() for name, one in network.weights().items()}


if __name__ == "__main__":
    main()
