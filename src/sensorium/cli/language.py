"""``sensorium translate``, ``summarize`` and ``answer``: what models make of texts."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from sensorium.cli import EXIT_PARTLY, output
from sensorium.cli.options import CollectionOption, JsonOption, WhereOption, opened
from sensorium.cli.progress import progress_bar
from sensorium.cli.terminal import print_json, print_line, print_text
from sensorium.data.files import Candidate, Ignored, Selection, find_files, select_files
from sensorium.errors import UsageError
from sensorium.evaluation.report import named
from sensorium.media import open_media
from sensorium.media.skipped import Skipped
from sensorium.replacing import unfinished

OutOption = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FILE", help="Write to a file what would be printed."),
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
    from sensorium.tasks.translation import load_translator, translate_sources

    sources = texts or [line.rstrip("\r\n") for line in sys.stdin]
    if not any(text.strip() for text in sources):
        raise UsageError("there is no text to translate")
    translator = load_translator(model, source=source, target=target)
    with progress_bar("translating") as progress:
        found = translate_sources(translator, sources, beams=beams, progress=progress)
    skipped = [Skipped(one.path, one.error) for one in found if one.error]
    kept = [one for one in found if not one.error]
    for one in kept:
        if not one.complete:
            output.notices.print(
                f"{one.path or 'a text'}: the model did not come to an end; what it wrote is cut",
                soft_wrap=True,
            )
    several = len(kept) > 1
    blocks = [
        (output.short_path(one.path) if one.path and several else "", one.text) for one in kept
    ]
    _give(kept, blocks, skipped, out, as_json)


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
    from sensorium.tasks.summarizing import load_summarizer, skipped_of

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
        raise UsageError("there is no text to summarize")
    found = []
    if sources:
        summarizer = load_summarizer(model, encoder=encoder or "mini")
        with progress_bar("summarizing") as progress:
            for done, one in enumerate(sources, 1):
                found += summarizer.summarize(one, sentences=sentences, share=share)
                progress(done, len(sources))
    skipped = chosen.skipped + skipped_of(found)
    kept = [one for one in found if not one.error]
    blocks = [(output.short_path(one.source) if len(sources) > 1 else "", one.text) for one in kept]
    if not as_json:
        output.print_ignored(chosen.ignored)
    _give(kept, blocks, skipped, out, as_json)


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
    from sensorium.tasks.answers.answer import Answers

    if files and collection is not None:
        raise UsageError("name files or a collection, not both")
    if files and where is not None:
        raise UsageError("--where chooses items of a collection: leave it out")
    if files:
        chosen = _readable(files)
        if not chosen.paths and not chosen.skipped:
            raise UsageError(f"{' '.join(files)}: no document and no picture there")
        found = Answers((), chosen.skipped)
        if chosen.paths:
            answerer = load_answerer(model, encoder=encoder or "mini", threshold=threshold)
            found = answerer.answer(question, chosen.paths, k=k)
            found.skipped[:0] = chosen.skipped
        if not as_json:
            output.print_ignored(chosen.ignored)
    else:
        from sensorium.collection.answering import answer_from

        with opened(collection) as library:
            own = encoder or library.encoder
            answerer = load_answerer(model, encoder=own, threshold=threshold)
            found = answer_from(library, question, answerer, k=k, where=where)
    if output.console.is_terminal and out is None and not as_json:
        for one in found:
            _show(one)
        _give((), (), found.skipped, None, as_json=False)
    else:
        blocks = [(_told(one), "") for one in found]
        _give(found, blocks, found.skipped, out, as_json)
    if not any(one.is_found for one in found):
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
                reason = f"is {kind}: questions are about texts and pictures"
                chosen.skipped.append(Skipped(str(found.path), reason))
                continue
            found = Ignored(found.path)
        chosen.ignored[found.kind] = chosen.ignored.get(found.kind, 0) + 1
    return chosen


def _place(one: Any) -> str:
    place = "".join(f", {name} {value}" for name, value in one.place.items())
    return output.short_path(one.source) + place if one.source else ""


def _show(one: Any) -> None:
    """An answer on a terminal: in bold, with its passage below, where it stands out as well."""
    from rich.text import Text

    from sensorium.tasks.answers.answer import NOT_IN_THE_TEXT

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


def _told(one: Any) -> str:
    """An answer on a line: the answer, how sure it is, where it stands, and the passage."""
    from sensorium.tasks.answers.answer import NOT_IN_THE_TEXT

    sure = "" if one.probability is None else f"{one.probability:.2f}"
    return "\t".join(filter(None, (one.text or NOT_IN_THE_TEXT, sure, _place(one), one.passage)))


def _give(
    facts: Sequence[Any],
    blocks: Sequence[tuple[str, str]],
    skipped: Sequence[Skipped],
    out: Path | None,
    as_json: bool,
) -> None:
    """Print what was found, or write it; end with `EXIT_PARTLY` where something was skipped."""
    if not as_json:
        output.print_skipped(skipped)
    told = [line for head, text in blocks for line in (head, text) if line]
    if out is not None:
        with unfinished(out) as path:
            written = "\n\n".join(told)
            if as_json:
                import json

                from sensorium.plain import plain_fields

                written = "\n".join(
                    json.dumps(plain_fields(fact), ensure_ascii=False) for fact in facts
                )
            path.write_text(written + "\n", "utf-8")
        output.notices.print(f"written to {output.short_path(str(out))}", soft_wrap=True)
    elif as_json:
        for fact in [*facts, *named(skipped)]:
            print_json(fact)
    else:
        for head, text in blocks:
            if head:
                print_line(*head.split("\t"))
            if text or not head:
                print_text(text)
    if skipped:
        raise typer.Exit(EXIT_PARTLY)
