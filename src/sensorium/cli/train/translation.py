"""``sensorium train translation``: from pairs of texts to a model that translates others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sensorium.cli import output
from sensorium.cli.options import JsonOption
from sensorium.cli.progress import interruptible, progress_of_steps
from sensorium.cli.train.settings import (
    BatchOption,
    BeamsOption,
    EpochsOption,
    LanguageOption,
    OutputOption,
    RateOption,
    SeedOption,
    SettingsOption,
    replaced,
)
from sensorium.encoders import DEFAULT_ENCODER


def translation(
    data: Annotated[
        Path,
        typer.Argument(
            help="A table (.csv, .tsv, .jsonl) with a column of texts and one of translations.",
            show_default=False,
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Fine-tune this seq2seq model: T5, BART, Marian, NLLB ... "
            "Without one, a small new model is trained.",
        ),
    ] = None,
    text_encoder: Annotated[
        str | None, typer.Option(metavar="ID", help="Join this text model with --decoder.")
    ] = None,
    decoder: Annotated[
        str | None, typer.Option(metavar="ID", help="Text model that --text-encoder is joined to.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column of texts; else the first.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column of translations; else the second.")
    ] = None,
    codes: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="SOURCE TARGET",
            help="Languages as a multilingual model calls them: eng_Latn deu_Latn.",
        ),
    ] = None,
    vocabulary: Annotated[int, typer.Option(help="Word pieces of a new model, at most.")] = 4000,
    validation: Annotated[
        Path | None,
        typer.Option(metavar="TABLE", help="Validate on these; else a tenth is held out."),
    ] = None,
    test: Annotated[
        Path | None, typer.Option(metavar="TABLE", help="Test on these; else a tenth is held out.")
    ] = None,
    encoder: Annotated[
        str, typer.Option(help="Whose nearest known text is the baseline.")
    ] = DEFAULT_ENCODER,
    folder: OutputOption = None,
    language: LanguageOption = "en",
    epochs: EpochsOption = None,
    batch_size: BatchOption = None,
    learning_rate: RateOption = None,
    beams: BeamsOption = 5,
    max_length: Annotated[int, typer.Option(help="Word pieces of a translation, at most.")] = 64,
    seed: SeedOption = 0,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a model that translates texts, and measure it beside the nearest known text."""
    from sensorium.data.pairs import read_text_pairs
    from sensorium.tasks.generating import Search
    from sensorium.training.translator import (
        FINE_TUNING,
        SETTINGS,
        pretrained_translation,
        train_translator,
    )

    new = model is None and text_encoder is None and decoder is None
    pairs, *held_out = (
        None if table is None else read_text_pairs(table, source, target)
        for table in (data, validation, test)
    )
    translation = None
    if not new:
        translation = pretrained_translation(
            model, encoder=text_encoder, decoder=decoder, codes=codes
        )
    how = replaced(
        SETTINGS if new else FINE_TUNING, settings,
        epochs=epochs, batch_size=batch_size, learning_rate=learning_rate,
    )  # fmt: skip
    folder = folder or Path(f"translator-{data.stem}")
    with interruptible(), progress_of_steps() as line:
        report = train_translator(
            pairs, folder, encoder=encoder, translation=translation, codes=codes,
            vocabulary=vocabulary, validation=held_out[0], test=held_out[1], language=language,
            settings=how, search=Search(beams, max_length), seed=seed, said=line.said,
            progress=line.training,
        )  # fmt: skip
    output.print_report(report.as_report(), as_json)
