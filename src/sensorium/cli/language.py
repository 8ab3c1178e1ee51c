"""``sensorium translate``, ``summarize`` and ``answer``: what models make of texts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from sensorium.cli import EXIT_PARTLY, output
from sensorium.cli.options import CollectionOption, JsonOption, WhereOption, opened
from sensorium.cli.streaming import Stream, streaming
from sensorium.cli.terminal import print_line, print_text
from sensorium.data.files import Candidate, Ignored, Selection, find_files, select_files
from sensorium.errors import UsageError
from sensorium.folders import named_file, require_no_folder
from sensorium.media import open_media
from sensorium.media.skipped import Skipped
from sensorium.media.unread import told_kind
from sensorium.plain import as_utf8
from sensorium.tasks.answers.answer import NOT_IN_THE_TEXT, Answer


def _not_over_a_folder(out: Path | None) -> Path | None:
    if out is not None:
        require_no_folder(out)
    return out


OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE",
        help="Write to a file what would be printed.",
        callback=_not_over_a_folder,
    ),
]
EncoderOption = Annotated[
    str | None,
    typer.Option(help="Encoder of the default model.", show_default="mini"),
]


def translate(
    model: Annotated[
        str,
        typer.Argument(
            help="Folder that `sensorium train translation` wrote, a seq2seq model's hub id, or a "
            "server, http://.../v1#MODEL."
        ),
    ],
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            help="Texts, and files of texts, PDF, DOCX ...; without any, lines from standard input."
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="LANG", help="Language of the texts: de, German, deu_Latn."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="LANG",
            help="Language to translate to, for servers and multilingual models.",
        ),
    ] = None,
    beams: Annotated[
        int | None,
        typer.Option(help="Hypotheses of beam search; 1 is greedy.", show_default="as trained"),
    ] = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Translate texts, a line each, and documents, whatever their length."""
    from sensorium.tasks.translation import load_translator, translate_each

    sources = texts or [line.rstrip("\r\n") for line in sys.stdin]
    if not any(text.strip() for text in sources):
        raise UsageError(
            "there is no text to translate: give texts, or a line each on standard input"
        )
    translator = load_translator(model, source=source, target=target)
    count = len(sources)
    with _telling("translating", Selection(), out, as_json, total=count) as (stream, tell):
        # Of many texts it is told how many are done, of one how many of its windows.
        inside = stream.reach if count == 1 else None
        found = translate_each(translator, sources, beams=beams, progress=inside)
        for one in stream.each(found) if count > 1 else found:
            if one.error:
                stream.skip(Skipped(one.path, one.error))
                continue
            if not one.complete:
                output.notices.print(
                    f"{one.path or 'a text'}: the model did not come to an end; what it wrote is "
                    "cut",
                    soft_wrap=True,
                )
            tell(one, output.short_path(one.path) if one.path and count > 1 else "", one.text)


def summarize(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            help="Documents, folders, globs; without any, a text from standard input.",
            show_default=False,
        ),
    ] = None,
    sentences: Annotated[
        int | None,
        typer.Option("--sentences", "-n", help="Of a summary, at most.", show_default="3"),
    ] = None,
    share: Annotated[
        float | None, typer.Option(help="Share of the text's sentences instead: 0.1 is a tenth.")
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="default (sentences of the text itself), a seq2seq model's hub id or folder, or a "
            "server, http://.../v1#MODEL.",
        ),
    ] = "default",
    encoder: EncoderOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Summarize documents, each by itself."""
    from sensorium.media import Text
    from sensorium.tasks.summarizing import length_of, load_summarizer

    length_of(sentences, share)  # what is wrong is said before anything is read
    chosen = Selection()
    sources: list[Any] = []
    if files:
        chosen = select_files(files, "text", "only texts are summarized")
        if not chosen.paths and not chosen.skipped:
            raise UsageError(f"{' '.join(files)}: no document there")
        sources = list(chosen.paths)
    elif text := sys.stdin.read().strip():
        sources = [Text(text)]
    else:
        raise UsageError("there is no text to summarize: name files, or give one on standard input")
    count = len(sources)
    with _telling("summarizing", chosen, out, as_json, total=count) as (stream, tell):
        if sources:
            summarizer = load_summarizer(model, encoder=encoder or "mini")
            for source in stream.each(sources):
                (one,) = summarizer.summarize(source, sentences=sentences, share=share)
                if one.error:
                    stream.skip(Skipped(one.source, one.error))
                else:
                    tell(one, output.short_path(one.source) if count > 1 else "", one.text)


def answer(
    question: Annotated[str, typer.Argument(help="What is asked: 'When was it built?'.")],
    files: Annotated[
        list[str] | None,
        typer.Argument(
            help="Documents and pictures, folders, globs; without any, a collection is asked.",
            show_default=False,
        ),
    ] = None,
    collection: CollectionOption = None,
    where: WhereOption = None,
    k: Annotated[int, typer.Option("-k", help="Answers from texts, at most.")] = 1,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="Probability under which it is not in the text, 0 to 1.", show_default="0.5"
        ),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="default (words of the texts; of pictures, whether they show a thing), a hub id "
            "or folder (question answering, T5, ViLT, BLIP), or a server, http://.../v1#MODEL.",
        ),
    ] = "default",
    encoder: EncoderOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer a question from documents, about pictures, or from what a collection holds."""
    from sensorium.tasks.answering import load_answerer

    if files and collection is not None:
        raise UsageError("name files or a collection, not both")
    if files and where is not None:
        raise UsageError("--where chooses items of a collection: leave it out")
    is_found = False
    if files:
        chosen = _readable(files)
        if not chosen.paths and not chosen.skipped:
            raise UsageError(f"{' '.join(files)}: no document and no picture there")
        with _telling("answering", chosen, out, as_json) as (stream, tell):
            if chosen.paths:
                answerer = load_answerer(model, encoder=encoder or "mini", threshold=threshold)
                found = answerer.answer_each(question, chosen.paths, k=k, progress=stream.reach)
                for one in found:
                    if isinstance(one, Skipped):
                        stream.skip(one)
                        continue
                    is_found |= one.is_found
                    tell(one, _told(one), "")
    else:
        from sensorium.collection.answering import answer_from

        with opened(collection) as library:
            own = encoder or library.encoder
            answerer = load_answerer(model, encoder=own, threshold=threshold)
            of_collection = answer_from(library, question, answerer, k=k, where=where)
        with _telling("answering", Selection(), out, as_json) as (stream, tell):
            for one in of_collection:
                is_found |= one.is_found
                tell(one, _told(one), "")
    if not is_found:
        raise typer.Exit(EXIT_PARTLY)


