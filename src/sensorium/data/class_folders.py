"""A folder of files per class: what it holds, and what the classes are called."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from sensorium.data.examples import Examples
from sensorium.data.files import Candidate, find_files
from sensorium.data.tables import cell_path, cell_texts, read_rows
from sensorium.errors import UsageError
from sensorium.media import Image, open_media
from sensorium.media.skipped import Skipped
from sensorium.visible import sound

LABELS_COLUMNS = ("folder", "label")


def read_class_folders(
    folder: Path, labels: Path | None = None, *, kinds: tuple[type, ...] = (Image,)
) -> Examples:
    """Read a folder that holds a folder of pictures per class, nested to any depth.

    Parameters
    ----------
    folder : Path
    labels : Path, optional
        CSV with the columns ``folder``, ``label``, and any further ones: more labels of the class.
        Without it, and for folders it does not name, the label is the folder's name with
        underscores and hyphens as spaces.
    kinds : tuple of type
        Media that are taken; other files are passed over.

    Returns
    -------
    examples : Examples
    --------
        Named by their paths relative to the folder; the name of a class's folder is its label,
        and what stands for the class its words.

    Raises
    ------
    UsageError
        When fewer than two folders hold pictures, or the labels do not fit the folders.
    """
    # Links in it stay as the user knows them.
    folder = Path(os.path.abspath(folder))  # noqa: PTH100
    found = Examples()
    loose = 0
    # An evaluation that was written here is no class, though its plots are pictures.
    reports = {path.parent.name for path in folder.glob("*/result.json")}
    for entry in find_files([folder]):
        if isinstance(entry, Skipped):
            found.skipped.append(entry)
        elif isinstance(entry, Candidate) and isinstance(open_media(entry.path), kinds):
            parts = entry.path.relative_to(folder).parts
            if len(parts) == 1:
                loose += 1
                reason = f"lies beside the class folders: move it into one of {folder}"
                found.skipped.append(Skipped(str(entry.path), reason))
                continue
            if parts[0] in reports:
                continue
            found.words.setdefault(parts[0], [label_of_folder(parts[0])])
            found.labels.append(parts[0])
            found.names.append("/".join(parts))
            found.sources.append(entry.path)
    if len(found.words) < 2:
        holds = ", ".join(found.words) or "none"
        raise UsageError(
            f"{folder}: looked for two or more class folders that hold pictures, found {holds}"
            + (f" and {loose} pictures in no folder" if loose else "")
            + ". For pictures with captions give a table: a .csv with the columns path,caption"
        )
    if labels is not None:
        _relabel(found.words, labels)
    _require_different(found.words)
    return found


def label_of_folder(name: str) -> str:
    """The words that a folder's name stands for: ``sea_lion`` is "sea lion"."""
    return sound(" ".join(name.replace("_", " ").replace("-", " ").split()) or name)


def words_of_labels(labels: Iterable[str]) -> dict[str, list[str]]:
    """Every class of some labels, and the words that it is called by."""
    return {label: [label_of_folder(label)] for label in dict.fromkeys(labels)}


def _relabel(classes: dict[str, list[str]], labels: Path) -> None:
    named: dict[str, list[str]] = {}
    for line, row in read_rows(labels, beyond="further labels"):
        if isinstance(row, str):
            raise UsageError(f"{labels}:{line}: {row}")
        if missing := [name for name in LABELS_COLUMNS if name not in row]:
            raise UsageError(f"{labels}: needs the columns folder,label; {missing[0]} is missing")
        texts = [t for name, value in row.items() if name != "folder" for t in cell_texts(value)]
        name = cell_path(row["folder"])
        if not texts:
            raise UsageError(f"{labels}:{line}: {name!r} has no label")
        named[name] = [*dict.fromkeys([*named.get(name, []), *texts])]
    if unknown := [name for name in named if name not in classes]:
        raise UsageError(
            f"{labels} names folders that hold no pictures: {_some(unknown)}; there are "
            f"{_some(list(classes))}"
        )
    classes.update({name: named[name] for name in classes if name in named})


def _require_different(classes: Mapping[str, list[str]]) -> None:
    owner: dict[str, str] = {}
    for name, labels in classes.items():
        for label in labels:
            if owner.setdefault(label, name) != name:
                raise UsageError(
                    f"the classes {owner[label]!r} and {name!r} have the same label {label!r}: "
                    "give them different ones in a file for --labels (columns folder,label)"
                )


def _some(names: list[str], shown: int = 5) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
