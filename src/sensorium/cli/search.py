"""``sensorium search``: one question, its hits."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from sensorium.cli import EXIT_PARTLY, output
from sensorium.cli.options import (
    CollectionOption,
    JsonOption,
    LikeOption,
    UnlikeOption,
    WhereOption,
    WithoutOption,
    asked,
    opened,
)
from sensorium.cli.terminal import print_json
from sensorium.collection.asking import MODES
from sensorium.collection.staleness import states_of
from sensorium.errors import UsageError
from sensorium.plain import plain_fields

NOBODY = re.compile(
    r"\b(nobody|no[- ]one|(no|without)( any)? (people|persons?|humans?)|niemand"
    r"|(keine|ohne) (menschen|personen|leute)|menschenleer)\b|没有?人|空无一人",
    re.IGNORECASE,
)

PEOPLE_ARE_NEAR = (
    "words that say that nobody is there are near to people: add --without people, "
    'or --where "people = 0" after `sensorium index --detect`'
)


def search(
    query: Annotated[
        list[str] | None,
        typer.Argument(
            help="Words, or a media file's path or URL; of several, each may have a weight: "
            "'castle' '0.5:at night'.",
            show_default=False,
        ),
    ] = None,
    collection: CollectionOption = None,
    like: LikeOption = None,
    unlike: UnlikeOption = None,
    without: WithoutOption = None,
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
        bool,
        typer.Option(
            "--text", help="Take the query as words, even if it names a file or begins as a weight."
        ),
    ] = False,
    fold: Annotated[
        bool, typer.Option("--fold", help="Make one hit of what `duplicates` groups; count it.")
    ] = False,
    diverse: Annotated[
        float,
        typer.Option(help="From 0 to 1: how much hits shall differ from those before them."),
    ] = 0.0,
    paths: Annotated[bool, typer.Option("--paths", help="Print bare paths.")] = False,
    null: Annotated[
        bool, typer.Option("--null", "-0", help="Bare paths ended by NUL, for xargs -0.")
    ] = False,
    sheet: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Write a contact sheet of the hits.")
    ] = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Say what each hit is because of; --sheet shows it as heat.",
        ),
    ] = False,
    interactive: Annotated[
        bool,
        typer.Option(
            "--interactive", "-i", help="Judge hits, as +1 -3, and see what follows; q ends."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Find media by words, or by other media: a picture, a sound, a video, a document."""
    question = asked(query or [], like or [], unlike or [], without or [], literally=as_text)
    if any(abs(part.weight) != 1 for part in question.parts):
        output.notices.print(f"asked: {question}", soft_wrap=True)
    if where is None and not without and NOBODY.search(" ".join(query or [])):
        output.notices.print(PEOPLE_ARE_NEAR, soft_wrap=True)
    if interactive and (as_json or paths or null or sheet is not None):
        raise UsageError("--interactive goes with no other way of printing hits")
    if explain and (mode == "words" or interactive or paths or null):
        raise UsageError(
            "--explain goes with a question that is compared by meaning, and with tables, --sheet "
            "and --json: leave out --mode words, -i, --paths and --null"
        )
    explanations: list[Any] = []
    with opened(collection, encoder=encoder) as library:
        hits = library.search(
            question, k, mode=mode, offset=offset, where=where, fold=fold, diversity=diverse
        )
        found_nothing = output.found_nothing(library) if not hits else ""
        if explain and hits:
            from sensorium.cli.explain import explained_hits

            explanations, unread = explained_hits(question, hits, library)
            output.print_skipped(unread)
        if interactive and hits:
            from sensorium.cli.interactive import converse

            if not converse(hits):
                raise typer.Exit(EXIT_PARTLY)
            return
    if sheet is not None and hits:
        from sensorium.cli.sheet import write_sheet  # fonts and drawing only when asked for

        title = str(question)
        output.print_skipped(write_sheet(sheet, title, hits, explanations))
    states = states_of(hits)
    bare = (paths or null) and not as_json
    if as_json:
        for number, (hit, state) in enumerate(zip(hits, states, strict=True)):
            facts = {**plain_fields(hit), "state": state, "nothing_matches": hits.nothing_matches}
            if explanations and explanations[number] is not None:
                facts["explanation"] = plain_fields(explanations[number])
            print_json(facts)
    elif bare:
        # What a program goes on with is what was asked for and found, not the nearest to it, nor
        # what lies there now.
        there = [hit for hit, state in zip(hits, states, strict=True) if not state]
        output.print_paths([] if hits.nothing_matches else there, null=null)
    else:
        because = [one.told() if one is not None else "" for one in explanations]
        output.print_hits(hits, states, because)
    output.print_stale(hits, states, library.path)
    if hits.nothing_matches or not hits:
        told = found_nothing if not hits else output.NOTHING_MATCHES
        output.notices.print(told, soft_wrap=True)
        raise typer.Exit(EXIT_PARTLY)
    if bare and all(states):
        raise typer.Exit(EXIT_PARTLY)
