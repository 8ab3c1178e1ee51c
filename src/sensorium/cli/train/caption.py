"""``sensorium train caption``: from captioned pictures to a model that captions others."""

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
    made_of,
    replaced,
)
from sensorium.encoders import DEFAULT_ENCODER
from sensorium.errors import UsageError


def caption(
    data: Annotated[
        str,
        typer.Argument(
            help="Captioned pictures: a table (.csv, .tsv, .jsonl), a folder per class, a dataset, "
            "WebDataset tars.",
            show_default=False,
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="Fine-tune this captioner: a vision-encoder-decoder, BLIP, GIT ..."
        ),
    ] = None,
    image_tower: Annotated[
        str | None, typer.Option(metavar="ID", help="Join this picture tower with --decoder.")
    ] = None,
    decoder: Annotated[
        str | None, typer.Option(metavar="ID", help="Text model that --image-tower is joined to.")
    ] = None,
    frozen: Annotated[
        bool, typer.Option("--frozen", help="Keep the picture tower as it is; much faster.")
    ] = False,
    encoder: Annotated[
        str,
        typer.Option(
            help="Without a model: the frozen encoder that a small new decoder reads. Its nearest "
            "pictures are the baseline."
        ),
    ] = DEFAULT_ENCODER,
    neighbours: Annotated[
        int | None, typer.Option(help="Captions of similar pictures that the new decoder sees.")
    ] = None,
    vocabulary: Annotated[
        int | None, typer.Option(help="Word pieces of the new decoder, at most.")
    ] = None,
    validation: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="Validate on these; else a tenth is held out."),
    ] = None,
    test: Annotated[
        str | None, typer.Option(metavar="DATA", help="Test on these; else a tenth is held out.")
    ] = None,
    folder: OutputOption = None,
    language: LanguageOption = "en",
    epochs: EpochsOption = None,
    batch_size: BatchOption = None,
    learning_rate: RateOption = None,
    beams: BeamsOption = 5,
    max_length: Annotated[int, typer.Option(help="Word pieces of a caption, at most.")] = 32,
    seed: SeedOption = 0,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a model that captions pictures, and measure it beside the nearest neighbour."""
    from sensorium.tasks.generating import Search
    from sensorium.training.captioner import FINE_TUNING, SETTINGS, train_captioner
    from sensorium.training.captioner_on_features import Design
    from sensorium.training.captioner_on_pixels import pretrained_captions

    joined = image_tower is not None or decoder is not None
    new = model is None and not joined
    if not new and (neighbours is not None or vocabulary is not None):
        raise UsageError("--neighbours and --vocabulary go with a new decoder, without a model")
    if new and frozen:
        raise UsageError("--frozen goes with --model or --image-tower; --encoder always is")
    if model is not None and joined:
        raise UsageError("--model is a whole captioner: leave out --image-tower and --decoder")
    how = replaced(
        SETTINGS if new else FINE_TUNING, settings,
        epochs=epochs, batch_size=batch_size, learning_rate=learning_rate,
    )  # fmt: skip
    design = made_of(Design, {}, neighbours=neighbours, vocabulary=vocabulary)
    pretrained = None if new else pretrained_captions(model, tower=image_tower, decoder=decoder)
    folder = folder or Path(f"captioner-{Path(data).stem or 'new'}")
    with interruptible(), progress_of_steps() as line:
        report = train_captioner(
            data, folder, encoder=encoder, design=design, model=pretrained, frozen=frozen,
            validation=validation, test=test, language=language, settings=how,
            search=Search(beams, max_length), seed=seed, said=line.said, progress=line.training,
        )  # fmt: skip
    output.print_report(report.as_report(), as_json)
