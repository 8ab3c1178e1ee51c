"""``sensorium evaluate``: scores on your own data, run again, and compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensorium.cli import EXIT_PARTLY, output
from sensorium.cli.progress import progress_bar
from sensorium.collection import Collection
from sensorium.collection.asking import MODES
from sensorium.encoders import DEFAULT_ENCODER, load_encoder
from sensorium.encoders.registry import encoder_name
from sensorium.errors import UsageError
from sensorium.home import default_collection_path
from sensorium.media.skipped import group_skipped

if TYPE_CHECKING:
    from sensorium.evaluation.result import Result

# What evaluates is imported in the functions: it needs an extra, and other commands do not.


KINDS = {"pairs": "pairs", "folder": "folder", "queries": "retrieval"}
"""Kind of the result that each kind of data gives."""


def evaluate(
    data: Annotated[
        Path | None,
        typer.Argument(
            help="A folder of pictures per class, a table of pictures and captions "
            "(.csv, .tsv, .jsonl), or a BEIR folder for the collection.",
            show_default=False,
        ),
    ] = None,
    collection: Annotated[
        Path | None,
        typer.Option("--collection", "-c", metavar="FILE", help="Collection that queries search."),
    ] = None,
    queries: Annotated[
        Path | None, typer.Option(metavar="JSONL", help="BEIR queries: _id and text or image.")
    ] = None,
    qrels: Annotated[
        Path | None, typer.Option(metavar="TSV", help="BEIR or TREC judgements of the queries.")
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(MODES), help=f"How queries are searched for; without it {MODES[0]}."
        ),
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option(metavar="N", help="Hits of each query that are looked at; without it 1000."),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(help=f"Encoder; without it {DEFAULT_ENCODER}, or the collection's own."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="What class folders are called: folder,label,..."),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Folder to write; else evaluation-NAME."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the resampling behind intervals and tests.")] = 0,
    against: Annotated[
        Path | None,
        typer.Option(metavar="RESULT", help="Compare with the result.json of another evaluation."),
    ] = None,
    rerun: Annotated[
        Path | None,
        typer.Option(metavar="RESULT", help="Run the evaluation of a result.json again."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Measure an encoder or a collection on your own data, with intervals and paired tests."""
    if rerun is not None:
        others = (
            data, collection, queries, qrels, mode, depth, encoder, labels, folder, against
        )  # fmt: skip
        if any(option is not None for option in others):
            raise UsageError("--rerun takes everything from the result: give nothing else")
        _rerun(rerun, as_json)
        return
    from sensorium.data.questions import find_kind
    from sensorium.evaluation.against import require_comparable
    from sensorium.evaluation.result import read_result

    kind = find_kind(data) if data is not None else "queries"
    if kind == "result":
        assert data is not None
        if against is None:
            raise UsageError(f"{data} is a result: compare it with --against, or give --rerun")
        _compare(read_result(data), read_result(against), seed, as_json)
        return
    other = read_result(against) if against is not None else None  # it may be written over
    if other is not None:  # what cannot be compared is said before the work, not after it
        require_comparable(KINDS[kind], other.kind)
    if kind == "queries":
        options: dict[str, Any] = {"mode": mode or MODES[0], "seed": seed}
        if depth is not None:
            options["depth"] = depth
        result, folder = _of_queries(data, collection, queries, qrels, encoder, folder, options)
    else:
        of_queries = (collection, queries, qrels, mode, depth)
        if any(option is not None for option in of_queries):
            raise UsageError(
                "--collection, --queries, --qrels, --mode and --depth go with queries, and "
                f"{data} is "
                + ("a table of pictures and captions" if kind == "pairs" else "a folder of classes")
            )
        if labels is not None and kind == "pairs":
            raise UsageError("--labels goes with a folder of pictures per class")
        assert data is not None
        result, folder = _of_pictures(kind, data, encoder, labels, seed, folder)
    from sensorium.evaluation.folder import report_of, write_evaluation

    files = write_evaluation(result, folder)
    if result.skipped and not as_json:
        output.notices.print(f"{len(result.skipped):,} skipped", soft_wrap=True)
        for line in group_skipped(result.skipped):
            output.notices.print(f"  {line}", soft_wrap=True)
    output.print_report(report_of(result, folder, files), as_json)
    if other is not None:
        _compare(result, other, seed, as_json)
    if result.skipped:
        raise typer.Exit(EXIT_PARTLY)


