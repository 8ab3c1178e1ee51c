"""``sensorium chat``: talking with a collection."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensorium.cli import EXIT_PARTLY, output
from sensorium.cli.options import JsonOption, opened
from sensorium.cli.terminal import print_json, print_pieces
from sensorium.errors import MediaError, UsageError

if TYPE_CHECKING:
    from sensorium.dialogue import Dialogue, Reply

HELP = (
    "Say what you look for, in English or Chinese; @FILE brings a picture or a sound into what is "
    "said; q: end"
)

_BROUGHT = re.compile(r"(?:^|(?<=\s))@(?:\"([^\"]+)\"|(\S+))")


def chat(
    collection: Annotated[Path, typer.Argument(metavar="PATH", help="The collection's file.")],
    question: Annotated[
        str | None,
        typer.Argument(
            help="What is said, once; without, lines of standard input, or what you type."
        ),
    ] = None,
    bring: Annotated[
        list[Path] | None,
        typer.Option("--with", metavar="FILE", help="A picture or sound the question is about."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="URL#MODEL|FOLDER|HUB",
            help="A language model that writes the replies from what is found, and is checked.",
            show_default="none",
        ),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option("--lang", metavar="en|zh", help="Of replies.", show_default="as you speak"),
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Go on with a conversation of --save.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the conversation, as JSON.")
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FILE.md", help="Write it as Markdown, with pictures beside it."),
    ] = None,
    speak: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Speak each reply into a file there: 1.wav, 2.wav."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Talk with a collection: search, count, look, listen, with citations of what says so."""
    from sensorium.dialogue import Dialogue

    if question is not None and not question.strip() and not bring:
        raise UsageError("the question is empty: say something")
    if bring and question is None:
        raise UsageError("--with goes with a question; in a conversation, write @FILE")
    with opened(collection) as library:
        talk = (
            Dialogue(library, model, language)
            if resume is None
            else Dialogue.load(resume, library, language, model)
        )
        last: Reply | None = None
        for said, files in _turns(question, bring or []):
            try:
                last = _told(talk.stream(*([said] if said else []), *files), as_json)
            except (MediaError, UsageError) as error:
                if question is not None:
                    raise
                output.notices.print(str(error), soft_wrap=True, markup=False)
                continue
            _warn(last)
            if speak is not None:
                _speak(last, speak / f"{len(talk.turns)}.wav")
        _keep(talk, save, export)
    if last is not None and (last.refused or last.trouble):
        raise typer.Exit(EXIT_PARTLY)


def _turns(question: str | None, bring: list[Path]) -> Iterator[tuple[str, list[Path]]]:
    """What is said: the one question, or line by line, with the files that it brings."""
    if question is not None:
        yield question, bring
        return
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    typed = sys.stdin.isatty()
    if typed:
        output.notices.print(HELP, soft_wrap=True, markup=False)
    while True:
        if typed:
            print("> ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        said = line.strip()
        if not line or said.lower() in ("q", "quit", "exit"):
            return
        if said == "?":
            output.notices.print(HELP, soft_wrap=True, markup=False)
        elif said:
            yield _parted(said)


def _parted(line: str) -> tuple[str, list[Path]]:
    """The words of a line, and the files that it brings as ``@FILE`` or ``@"FILE"``."""
    files = [Path(one[1] or one[2]).expanduser() for one in _BROUGHT.finditer(line)]
    return " ".join(_BROUGHT.sub(" ", line).split()), files


def _told(stream: Iterator[str | Reply], as_json: bool) -> Reply:
    """Show a reply: its text as it comes, or all of it as JSON."""
    from sensorium.dialogue import Reply

    replies: list[Reply] = []

    def pieces() -> Iterator[str]:
        for piece in stream:
            if isinstance(piece, Reply):
                replies.append(piece)
            else:
                yield piece

    if as_json:
        for _ in pieces():
            pass
        print_json(replies[0].as_dict())
        sys.stdout.flush()
    else:
        print_pieces(pieces())
    return replies[0]


def _warn(reply: Reply) -> None:
    """What is doubtful of what a language model wrote."""
    for part in reply.unfounded:
        output.notices.print(f"no evidence: {part}", soft_wrap=True, markup=False)
    if reply.trouble:
        output.notices.print(
            f"the model did not answer to its end: {reply.trouble}", soft_wrap=True, markup=False
        )


def _speak(reply: Reply, path: Path) -> None:
    from sensorium.tasks.speaking import load_speaker

    words = re.sub(r"\s*\[\d+\]", "", reply.text)
    path.parent.mkdir(parents=True, exist_ok=True)
    load_speaker(None, language=reply.language, text=words).save(words, path)


def _keep(talk: Dialogue, save: Path | None, export: Path | None) -> None:
    told: list[Any] = []
    if save is not None:
        talk.save(save)
        told.append(save)
    if export is not None:
        for path in talk.to_markdown(export):
            output.notices.print(
                f"no picture of {output.short_path(path)}: it cannot be read", soft_wrap=True
            )
        told.append(export)
    for path in told:
        output.notices.print(f"written to {output.short_path(str(path))}", soft_wrap=True)
