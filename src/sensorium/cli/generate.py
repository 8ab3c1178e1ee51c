"""``sensorium caption``: what trained models write of pictures."""

from __future__ import annotations

from typing import Annotated

import typer

from sensorium.cli import output
from sensorium.cli.options import JsonOption
from sensorium.cli.progress import progress_bar
from sensorium.cli.terminal import print_line
from sensorium.data.files import select_files
from sensorium.errors import UsageError
from sensorium.evaluation.report import Report, named

BeamsOption = Annotated[
    int | None,
    typer.Option(help="Hypotheses of beam search; 1 is greedy.", show_default="as trained"),
]


def caption(
    model: Annotated[
        str,
        typer.Argument(
            help="Folder that `sensorium train caption` wrote, or a captioner's hub id."
        ),
    ],
    pictures: Annotated[list[str], typer.Argument(help="Picture files, folders, globs.")],
    beams: BeamsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Caption pictures with a trained model."""
    from sensorium.tasks.captioning import load_captioner, skipped_of

    chosen = select_files(pictures, "image", "only pictures are captioned")
    if not chosen.paths and not chosen.skipped:
        raise UsageError(f"{' '.join(pictures)}: no picture there")
    captions = []
    if chosen.paths:
        captioner = load_captioner(model)
        with progress_bar("captioning") as progress:
            captions = captioner.caption(chosen.paths, beams=beams, progress=progress)
    skipped = chosen.skipped + skipped_of(captions)
    captions = [one for one in captions if not one.error]
    if not as_json:
        for one in captions:
            print_line(output.short_path(one.path), one.text)
        output.print_ignored(chosen.ignored)
    output.print_report(Report((), [*captions, *named(skipped)], skipped), as_json)
