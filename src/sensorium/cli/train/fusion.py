"""``sensorium train fusion``: a classifier or regressor over all columns of a table."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensorium.cli import output
from sensorium.cli.options import JsonOption
from sensorium.cli.progress import progress_of_steps
from sensorium.cli.train.settings import SettingsOption, replaced
from sensorium.errors import UsageError

if TYPE_CHECKING:
    from sensorium.tasks.rows.features import TargetKind

TEST_SHARE = 0.15
"""Rows that a report is made of; as many as decide."""


def train_fusion(
    table: Annotated[
        Path, typer.Argument(help="Rows to learn from: .csv, .tsv or .jsonl.", show_default=False)
    ],
    target: Annotated[
        list[str],
        typer.Option(
            metavar="COLUMN[:KIND]",
            help="Column to predict, as many as you like; KIND is category or number.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the model.")],
    method: Annotated[
        str,
        typer.Option(
            metavar="auto|linear|early|late|hybrid",
            help="How modalities are fused; auto tries all four and lets validation rows choose.",
        ),
    ] = "auto",
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN:KIND",
            help="Read this column, and only those named so: image, audio, video, mesh, document, "
            "text, number, category, vectors. Without it all are, by what they hold.",
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="Do not read this column.")
    ] = None,
    encoder: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[MODALITY=]NAME",
            help="Encoder, of all modalities or of one; audio=mel takes statistics of the sound.",
        ),
    ] = None,
    validation: Annotated[
        Path | None,
        typer.Option(metavar="TABLE", help="Rows to choose and stop by; else 15% of the table."),
    ] = None,
    test: Annotated[
        Path | None,
        typer.Option(metavar="TABLE", help="Rows to measure on; else 15% of the table."),
    ] = None,
    decision: Annotated[
        str, typer.Option(metavar="learned|average", help="How late fusion decides.")
    ] = "learned",
    modality_dropout: Annotated[
        float, typer.Option(help="Chance that a modality is hidden in training.")
    ] = 0.3,
    balanced: Annotated[
        bool, typer.Option("--balanced", help="Give rare labels the weight of frequent ones.")
    ] = False,
    crops: Annotated[
        bool, typer.Option("--crops", help="Look at the corners of pictures, too.")
    ] = False,
    epochs: Annotated[float | None, typer.Option(help="Passes over the rows, at most.")] = None,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train one model on pictures, texts, sounds and numbers of a table together."""
    from sensorium.data.table_encoder import read_rows_of
    from sensorium.training.fusion import SETTINGS, FusionClassifier, FusionRegressor
    from sensorium.training.fusion_report import report_of

    how = replaced(SETTINGS, settings, epochs=epochs, seed=seed)
    rows, _ = read_rows_of(table)
    targets = _targets(target, rows)
    columns = _columns(column)
    if ignore and columns is not None:
        raise UsageError("--ignore goes without --column: only the named columns are read then")
    kind = FusionClassifier if "category" in targets.values() else FusionRegressor
    model = kind(
        method,  # type: ignore[arg-type]  # checked there
        columns=columns,
        encoder=_encoders(encoder),
        crops=crops,
        class_weights="balanced" if balanced else None,
        test_share=TEST_SHARE,
        settings=how,
        decision=decision,
        modality_dropout=modality_dropout,
    )
    leave_out = [*targets, *(ignore or [])]
    started = time.monotonic()
    with progress_of_steps() as line:
        encoding = line.said("encoding")
        encoded = model.encode(table, leave_out=leave_out, progress=encoding)
        given = [
            None if one is None else model.encode(one, progress=encoding)
            for one in (validation, test)
        ]
        model.fit(
            encoded, targets, validation=given[0], test=given[1], folder=out / "training",
            said=line.said,
        )  # fmt: skip
    model.save(out)
    seconds = time.monotonic() - started
    skipped = [item for one in (encoded, *given) if one is not None for item in one.skipped]
    output.print_report(report_of(model, len(encoded), seconds, out, skipped), as_json)


def _targets(named: list[str], rows: Any) -> dict[str, TargetKind]:
    from sensorium.data.columns import require_columns
    from sensorium.tasks.rows.features import detect_target

    there = {name for row in rows for name in row}
    targets: dict[str, TargetKind] = {}
    for text in named:
        name, _, kind = text.rpartition(":")
        if text in there or kind not in ("category", "number"):
            require_columns(rows, [text])
            targets[text] = detect_target(text, rows)
        else:
            require_columns(rows, [name])
            targets[name] = kind  # type: ignore[assignment]
    return targets


def _columns(named: list[str] | None) -> dict[str, str] | None:
    if not named:
        return None
    columns = {}
    for text in named:
        name, colon, kind = text.rpartition(":")
        if not colon:
            raise UsageError(f"--column {text}: write COLUMN:KIND, such as {text}:image")
        columns[name] = kind
    return columns


def _encoders(named: list[str] | None) -> str | dict[str, str]:
    from sensorium.encoders import DEFAULT_ENCODER

    by_modality: dict[str, str] = {}
    for_all = None
    for text in named or []:
        modality, equals, name = text.partition("=")
        # A hub id has options after a question mark, which may hold "=", too.
        if equals and "/" not in modality and "?" not in modality:
            by_modality[modality] = name
        elif for_all is not None:
            raise UsageError(f"two encoders for all modalities, {for_all} and {text}")
        else:
            for_all = text
    if not by_modality:
        return for_all or DEFAULT_ENCODER
    if for_all is not None:
        for modality in ("image", "text", "audio", "video", "mesh"):
            by_modality.setdefault(modality, for_all)
    return by_modality
