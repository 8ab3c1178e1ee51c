"""What inverted lists' codes find before anything is refined, by how they are made.

    python -m benchmarks.weighed_codes [--rows 60000] [--probes 24 48 96] [--lists-alone]

Items are `mini` vectors of augmented views, those that are encoded (`benchmarks.views`); questions
are captions of held-out pictures, and views that are not among the items. Codes learn from one half
of the captions, and the other half asks. The table has the share of the ten nearest that are among
the best so many by codes, all lists looked into (so that only codes matter), and what whole
searches find that look into some of the lists, with the milliseconds of processor time of one.

`--lists-alone` tells instead in how many lists the ten nearest lie, where lists are taken by the
product of question and middle, and by that and 2.5 standard deviations of each list's own vectors
along the question, all of which are multiplied for it: what that would gain at best.

"FAISS" are product codes of two dimensions each over residuals of spherical lists, as
`benchmarks.rivals.FaissIVF` has them; "unweighed" are those of `sensorium.index.ivf` that nobody
was asked for.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from typing import Any

import faiss
import numpy as np

from benchmarks.search_data import TIE, K, Vectors, halves, least_cosines, text_queries
from benchmarks.views import encoded, load_views
from sensorium.index.ivf import IVFIndex
from sensorium.index.lists import Lists
from sensorium.index.weighing import Weighing

DEPTHS = (10, 20, 50, 100)

CAPTIONS = 400

TIMED = 100


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser("python -m benchmarks.weighed_codes", description=__doc__)
    parser.add_argument("--rows", type=int, metavar="N", help="items; all that are encoded")
    parser.add_argument("--probes", type=int, nargs="+", default=(24, 48, 96), metavar="N")
    parser.add_argument("--lists-alone", action="store_true", help="how lists are best chosen")
    arguments = parser.parse_args()
    rows = arguments.rows or encoded() - 2 * CAPTIONS
    views = load_views(rows + 2 * CAPTIONS).vectors
    vectors, pictures = views[:rows], halves(views[rows:], CAPTIONS)
    words = text_queries(CAPTIONS)
    asked = {"words": words.measured, "pictures": pictures.measured}
    least = {name: least_cosines(vectors, asked[name], [None])[0] for name in asked}
    faiss.omp_set_num_threads(1)
    lists = int(2 * rows**0.5)
    print(f"{rows:,} vectors, {lists} lists; found among the best {DEPTHS} by codes")
    if arguments.lists_alone:
        _lists_alone(vectors, asked, least, lists, arguments.probes)
        return
    _plain(vectors, asked, least, lists)
    for codes in (160, 240, 320):
        for name, questions in (("unweighed", []), ("weighed", [words.tuning])):
            index = IVFIndex.build(vectors, questions=questions, codes=codes)
            index.probes = lists
            _tell(f"{name}, {codes // 2} bytes", _by_codes(index, asked), vectors, asked, least)
            for probes in arguments.probes if codes == 240 else ():
                index.probes = probes
                _searched(index, vectors, asked, least)


def _lists_alone(
    vectors: Vectors,
    asked: Mapping[str, Vectors],
    least: Mapping[str, Vectors],
    lists: int,
    probes: Sequence[int],
) -> None:
    weighing = Weighing.fit(vectors)
    made = Lists.fit(vectors, lists, weighing)
    of_rows = made.nearest(vectors, weighing.centre)
    for name, queries in asked.items():
        products = (queries @ made.directions) @ made.middles.T
        spreads = np.zeros_like(products)
        near = []
        for number in range(lists):
            cosines = vectors[of_rows == number] @ queries.T
            spreads[:, number] = cosines.std(axis=0) if len(cosines) else 0
            near.append((cosines >= least[name] - TIE).sum(axis=0))
        found = np.stack(near, axis=1)
        for label, promised in (("middle", products), ("and spread", products + 2.5 * spreads)):
            order = np.argsort(-promised, axis=1)
            shares = np.take_along_axis(found, order, 1).cumsum(axis=1) / found.sum(1)[:, None]
            cells = " ".join(f"{number}: {shares[:, number - 1].mean():.3f}" for number in probes)
            print(f"{name} by {label}: {cells}", flush=True)


def _by_codes(index: IVFIndex, asked: Mapping[str, Vectors]) -> dict[str, Any]:
    found = {}
    for name, queries in asked.items():
        numbers, _ = index._weighing.questions(queries)
        chosen = index._lists.choose(queries, index.probes)
        found[name] = index._scan(numbers, DEPTHS[-1], *chosen, None)
    return found


def _plain(
    vectors: Vectors, asked: Mapping[str, Vectors], least: Mapping[str, Vectors], lists: int
) -> None:
    width = vectors.shape[1] // 2
    index = faiss.index_factory(2 * width, f"IVF{lists},PQ{width}x4fsr", faiss.METRIC_INNER_PRODUCT)
    index.train(vectors)
    index.add(vectors)
    index.nprobe = lists
    found = {name: index.search(queries, DEPTHS[-1])[1] for name, queries in asked.items()}
    _tell(f"FAISS, {width // 2} bytes", found, vectors, asked, least)


def _tell(
    label: str,
    found: Mapping[str, Any],
    vectors: Vectors,
    asked: Mapping[str, Vectors],
    least: Mapping[str, Vectors],
) -> None:
    cells = []
    for name, rows in found.items():
        right = _right(vectors, asked[name], rows, least[name])
        shares = [np.minimum(right[:, :depth].sum(axis=1), K).mean() / K for depth in DEPTHS]
        cells.append(f"{name} " + " ".join(f"{share:.3f}" for share in shares))
    print(f"{label:22} " + "   ".join(cells), flush=True)


def _right(vectors: Vectors, queries: Vectors, rows: Any, least: Vectors) -> Any:
    cosines = np.einsum("qkd,qd->qk", vectors[np.maximum(rows, 0)], queries)
    return (cosines >= least[:, None] - TIE) & (rows >= 0)


def _searched(
    index: IVFIndex, vectors: Vectors, asked: Mapping[str, Vectors], least: Mapping[str, Vectors]
) -> None:
    cells = []
    for name, queries in asked.items():
        share = _right(vectors, queries, index.search(queries, K).rows, least[name]).mean()
        cells.append(f"{name} {share:.3f}")
    spent = []
    for number in range(TIMED):
        started = time.process_time()
        index.search(asked["words"][[number]], K)
        spent.append(time.process_time() - started)
    milliseconds = float(np.median(spent)) * 1e3
    print(f"  {index.probes} lists: {'   '.join(cells)}   {milliseconds:.2f} ms", flush=True)


if __name__ == "__main__":
    main()