def _of_pictures(
    kind: str,
    data: Path,
    encoder: str | None,
    labels: Path | None,
    seed: int,
    folder: Path | None,
) -> tuple[Result, Path]:
    from sensorium.evaluation.evaluate import absolute, evaluate_folder, evaluate_pairs
    from sensorium.evaluation.folder import require_free

    data = absolute(data)
    folder = folder or Path(f"evaluation-{data.stem if kind == 'pairs' else data.name}")
    loaded = load_encoder(encoder or DEFAULT_ENCODER)
    arguments = {"data": str(data), "encoder": encoder_name(encoder or DEFAULT_ENCODER)}
    if labels is not None:
        arguments["labels"] = str(absolute(labels))
    # Before the work, not after it.
    require_free(folder, kind, arguments, loaded.space.fingerprint)
    with progress_bar("encoding") as progress:
        if kind == "pairs":
            return evaluate_pairs(data, loaded, seed=seed, progress=progress), folder
        return evaluate_folder(data, loaded, labels=labels, seed=seed, progress=progress), folder


def _of_queries(
    data: Path | None,
    collection: Path | None,
    queries: Path | None,
    qrels: Path | None,
    encoder: str | None,
    folder: Path | None,
    options: dict[str, Any],
) -> tuple[Result, Path]:
    from sensorium.data.questions import QUERIES_FILE, find_qrels
    from sensorium.evaluation.collection_retrieval import DEPTH, evaluate_retrieval
    from sensorium.evaluation.evaluate import absolute
    from sensorium.evaluation.folder import require_free

    if data is not None:
        queries = queries or data / QUERIES_FILE
        qrels = qrels or find_qrels(data)
    if queries is None or qrels is None:
        raise UsageError(
            "give a folder of pictures per class, a table of pictures and captions, or for a "
            "collection a BEIR folder or both --queries and --qrels"
        )
    collection = absolute(collection or default_collection_path())
    mode = options["mode"]
    named = absolute(data).name if data else collection.stem
    folder = folder or Path(f"evaluation-{named}" + (f"-{mode}" if mode != MODES[0] else ""))
    with Collection(collection, create=False) as library:
        facts = library.info()
    if facts.space is not None:
        paths = {"collection": collection, "queries": absolute(queries), "qrels": absolute(qrels)}
        arguments = {name: str(path) for name, path in paths.items()}
        arguments |= {"encoder": str(facts.encoder), "mode": mode}
        arguments["depth"] = str(options.get("depth", DEPTH))
        require_free(folder, "retrieval", arguments, facts.space.fingerprint)
    with progress_bar("asking") as progress:
        options["progress"] = progress
        return evaluate_retrieval(collection, queries, qrels, encoder, **options), folder


def _rerun(path: Path, as_json: bool) -> None:
    from sensorium.evaluation.rerun import differences, rerun_result
    from sensorium.evaluation.result import read_result

    before = read_result(path)
    with progress_bar("encoding") as progress:
        after = rerun_result(before, progress)
    found = differences(before, after)
    output.print_report(found.as_report(before), as_json)
    if found.numbers:
        raise typer.Exit(EXIT_PARTLY)


def _compare(result: Result, other: Result, seed: int, as_json: bool) -> None:
    from sensorium.evaluation.against import compare_results

    compared = compare_results(result, other, seed=seed)
    for note in compared.notes:
        output.notices.print(note, soft_wrap=True)
    output.print_report(compared.as_report(), as_json)