def _readable(files: Iterable[str]) -> Selection:
    """The documents and pictures among files."""
    chosen = Selection()
    for found in find_files(files):
        if isinstance(found, Skipped):
            chosen.skipped.append(found)
            continue
        if isinstance(found, Candidate):
            kind = open_media(found.path).modality
            if kind in ("text", "image"):
                chosen.paths.append(found.path)
                continue
            if found.named:
                reason = f"{told_kind(found.path, kind)}: questions are about texts and pictures"
                chosen.skipped.append(Skipped(str(found.path), reason))
                continue
            found = Ignored(found.path)
        chosen.ignored[found.kind] = chosen.ignored.get(found.kind, 0) + 1
    return chosen


def _place(one: Answer) -> str:
    place = "".join(f", {name} {value}" for name, value in one.place.items())
    return output.short_path(one.source) + place if one.source else ""


def _show(one: Answer) -> None:
    """An answer on a terminal: in bold, with its passage below, where it stands out as well."""
    from rich.text import Text

    sure = "" if one.probability is None else f" ({one.probability:.0%})"
    head = Text(one.text or NOT_IN_THE_TEXT, style="bold").append(sure, style="not bold")
    output.console.print(head, soft_wrap=True)
    if place := _place(one):
        output.console.print(f"  {place}", soft_wrap=True)
    if one.passage:
        passage = Text(f"  {one.passage}")
        if one.span is not None:
            passage.stylize("bold", one.span[0] + 2, one.span[1] + 2)
        output.console.print(passage, soft_wrap=True)


def _told(one: Answer) -> str:
    """An answer on a line: the answer, how sure it is, where it stands, and the passage."""
    sure = "" if one.probability is None else f"{one.probability:.2f}"
    return "\t".join(filter(None, (one.text or NOT_IN_THE_TEXT, sure, _place(one), one.passage)))


@contextmanager
def _telling(
    what: str, chosen: Selection, out: Path | None, as_json: bool, *, total: int | None = None
) -> Iterator[tuple[Stream, Callable[[Any, str, str], None]]]:
    """Print what is found as it comes, or write it.

    Yields
    ------
    (Stream, callable)
        What takes a result, a line above it, and its text.
    """
    with (
        streaming(what, chosen, as_json and out is None, total=total, at_end=out) as stream,
        _written(out) as file,
    ):

        def tell(fact: Any, head: str, text: str) -> None:
            if file is None:
                stream.tell(fact, partial(_print, fact, head, text))
            elif as_json:
                file.write(as_utf8(fact) + "\n")
            else:
                file.write("\n" * (file.tell() > 0) + "\n\n".join(filter(None, (head, text))))
                file.write("\n")

        yield stream, tell


def _print(fact: Any, head: str, text: str) -> None:
    if isinstance(fact, Answer) and output.console.is_terminal:
        _show(fact)
        return
    if head:
        print_line(*head.split("\t"))
    if text or not head:
        print_text(text)


@contextmanager
def _written(out: Path | None) -> Iterator[IO[str] | None]:
    """A file that takes its place when it is whole; None where nothing is to be written."""
    if out is None:
        yield None
        return
    with (
        named_file(out) as path,
        path.open("w", encoding="utf-8", errors="surrogateescape") as file,  # of names of files
    ):
        yield file
    output.notices.print(f"written to {output.short_path(str(out))}", soft_wrap=True)
