"""Manifests: one CSV row per picture, with captions, category, split, source and licence.

On disk the paths are relative to the data sets' folder, so that the cache can be moved; in memory
they are absolute.
"""

import csv
import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

Row = dict[str, str]

#: Columns that hold one path, or a JSON object whose values are paths.
PATH_COLUMNS = ("image", "image_src", "audio", "file")
PATHS_COLUMN = "audio_spoken"

#: Of 100 buckets of concepts, the first 20 are the test split and the next 10 validation.
TEST_BUCKETS, VALIDATION_BUCKETS = 20, 10

csv.field_size_limit(min(sys.maxsize, 1 << 30))


def split_of(concept: str) -> str:
    """Assign a concept to "train", "val" or "test" by its MD5, the same on every machine.

    All pictures of one concept share a split, so no test concept is seen in training.
    """
    bucket = int(hashlib.md5(concept.encode()).hexdigest(), 16) % 100
    if bucket < TEST_BUCKETS:
        return "test"
    return "val" if bucket < TEST_BUCKETS + VALIDATION_BUCKETS else "train"


def to_json(value: Mapping[str, str]) -> str:
    """A JSON object with sorted keys and readable characters, as the cells of a manifest hold."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def write(rows: Iterable[Mapping[str, object]], path: Path, root: Path) -> int:
    """Write rows as CSV, their paths relative to `root`; return how many rows there were."""
    table = [_map_paths(row, lambda text: str(Path(text).relative_to(root))) for row in rows]
    part = path.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    part.replace(path)
    return len(table)


def read(path: Path, root: Path) -> list[Row]:
    """Read a manifest; every cell is a string, every path absolute."""
    with path.open(newline="", encoding="utf-8") as file:
        return [_map_paths(row, lambda text: str(root / text)) for row in csv.DictReader(file)]


def _map_paths(row: Mapping[str, object], change: Callable[[str], str]) -> Row:
    changed = {column: str(value) for column, value in row.items()}
    for column in PATH_COLUMNS:
        if changed.get(column):
            changed[column] = change(changed[column])
    if PATHS_COLUMN in changed:
        spoken = json.loads(changed[PATHS_COLUMN])
        changed[PATHS_COLUMN] = to_json({key: change(path) for key, path in spoken.items()})
    return changed
