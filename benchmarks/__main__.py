"""`python -m benchmarks NAME [--quick] [--json FILE]`, and `fetch` for the data sets."""

import argparse
import sys
from importlib import import_module
from pathlib import Path

from rich.console import Console

from benchmarks.rows import print_table, write_json
from sensorium.errors import SensoriumError

#: Name of a benchmark, and what it measures. The module of that name has
#: `run(arguments) -> list[Row]` and, for options of its own, `add_arguments(parser)`; where one
#: table does not do, also `show(rows)`.
BENCHMARKS = {
    "quality": "retrieval and zero-shot accuracy of encoders on the fetched sets",
    "indexing": "photos per second, cold start, memory and installed size",
    "hashing": "what binary codes of each length find, weigh and cost, against float search",
    "search": "latency, recall, memory and build time of indexes against N, beside their rivals",
    "encoders": "exported encoders beside torch and other runtimes, pictures and texts a second",
    "runtimes": "OpenVINO and ONNX Runtime for each tower: starts, first items, speeds",
    "train": "classifiers, encoders, fusion, texts and codes that are trained, beside baselines",
    "segmentation": "masks of any word on composites, and of people, beside boxes and rivals",
    "scores": "what a cosine is worth: thresholds against ranking",
    "questions": "questions of several parts, wanted and not, beside rclip's query algebra",
    "probabilities": "how true hits' probabilities are, and whether nothing matches is known",
    "mixed_lists": "texts and pictures in one list: nDCG and the share of each",
    "feedback": "what 1, 3 and 10 judged hits gain, beside Rocchio and a regression",
    "yes_no": "whether one label fits: yes, no or cannot tell, and how often that is right",
    "captions": "one name for each picture, beside the nearest of known captions",
    "capitals": "captions in capitals find their pictures: by rule, and what ordinary text loses",
    "long_questions": "questions longer than the model reads at once: cut off, or in parts",
    "detection": "boxes for any word and for known kinds, on pictures put together: AP50",
    "people": "photos with people by their questions, with labels of a detector and without",
    "language": "answers and summaries without a language model, beside BM25, TextRank and others",
    "sets": "label sets with a stated coverage, and 'none of these', beside rivals",
    "sqlite": "collections on the SQLite of apsw, and on Python's as it is and with guards",
    "stores": "collections in SQLite and in Lance: writing, looking up, words, conditions",
    "lance_index": "the index that Lance keeps in a table, beside ours and comparing everything",
    "lance_memory": "what search and duplicates hold in memory, of collections in Lance and SQLite",
    "scale": "indexing on a Ray cluster, beside `add` here, plain Ray Data and Daft; two nodes",
    "shards": "a collection divided among processes, beside one process and FAISS's IndexShards",
    "words": "questions for words in many scripts, beside other ways to cut words",
    "duplicates": "altered copies found, and different pictures called one, beside rivals",
    "doubled_tracks": "sounds and films saved again, and different ones called one, beside rivals",
    "writing": "what --ocr reads of drawn pages and of photos, beside RapidOCR as it ships",
    "long_film": "a film of over 2 GB: peak memory of each process, time",
    "explanations": "explanations: deletion and insertion areas, beside rivals, and seconds",
    "explanation_scenes": "what an explanation asks first: pictures to choose it on",
    "speech": "captions spoken and heard: word errors, invented words, speech read back",
    "dialogue": "conversations with a collection, beside plain search and retrieve-then-write",
    "dialogue_limits": "what the limits of a dialogue cost: refused rightly and wrongly",
    "serve": "requests a second and their seconds under load, beside a plain server",
    "sounds": "recordings found by what they are, and the reverse, beside chance",
    "page": "the page of `serve` over 100,000 items in Chromium: paint, keys, scrolling",
    "page_map": "the page's map of 100,000 items in Chromium: frames while it moves",
    "mixed_classes": "classes taught by a few photos and texts at once, and by each kind alone",
    "pages": "documents of many pages and long texts: seconds and memory, by size",
    "gpu": "encoders, a training and exact search on a graphics card, beside the processor",
    "texts": "long texts of every shape: processor time of reading and cutting, by size",
}


def main() -> int:
    """Run what the command line names; return the exit code."""
    arguments = _parser().parse_args()
    if arguments.name == "fetch":
        return _fetch(arguments.sets)
    module = import_module(f"benchmarks.{arguments.name}")
    try:
        rows = module.run(arguments)
    except SensoriumError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 3
    getattr(module, "show", print_table)(rows)
    if arguments.json:
        write_json(rows, arguments.json)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    for name, about in BENCHMARKS.items():
        command = commands.add_parser(name, help=about, description=about)
        command.add_argument("--quick", action="store_true", help="less of it, within 5 minutes")
        command.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON")
        module = import_module(f"benchmarks.{name}")
        if hasattr(module, "add_arguments"):
            module.add_arguments(command)
    fetch = commands.add_parser("fetch", help="bring the data sets into the cache")
    fetch.add_argument("sets", nargs="*", metavar="SET", help="all when none is named")
    return parser


def _fetch(names: list[str]) -> int:
    from benchmarks import datasets

    console = Console(stderr=True)
    try:
        datasets.fetch(
            names, report=lambda line: console.print(line, highlight=False, soft_wrap=True)
        )
    except datasets.FetchError as error:
        console.print(f"cannot fetch: {error}", style="red", highlight=False, soft_wrap=True)
        return 3
    for name in names or datasets.SETS:
        print(datasets.home() / name / "manifest.csv")
    return 0


if __name__ == "__main__":
    sys.exit(main())
