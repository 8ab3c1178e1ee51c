"""What trained things are worth: `python -m benchmarks train [--part NAME ...] [--quick]`.

Each part is a module `benchmarks/train_<part>.py` with `run(arguments) -> list[Row]`, and for
options of its own `add_arguments(parser)`.
"""

import argparse
import time
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from rich.console import Console

from benchmarks.rows import Row, print_table

#: Part, and what it measures.
PARTS = {
    "few_shot": "classifiers from one to sixteen examples a class, and what they forget",
    "contrastive": "encoders trained on pairs",
    "fusion": "classifiers of several modalities, some of them missing",
    "generation": "texts from pictures",
    "workers": "contrastive training by one process, two of torchrun, two workers of Ray",
    "hashing": "trained binary codes",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the choice of parts, and the options that parts have."""
    parser.add_argument(
        "--part", nargs="+", choices=list(PARTS), metavar="NAME",
        help=f"only these: {', '.join(PARTS)}",
    )  # fmt: skip
    for part in PARTS:
        module = _module(part)
        if module is not None and hasattr(module, "add_arguments"):
            module.add_arguments(parser)


def run(arguments: argparse.Namespace) -> list[Row]:
    """Run the parts that were asked for; one that is not there is named."""
    notices = Console(stderr=True, highlight=False)
    rows: list[Row] = []
    for part in arguments.part or PARTS:
        module = _module(part)
        if module is None:
            notices.print(
                f"{part}: left out, benchmarks/train_{part}.py is not there or not usable"
            )
            continue
        start = time.monotonic()
        rows += module.run(arguments)
        notices.print(f"{part}: {time.monotonic() - start:.0f} s")
    return rows


def show(rows: list[Row]) -> None:
    """Print each part's rows as it likes, else as a table."""
    for part in PARTS:
        own = [row for row in rows if row.benchmark in (f"train_{part}", f"train/{part}", part)]
        if own:
            module = _module(part)
            getattr(module, "show", print_table)(own)
    known = {name for part in PARTS for name in (f"train_{part}", f"train/{part}", part)}
    if others := [row for row in rows if row.benchmark not in known]:
        print_table(others)


def _module(part: str) -> ModuleType | None:
    """The module of a part; None where there is none, or packages are missing that it needs."""
    name = f"benchmarks.train_{part}"
    try:
        return import_module(name) if find_spec(name) is not None else None
    except ImportError as error:
        Console(stderr=True, highlight=False).print(f"{part}: {error}")
        return None
