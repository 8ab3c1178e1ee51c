"""``sensorium caption`` and ``sensorium translate``: what trained models write."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from sensorium.cli import output
from sensorium.cli.options import JsonOption
from sensorium.cli.progress import progress_bar
from sensorium.cli.terminal import print_json, print_line
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


def translate(
    model: Annotated[
        str,
        typer.Argument(
            help="Folder that `sensorium train translation` wrote, or a seq2seq model's hub id."
        ),
    ],
    texts: Annotated[
        list[str] | None, typer.Argument(help="Texts; without any, lines from standard input.")
    ] = None,
    codes: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="SOURCE TARGET", help="Languages as a hub's multilingual model calls them."
        ),
    ] = None,
    beams: BeamsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Translate texts with a trained model, a line each."""
    from sensorium.tasks.translation import load_translator

    sources = texts or [line.rstrip("\r\n") for line in sys.stdin]
    if not any(text.strip() for text in sources):
        raise UsageError("there is no text to translate")
    translator = load_translator(model, codes=codes)
    for one in translator.translate(sources, beams=beams):
        if as_json:
            print_json(one)
        else:
            print_line(one.text)
