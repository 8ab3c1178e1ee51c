"""Binary codes against float search: what is found, in how many bytes, how fast.

    python -m benchmarks hashing [--rows N] [--plot FILE] [--quick] [--json FILE]

The collection is views of the fetched pictures, encoded with `mini`. Queries are captions of the
pictures that are held out for tests (text to image) and views that are not in the collection
(image to image). The coder is fitted to the collection and to captions of training pictures.

- recall@10: share of the ten vectors nearest by cosine that are among the ten found, by Hamming
  distance alone, and with so many candidates ranked again by their 8-bit copies.
- mAP, same caption: mean average precision of the ranking of the whole collection; right are the
  views whose picture has the query's caption (its view's picture, for a view).
- mAP, float's 100: the same, where the 100 nearest by cosine are right.

"Not centred" is the same at 256 bits without the means of the modalities.
"""

import argparse
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from benchmarks.measuring import in_turns, seconds
from benchmarks.rows import Row, readable
from benchmarks.views import load_views, source_rows
from sensorium import Text, load_encoder
from sensorium.index.base import Vectors
from sensorium.index.coding import HashCoder
from sensorium.index.exact import top_k
from sensorium.index.hash import HashIndex

ROWS, QUICK_ROWS = 100_000, 10_000
QUERIES = 500
TIMED = 50

BITS = (32, 64, 128, 256, 512)
NOT_CENTRED_BITS = 256
SIGN_BITS = 512
DEPTHS = (0, 50, 100, 200, 500, 1000)
"""Candidates that are ranked again; 0 is Hamming distance alone."""

NEAREST = 100
"""Vectors nearest by cosine that count as right where captions are not asked."""

