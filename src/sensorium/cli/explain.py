"""``sensorium explain``: which pixels, words and seconds a score comes from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text as Styled

from sensorium.cli import output
from sensorium.cli.options import (
    JsonOption,
    LikeOption,
    UnlikeOption,
    WithoutOption,
    asked,
    opened,
)
from sensorium.cli.terminal import print_json, print_line
from sensorium.collection import Collection, Hit, Question, Skipped
from sensorium.encoders import DEFAULT_ENCODER, load_encoder
from sensorium.encoders.base import Encoder
from sensorium.errors import EncoderError, MediaError, MissingExtraError, UsageError
from sensorium.media import open_media
from sensorium.plain import plain_fields

if TYPE_CHECKING:
    from sensorium.explain.explanation import Explained, Explanation
    from sensorium.tasks.zero_shot import ZeroShotClassifier

DrawOption = Annotated[
    Path | None, typer.Option(metavar="PNG", help="Draw heat over the picture, sound or text.")
]

BECAUSE = "because of: "


def explain(
    query: Annotated[
        list[str] | None,
        typer.Argument(
            help="Words, or a media file's path or URL; of several, each may have a weight.",
            show_default=False,
        ),
    ] = None,
    *,
    file: Annotated[str, typer.Argument(help="What it was asked of: a media file or a URL.")],
    like: LikeOption = None,
    unlike: UnlikeOption = None,
    without: WithoutOption = None,
    draw: DrawOption = None,
    encoder: Annotated[
        str | None,
        typer.Option(help=f"Encoder to explain ({DEFAULT_ENCODER}).", show_default=False),
    ] = None,
    collection: Annotated[
        Path | None,
        typer.Option(
            "--collection",
            "-c",
            help="Weigh several parts as they are in this collection.",
            show_default=False,
        ),
    ] = None,
    as_text: Annotated[
        bool, typer.Option("--text", help="Take the query as words, even if it names a file.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say which pixels, words, seconds, sentences or views a score comes from."""
    from sensorium.explain import explain as explain_pair

    require_png(draw)
    question = asked(query or [], like or [], unlike or [], without or [], literally=as_text)
    if collection is None:
        loaded = load_encoder(encoder or DEFAULT_ENCODER)
        found = explain_pair(question, open_media(file), loaded)
    else:
        with opened(collection, encoder=encoder) as library:
            found = explain_pair(question, open_media(file), collection=library)
    if draw is not None:
        found.draw(draw)
    if as_json:
        print_json(found)
    elif output.console.is_terminal:
        _show(found)
    else:
        _print_parts(found)


def require_png(draw: Path | None) -> None:
    """Refuse any other name before anything is computed.

    Raises
    ------
    UsageError
    """
    if draw is not None and draw.suffix.lower() != ".png":
        raise UsageError(f"--draw writes PNG: {draw} does not end in .png")


def explained_hits(
    question: Question, hits: Sequence[Hit], library: Collection
) -> tuple[list[Explanation | None], list[Skipped]]:
    """Explain the hits of a search; files that are gone have None, and are named."""
    from sensorium.explain import explain as explain_pair

    return _each(
        lambda hit: explain_pair(question, hit, collection=library, faithfulness=False),
        [(hit, hit.path) for hit in hits],
    )


def explained_labels(
    classifier: ZeroShotClassifier,
    encoder: Encoder,
    labelled: Sequence[tuple[str, str]],
    multi: bool,
) -> tuple[list[Explanation | None], list[Skipped]]:
    """Explain why files have their most probable label.

    Parameters
    ----------
    classifier, encoder
    labelled : sequence of (path, label)
    multi : bool
        Whether labels were judged by themselves.
    """
    from sensorium.explain import explain_label

    return _each(
        lambda one: explain_label(classifier, encoder, one[1], open_media(one[0]), multi=multi),
        [(one, one[0]) for one in labelled],
    )


