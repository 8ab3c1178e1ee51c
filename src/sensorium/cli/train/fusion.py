"""``sensorium train fusion``: a classifier or regressor over all columns of a table."""

from __future__ import annotations

import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensorium.cli import EXIT_PARTLY, output
from sensorium.cli.options import JsonOption
from sensorium.cli.progress import progress_of_steps
from sensorium.cli.train.settings import SettingsOption, read_settings, replaced
from sensorium.errors import UsageError

if TYPE_CHECKING:
    from sensorium.tasks.fusion_features import TargetKind
    from sensorium.training.fusion import Fusion
    from sensorium.training.fusion_report import System

TEST_SHARE = 0.15
"""Rows that a report is made of; as many as decide."""

COMPARED = {"category": "accuracy", "number": "mae"}
"""The score that is compared, of a target's kind (`sensorium.training.fusion_report`)."""


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

    how = replaced(SETTINGS, read_settings(settings, type(SETTINGS)), epochs=epochs, seed=seed)
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
    if as_json:
        for item in skipped:
            output.print_json({"skipped": item.path, "reason": item.reason})
        output.print_json(_told(model, len(encoded), seconds, out))
    else:
        output.print_skipped(skipped)
        _print(model, len(encoded), seconds, out)
    if skipped:
        raise typer.Exit(EXIT_PARTLY)


def _targets(named: list[str], rows: Any) -> dict[str, TargetKind]:
    from sensorium.data.columns import require_columns
    from sensorium.tasks.fusion_features import detect_target

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
        "method": model.model.architecture.method,
        "rows": rows,
        "columns": {column.name: column.kind for column in model.tables.columns},
        "modalities": [*model.modalities],
        "targets": {name: target.kind for name, target in model.targets.items()},
        "seconds": round(seconds, 1),
        "scores": {
            target: {name: asdict(score) for name, score in scores.items()}
            for target, scores in model.scores.items()
        },
        "report": None if model.report is None else model.report.to_json(),
    }


def _print(model: Fusion, rows: int, seconds: float, out: Path) -> None:
    kinds = ", ".join(f"{column.name} ({column.kind})" for column in model.tables.columns)
    method = model.model.architecture.method
    _line(f"{method} fusion of {kinds}; {rows:,} rows, {seconds:.0f} s")
    report = model.report
    if report is not None:
        counts = report.counts
        _line(
            f"learnt from {counts['train']:,} rows and chosen by {counts['validation']:,}, then "
            f"measured on {counts['test']:,}, which the model that is written has learnt from, too"
        )
        if len(report.validation) > 1:
            losses = ", ".join(f"{name} {loss:.3f}" for name, loss in report.validation.items())
            _line(f"validation loss, half of it with modalities hidden: {losses}")
        for target, systems in report.systems.items():
            if not systems:
                _line(f"{target}: too few rows to measure on")
                continue
            _print_systems(target, systems, COMPARED[model.targets[target].kind])
    files = "fusion.json, model.safetensors" + (", training" * (out / "training").is_dir())
    _line(f"written to {output.short_path(str(out))}: {files}")


def _print_systems(target: str, systems: list[System], compared: str) -> None:
    """A line for each way to predict a target, the chosen one first."""
    names = [*systems[0].scores]
    headings = [target, compared, "95% interval"]
    headings += [*(name for name in names if name != compared), "difference", "p (Holm)"]
    lines = []
    for one in systems:
        score, others = one.scores[compared], [one.scores[n] for n in names if n != compared]
        line = [one.name, _figure(score.estimate)]
        line += [f"{_figure(score.low)} to {_figure(score.high)}"]
        line += [_figure(other.estimate) for other in others]
        if (found := one.comparison) is not None:
            ends = f"{_figure(found.low, '+')} to {_figure(found.high, '+')}"
            line += [f"{_figure(found.difference, '+')} ({ends})", f"{found.p:.4f}"]
        lines.append(line)
    output.print_table(headings, [line + [""] * (len(headings) - len(line)) for line in lines],
                       bold=lambda row: row[0] == systems[0].name)  # fmt: skip


def _line(text: str) -> None:
    output.console.print(text, soft_wrap=True, markup=False)


def _figure(value: float, sign: str = "") -> str:
    return f"{value:{sign}.{3 if abs(value) < 100 else 1}f}" if math.isfinite(value) else "-"
