"""Whether a folder or file that Sensorium wrote is as it was written, of whatever kind it is."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sensorium.checksums import damaged_files, require_checksum
from sensorium.collection.checking import CheckReport, Damage
from sensorium.encoders.folder import FolderEncoder
from sensorium.encoders.folder_config import ENCODER
from sensorium.errors import SensoriumError, UsageError
from sensorium.folders import FILES, Format, read_bytes
from sensorium.tasks.formats import CAPTIONER, CLASSIFIER, FUSION, TRANSLATOR

AGAIN = "take a whole copy, or make it again"

WITHOUT = "was written before there were checksums, or elsewhere: only its form could be checked"

CONTRASTIVE = "sensorium.json"
"""What `sensorium train contrastive` writes beside a model of sentence-transformers."""


def check_stored(path: Path) -> CheckReport:
    """Compare what is stored with its checksums, and see whether it can be read.

    Parameters
    ----------
    path : Path
        The folder of an encoder, a classifier, a fusion model, a captioner, a translator, an
        evaluation or an export; or a ``result.json``, or the ``.npz`` of a hash function.

    Raises
    ------
    UsageError
        When it is nothing that Sensorium writes.
    """
    started = time.monotonic()
    report = CheckReport()
    found = False
    for look, is_there in _kinds(path):
        if is_there:
            found = True
            try:
                report.damages += look(path, report)
            except SensoriumError as error:
                report.damages.append(Damage(str(error), str(path), AGAIN))
    if not found:
        raise UsageError(
            f"{path}: nothing that Sensorium wrote; give a collection, or the folder of an "
            "encoder, classifier, fusion model, captioner, translator, evaluation or export"
        )
    report.seconds = time.monotonic() - started
    return report


Look = Callable[[Path, CheckReport], Iterator[Damage]]


def _kinds(path: Path) -> list[tuple[Look, bool]]:
    from sensorium.collection.exchange import SPACE_FILE
    from sensorium.evaluation.result import RESULT_FILE

    formats = (ENCODER, CLASSIFIER, FUSION, CAPTIONER, TRANSLATOR)
    is_result = path.is_file() and path.suffix == ".json"
    return [
        *((_of_format(form), (path / form.file).exists()) for form in formats),
        (_of_notes, (path / CONTRASTIVE).exists()),
        (_of_result, is_result or (path / RESULT_FILE).exists()),
        (_of_export, (path / SPACE_FILE).exists()),
        (_of_hash, path.is_file() and path.suffix == ".npz"),
    ]


def _of_format(form: Format) -> Look:
    def look(path: Path, report: CheckReport) -> Iterator[Damage]:
        if not form.has_checksums(path):
            report.notes.append(f"{path}: the {form.what} {WITHOUT}")
        damaged = False
        for file, why in form.damages(path):
            damaged = True
            yield Damage(why, str(file), AGAIN)
        if not damaged:
            form.read(path)
            if form is ENCODER:
                FolderEncoder(path)
            elif form is CLASSIFIER:
                from sensorium.tasks.classification import (
                    VECTOR_METHODS,
                    load_vector_classifier,
                    read_config,
                )

                if read_config(path).get("method") in VECTOR_METHODS:
                    load_vector_classifier(path)

    return look


def _of_notes(path: Path, report: CheckReport) -> Iterator[Damage]:
    file = path / CONTRASTIVE
    try:
        notes = json.loads(read_bytes(file))
        require_checksum(notes)
        if FILES not in notes:
            report.notes.append(f"{path}: the model {WITHOUT}")
        for damaged, why in damaged_files(path, notes.get(FILES, {})):
            yield Damage(why, str(damaged), AGAIN)
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        yield Damage(f"it cannot be read ({error!s:.200})", str(file), AGAIN)


def _of_result(path: Path, report: CheckReport) -> Iterator[Damage]:
    from sensorium.evaluation.result import RESULT_FILE, has_checksum, read_result

    read_result(path)
    file = path / RESULT_FILE if path.is_dir() else path
    if not has_checksum(file):
        report.notes.append(f"{file}: the result {WITHOUT}")
    yield from ()


def _of_export(path: Path, report: CheckReport) -> Iterator[Damage]:
    from sensorium.collection.exchange import SPACE_FILE, damages_of_export, find_import

    damaged = False
    for file, why in damages_of_export(path):
        damaged = True
        yield Damage(why, str(file), "export it again, or take a whole copy")
    if not damaged:
        find_import(path)
        if FILES not in json.loads(read_bytes(path / SPACE_FILE)):
            report.notes.append(f"{path}: the export {WITHOUT}")


def _of_hash(path: Path, report: CheckReport) -> Iterator[Damage]:
    from sensorium.index.coding import load_coder

    load_coder(path)  # the archive has a checksum of each array
    yield from ()