def explained_classes(
    folder: Path, labelled: Sequence[tuple[str, str]]
) -> tuple[list[Explanation | None], list[Skipped]]:
    """Explain why a trained classifier gives files their class; `labelled` as above."""
    from sensorium.explain import explain_class
    from sensorium.tasks.classification import load_classifier

    trained = load_classifier(folder)
    return _each(
        lambda one: explain_class(trained, open_media(one[0]), one[1], name=str(folder)),
        [(one, one[0]) for one in labelled],
    )


def _each(
    of: Callable[[Any], Explanation], given: Sequence[tuple[Any, str]]
) -> tuple[list[Explanation | None], list[Skipped]]:
    found: list[Explanation | None] = []
    skipped = []
    for one, path in given:
        try:
            found.append(of(one))
        except (MediaError, EncoderError, MissingExtraError) as error:
            found.append(None)  # words in a space without texts, say
            skipped.append(Skipped(path, getattr(error, "reason", str(error))))
    return found, skipped


def as_facts(explanation: Explanation | None) -> dict[str, Any]:
    """What JSON has of it."""
    return {} if explanation is None else {"explanation": plain_fields(explanation)}


def _show(found: Explanation) -> None:
    """For people: the line, the coloured words, and how far to trust it."""
    console = output.console
    console.print(output.short_path(found.path), soft_wrap=True)
    console.print(f"  {found.value} {found.score:.3f}, {BECAUSE}{found.told()}", soft_wrap=True)
    for name, side in (("question", found.question), ("text", found.hit)):
        if side is not None and side.text is not None and len(side.parts) > 1:
            console.print(Styled(f"  {name}: "), _coloured(side), sep="", soft_wrap=True)
    for one in found.parts:
        words = Styled(one.name) if one.question is None else _coloured(one.question)
        told = f"  {one.score:+.2f}  {'' if one.weight == 1 else f'{one.weight:g} x '}"
        console.print(Styled(told), words, sep="", soft_wrap=True)
    for place in sorted(found.places, key=lambda one: -one.score)[:5]:
        from sensorium.explain.explanation import told_where

        console.print(f"  {place.score:.3f}  {told_where(place)}", soft_wrap=True)
    if (areas := found.hit.faithfulness) is not None:
        told = ", ".join(f"{name} {getattr(areas, name).gain:.3f}" for name in ("random", "centre"))
        console.print(f"  faithfulness {areas.own.gain:.3f}; other orders: {told}", soft_wrap=True)


def _coloured(side: Explained) -> Styled:
    """A text whose words are as warm as they weigh."""
    from sensorium.explain.drawing import warmth

    styled = Styled(side.text or "")
    strongest = max(float(abs(side.weights).max()), 1e-12)
    start = 0.0 if side.parts[0].span is None else _start(side)
    for part in side.parts:
        share = part.weight / strongest
        if part.span is not None and abs(share) > 0.1:
            red, green, blue = warmth(0.7 * share)
            style = f"black on #{red:02x}{green:02x}{blue:02x}"
            styled.stylize(style, round(part.span[0] - start), round(part.span[1] - start))
    return styled


def _start(side: Explained) -> float:
    """Where a passage begins in its document: its parts count from there."""
    first = side.parts[0]
    assert first.span is not None
    return first.span[0] - (side.text or "").index(first.text or "")


def _print_parts(found: Explanation) -> None:
    """For programs: a line for each part of the question, if it has several, and of the hit."""
    print_line("of", "kind", "place", "weight", "text")
    for asked_part in found.parts:
        kind = "example" if asked_part.question is None else "words"
        print_line("score", kind, "", f"{asked_part.score:.4f}", asked_part.what)
    for name, side in (("hit", found.hit), ("question", found.question)):
        for part in side.parts if side is not None else ():
            place = part.box or part.span or ()
            # Of a book the 29,004th character, of a day the 40,100th second: all their digits.
            told_place = ",".join(f"{edge:.4g}" if edge < 1000 else f"{edge:.0f}" for edge in place)
            print_line(name, part.kind, told_place, f"{part.weight:.4f}", part.text or "")