NAMES = {"lsh": "LSH", "itq": "ITQ", "sign": "sign"}
SAME, FLOATS = "mAP, same caption", f"mAP, float's {NEAREST}"

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Asked:
    """Queries of one modality, and what should be found.

    Attributes
    ----------
    modality
    vectors
        Shape (q, d).
    relevant
        For each query, the views of pictures with its caption, in ascending order.
    nearest
        Shape (q, NEAREST): the vectors nearest by cosine, best first.
    """

    modality: str
    vectors: Vectors
    relevant: list[Rows]
    nearest: Rows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--rows", type=int, help=f"views in the collection; default: {ROWS:,}")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw recall against bytes")


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure every method at every length; `--quick` has 10,000 views."""
    count = arguments.rows or (QUICK_ROWS if arguments.quick else ROWS)
    views = load_views(count + QUERIES)
    vectors, asked = views.vectors[:count], {}
    captions = np.array([row["caption_en"] for row in source_rows()])
    shown = captions[views.sources[:count]]
    train, test = _captions()
    encoder = load_encoder("mini")
    texts = encoder.encode_queries([Text(caption) for caption in train])
    chosen = np.random.default_rng(0).permutation(np.intersect1d(test, shown))[:QUERIES].tolist()
    queries = {
        "text": (encoder.encode_queries([Text(caption) for caption in chosen]), chosen),
        "image": (views.vectors[count:], captions[views.sources[count:]].tolist()),
    }
    for modality, (questions, wanted) in queries.items():
        relevant = [np.flatnonzero(shown == caption) for caption in wanted]
        asked[f"{modality} to image"] = Asked(
            modality, questions, relevant, _nearest(vectors, questions)
        )
    rows = list(_float_rows(vectors, asked))
    fitted = {"image": vectors, "text": texts}
    for bits, method in [*((b, m) for b in BITS for m in ("lsh", "itq")), (SIGN_BITS, "sign")]:
        coder = HashCoder.fit(fitted, bits=bits, method=method)
        rows += _coder_rows(coder, f"{bits} bits", vectors, asked)
    # Vectors and their opposites have the mean 0, so that a coder fitted to both does not centre.
    opposite = {name: np.concatenate([part, -part]) for name, part in fitted.items()}
    for method in ("lsh", "itq"):
        coder = HashCoder.fit(opposite, bits=NOT_CENTRED_BITS, method=method)
        rows += _coder_rows(coder, f"{NOT_CENTRED_BITS} bits, not centred", vectors, asked)
    if arguments.plot:
        plot(rows, count, arguments.plot)
    return rows


def _captions() -> tuple[list[str], list[str]]:
    """Captions that are only of training pictures, and only of pictures held out for tests."""
    of_split: dict[str, set[str]] = {}
    for row in source_rows():
        of_split.setdefault(row["split"], set()).add(row["caption_en"])
    train = of_split["train"]
    return sorted(train - of_split["test"]), sorted(of_split["test"] - train)


def _nearest(vectors: Vectors, queries: Vectors) -> Rows:
    allowed = np.ones(len(vectors), bool)
    return np.stack([top_k(vectors, query, NEAREST, allowed)[0] for query in queries])


def _float_rows(vectors: Vectors, asked: Mapping[str, Asked]) -> Iterator[Row]:
    allowed = np.ones(len(vectors), bool)
    for direction, ask in asked.items():
        case = f"{direction}, float32"
        positions = []
        for query, relevant in zip(ask.vectors, ask.relevant, strict=True):
            positions.append(_positions(np.argsort(-(vectors @ query), kind="stable"), relevant))
        yield Row("hashing", case, "exact", SAME, _mean_precision(positions, ask.relevant))
        times = [seconds(lambda q=q: top_k(vectors, q, 10, allowed)) for q in ask.vectors[:TIMED]]
        yield Row("hashing", case, "exact", "p50", median(times) * 1e3, "ms")
        yield Row("hashing", case, "exact", "bytes", vectors.shape[1] * 4, "B")


def _coder_rows(
    coder: HashCoder, length: str, vectors: Vectors, asked: Mapping[str, Asked]
) -> Iterator[Row]:
    index = HashIndex.build(vectors, coder=coder)
    codes = coder.encode(vectors, "image")
    system = NAMES[coder.method]
    for direction, ask in asked.items():
        case = f"{direction}, {length}"
        orders = list(_orders(codes, coder.encode(ask.vectors, ask.modality)))
        right = {SAME: ask.relevant, FLOATS: [np.sort(line) for line in ask.nearest]}
        by_distance = {
            metric: [_positions(o, r) for o, r in zip(orders, relevant, strict=True)]
            for metric, relevant in right.items()
        }
        for depth in DEPTHS:
            at = _at(depth)
            width = max(depth, 10)
            found = index.search(ask.vectors, width, modality=ask.modality, rerank=depth).rows
            share = (found[:, :10, None] == ask.nearest[:, None, :10]).any(axis=1).mean()
            yield Row("hashing", case, system, "recall@10" + at, float(share))
            for metric, relevant in right.items():
                positions = [
                    # The candidates are in a new order; what lies behind them is where it was.
                    np.concatenate([_positions(head[:depth], r), behind[behind >= depth]])
                    for head, r, behind in zip(found, relevant, by_distance[metric], strict=True)
                ]
                value = _mean_precision(positions, relevant)
                yield Row("hashing", case, system, metric + at, value)
            size = coder.bits // 8 + (vectors.shape[1] if depth else 0)
            yield Row("hashing", case, system, "bytes" + at, size, "B")
        for depth, each in _search_seconds(index, ask).items():
            yield Row("hashing", case, system, "p50" + _at(depth), each * 1e3, "ms")


def _search_seconds(index: HashIndex, ask: Asked) -> dict[int, float]:
    """Median seconds of a single query, for each number of candidates that are ranked again."""
    turns = itertools.cycle(ask.vectors[:TIMED, None])

    def search(depth: int) -> None:
        index.search(next(turns), 10, modality=ask.modality, rerank=depth)

    tasks = {str(depth): partial(search, depth) for depth in DEPTHS}
    return {int(name): each for name, each in in_turns(tasks, TIMED).items()}


def _orders(codes: npt.NDArray[np.uint8], queries: npt.NDArray[np.uint8]) -> Iterator[Rows]:
    """All rows by Hamming distance, equally far ones in their order, query by query."""
    words = np.uint64 if codes.shape[1] % 8 == 0 else np.uint32
    for query in queries:
        differing = np.bitwise_count(codes.view(words) ^ query.view(words))
        yield np.argsort(differing.sum(axis=1, dtype=np.uint16), kind="stable")  # a radix sort


def _positions(order: Rows, relevant: Rows) -> Rows:
    """Where the relevant ones stand in an order, ascending, from 0."""
    return np.flatnonzero(np.isin(order, relevant))


def _mean_precision(positions: list[Rows], relevant: list[Rows]) -> float:
    """Mean average precision from the positions of what is relevant; 0 where nothing is."""
    shares = [
        float((np.arange(1, len(line) + 1) / (line + 1)).sum()) / max(1, len(wanted))
        for line, wanted in zip(positions, relevant, strict=True)
    ]
    return float(np.mean(shares))


def _at(depth: int) -> str:
    return f", {depth} ranked again" if depth else ""


def show(rows: list[Row]) -> None:
    """Print a table for each direction: a line for each code, recall side by side."""
    values = {(row.case, row.system, row.metric): row.value for row in rows}
    for direction in ("text to image", "image to image"):
        table = Table("code", "method", "bytes", SAME, FLOATS, title=direction)
        for depth in DEPTHS:
            table.add_column(f"R@10 {depth}" if depth else "R@10", justify="right")
        for depth in (0, 200):
            table.add_column(f"ms {depth}" if depth else "ms", justify="right")
        metrics = ["bytes", SAME, FLOATS, *("recall@10" + _at(depth) for depth in DEPTHS)]
        metrics += ["p50" + _at(0), "p50" + _at(200)]
        for case, system in dict.fromkeys((row.case, row.system) for row in rows):
            if case.startswith(direction):
                keys = [(case, system, metric) for metric in metrics]
                cells = [readable(values[key]) if key in values else "" for key in keys]
                table.add_row(case.removeprefix(f"{direction}, "), system, *cells)
        Console().print(table)


def plot(rows: list[Row], count: int, path: Path) -> None:
    """Draw recall@10 against the bytes of a code, a curve for each number ranked again."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    values = {(row.case, row.system, row.metric): row.value for row in rows}
    figure = Figure(figsize=(9, 4.4), dpi=130, layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    colours = colormaps["viridis_r"](np.linspace(0.15, 1, len(DEPTHS)))
    for axes, direction in zip(panels, ("text to image", "image to image"), strict=True):
        for depth, colour in zip(DEPTHS, colours, strict=True):
            for system, line in (("ITQ", "-"), ("LSH", ":")):
                recalls = [
                    values[f"{direction}, {bits} bits", system, "recall@10" + _at(depth)]
                    for bits in BITS
                ]
                axes.plot([bits / 8 for bits in BITS], recalls, line, color=colour, marker=".")
        axes.set_title(direction.replace(" to ", " → "))
        axes.set_xscale("log", base=2)
        axes.set_xticks([bits / 8 for bits in BITS], [str(bits // 8) for bits in BITS])
        axes.set_xlabel("bytes of a code")
        axes.set_ylim(0, 1)
        axes.grid(color="0.9")
    panels[0].set_ylabel("recall@10 against float search")
    for depth, colour in reversed(list(zip(DEPTHS, colours, strict=True))):
        name = f"{depth:,} ranked again" if depth else "Hamming alone"
        panels[0].plot([], [], color=colour, label=name)
    for system, line in (("ITQ", "-"), ("LSH", ":")):
        panels[0].plot([], [], line, color="0.3", label=system)
    figure.legend(loc="outside right center", frameon=False)
    figure.suptitle(f"Hash codes of {count:,} views", x=0.02, ha="left")
    figure.savefig(path)
