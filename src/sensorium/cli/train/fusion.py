"""``sensorium train fusion``: a classifier or regressor over all columns of a table."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensorium.cli import EXIT_PARTLY, output
from sensorium.cli.options import JsonOption
from sensorium.cli.progress import progress_of_steps
from sensorium.errors import UsageError

if TYPE_CHECKING:
    from sensorium.training.fusion.estimators import Fusion
    from sensorium.training.fusion.features import TargetKind


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
        str, typer.Option(metavar="early|late|hybrid", help="How modalities are fused.")
    ] = "hybrid",
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
        typer.Option(metavar="TABLE", help="Rows to stop by; else a share of the table."),
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
    as_json: JsonOption = False,
) -> None:
    """Train one model on pictures, texts, sounds and numbers of a table together."""
    import dataclasses

    from sensorium.training.fusion.estimators import SETTINGS, FusionClassifier, FusionRegressor
    from sensorium.training.fusion.table_encoder import read_rows_of

    settings = dataclasses.replace(SETTINGS, seed=seed)
    if epochs is not None:
        settings = dataclasses.replace(settings, epochs=epochs)
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
        settings=settings,
        decision=decision,
        modality_dropout=modality_dropout,
    )
    leave_out = [*targets, *(ignore or [])]
    with progress_of_steps() as line:
        encoding = line.said("encoding")
        encoded = model.encode(table, leave_out=leave_out, progress=encoding)
        held_out = None if validation is None else model.encode(validation, progress=encoding)
        history = model.fit(
            encoded, targets, validation=held_out, folder=out / "training", steps=line.progress
        )
    model.save(out)
    skipped = [*encoded.skipped, *(held_out.skipped if held_out else [])]
    if as_json:
        for item in skipped:
            output.print_json({"skipped": item.path, "reason": item.reason})
        output.print_json(_told(model, len(encoded), history.seconds, out))
    else:
        output.print_skipped(skipped)
        _print(model, len(encoded), history.seconds, out)
    if skipped:
        raise typer.Exit(EXIT_PARTLY)


def _targets(named: list[str], rows: Any) -> dict[str, TargetKind]:
    from sensorium.training.fusion.features import detect_target
    from sensorium.training.fusion.tables import require_columns

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


def _told(model: Fusion, rows: int, seconds: float, out: Path) -> dict[str, Any]:
    return {
        "model": str(out),
        "method": model.method,
        "rows": rows,
        "columns": {column.name: column.kind for column in model.tables.columns},
        "modalities": [*model.modalities],
        "targets": {name: target.kind for name, target in model.targets.items()},
        "seconds": round(seconds, 1),
        "scores": {
            target: {
                name: {"estimate": score.estimate, "low": score.low, "high": score.high}
                for name, score in scores.items()
            }
            for target, scores in model.scores.items()
        },
    }


def _print(model: Fusion, rows: int, seconds: float, out: Path) -> None:
    def line(text: str) -> None:
        if output.console.is_terminal:
            output.console.print(text, soft_wrap=True, markup=False)
        else:
            print(text)  # the console would turn tabs into spaces

    kinds = ", ".join(f"{column.name} ({column.kind})" for column in model.tables.columns)
    line(f"{model.method} fusion of {kinds}; {rows:,} rows, {seconds:.0f} s")
    for target, scores in model.scores.items():
        for name, score in scores.items():
            figures = (score.estimate, score.low, score.high)
            digits = 3 if max(map(abs, figures)) < 100 else 1
            estimate, low, high = (
                f"{value:.{digits}f}" if math.isfinite(value) else "-" for value in figures
            )
            line(f"{target}\t{name}\t{estimate}\t{low}\t{high}")
    line(f"written to {output.short_path(str(out))}: fusion.json, model.safetensors, training")
