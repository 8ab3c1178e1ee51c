"""``sensorium search``: one question, its hits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sensorium.cli import EXIT_PARTLY, output
from sensorium.cli.options import CollectionOption, JsonOption, WhereOption, opened
from sensorium.cli.terminal import print_json
from sensorium.collection.asking import MODES
from sensorium.media import Text
from sensorium.media.sources import is_url, shown_url


def search(
    query: Annotated[str, typer.Argument(help="Words, or a media file's path or URL.")],
    collection: CollectionOption = None,
    k: Annotated[int, typer.Option("-k", help="Hits wanted.")] = 10,
    mode: Annotated[
        str,
        typer.Option(
            metavar="|".join(MODES),
            help="Compare by meaning, by words of names and captions, by both, or by hash codes.",
        ),
    ] = MODES[0],
    offset: Annotated[
        int, typer.Option(help="Better hits to pass over: a second page has --offset 10.")
    ] = 0,
    where: WhereOption = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="Encoder, where it is not the one that the collection names.", show_default=False
        ),
    ] = None,
    as_text: Annotated[
        bool, typer.Option("--text", help="Take the query as words, even if it names a file.")
    ] = False,
    paths: Annotated[bool, typer.Option("--paths", help="Print bare paths.")] = False,
    null: Annotated[
        bool, typer.Option("--null", "-0", help="Bare paths ended by NUL, for xargs -0.")
    ] = False,
    sheet: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Write a contact sheet of the hits.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Find media by words, or by other media: a picture, a sound, a video, a document."""
    with opened(collection, encoder=encoder) as library:
        words = as_text or mode == "words"  # then the name of a file is a word, too
        hits = library.search(
            Text(query) if words else query, k, mode=mode, offset=offset, where=where
        )
        found_nothing = output.found_nothing(library) if not hits else ""
    if sheet is not None and hits:
        from sensorium.cli.sheet import write_sheet  # fonts and drawing only when asked for

        title = shown_url(query) if is_url(query) else query
        output.print_skipped(write_sheet(sheet, title, hits))
    if as_json:
        for hit in hits:
            print_json(hit)
    elif paths or null:
        output.print_paths(hits, null=null)
    else:
        output.print_hits(hits)
    if not hits:
        output.notices.print(found_nothing, soft_wrap=True)
        raise typer.Exit(EXIT_PARTLY)
