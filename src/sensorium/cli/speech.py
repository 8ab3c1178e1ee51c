"""``sensorium transcribe`` and ``sensorium speak``: sound to words, and words to sound."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensorium.cli import output
from sensorium.cli.options import JsonOption
from sensorium.cli.streaming import streaming
from sensorium.cli.terminal import print_line
from sensorium.data.files import select_files
from sensorium.errors import MediaError, UsageError
from sensorium.evaluation.report import Report
from sensorium.folders import apart, is_folder, named_file
from sensorium.media.skipped import Note, Skipped
from sensorium.replacing import is_special

if TYPE_CHECKING:
    from sensorium.tasks.hearing.transcripts import Transcript

LanguageOption = Annotated[
    str | None,
    typer.Option("--lang", metavar="CODE", help="Two letters.", show_default="found out"),
]

MOST_CHARACTERS = 10_000_000
"""Of a text that is spoken; a long novel has a million."""

MOST_NAMED = 10
"""Words without sounds that people are told."""


def transcribe(
    files: Annotated[list[str], typer.Argument(help="Recordings and films, folders, globs.")],
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Whisper's size, a model of onnx-asr, a hub id, a folder, "
            "http(s)://SERVER/v1#MODEL.",
        ),
    ] = "base",
    lang: LanguageOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write .srt, .vtt, .json or .txt; for several recordings, a folder.",
        ),
    ] = None,
    form: Annotated[
        str, typer.Option("--format", metavar="srt|vtt|json|txt", help="Of files in a folder.")
    ] = "srt",
    as_json: JsonOption = False,
) -> None:
    """Write down what is said in recordings and films, and when."""
    from sensorium.tasks.hearing.transcripts import FORMATS
    from sensorium.tasks.transcription import Transcriber

    suffix = f".{form.lstrip('.')}"
    if out is not None and out.suffix and not is_folder(out):
        suffix = out.suffix.lower()
    if suffix not in FORMATS:
        raise UsageError(f"a transcript is written as {', '.join(FORMATS)}, not {suffix!r}")
    chosen = select_files(files, ("audio", "video"), "only sounds and films are transcribed")
    if not chosen.paths and not chosen.skipped:
        raise UsageError(f"{' '.join(files)}: no recording and no film there")
    to_folder = out is not None and (is_folder(out) or not (out.suffix or is_special(out)))
    if out is not None and not to_folder and len(chosen.paths) > 1:
        raise UsageError(
            f"--out {out} is one file for {len(chosen.paths)} recordings: name a folder"
        )
    transcriber = Transcriber(model, lang)
    several = len(chosen.paths) > 1
    names = dict(zip(chosen.paths, apart([path.name for path in chosen.paths]), strict=True))
    with streaming("transcribing", chosen, as_json, stores=[out]) as stream:
        for path in stream.each(chosen.paths):
            try:
                transcript = transcriber.transcribe(path)
            except MediaError as error:
                stream.skip(Skipped(str(path), error.reason))
                continue
            if out is not None:
                target = out / f"{names[path]}{suffix}" if to_folder else out
                write_text(target, transcript.written(suffix))
            if as_json or out is None:
                stream.tell(transcript, partial(_show, transcript, several))
            stream.skip(*(Note(transcript.path, note) for note in transcript.notes))
            if not transcript.segments:
                stream.say(f"{output.short_path(transcript.path)}: nobody speaks there")


def _show(transcript: Transcript, several: bool) -> None:
    """What is said, a line for each passage; with the recording where there are several."""
    name = [output.short_path(transcript.path)] if several else []
    for said in transcript.segments:
        print_line(*name, f"{output.clock(said.start)}-{output.clock(said.stop)}", said.text)


def speak(
    text: Annotated[
        str | None,
        typer.Argument(help="What is said, or a text file; without, standard input."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write .wav, .flac or .ogg.")
    ] = None,
    voice: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="joe, kokoro:NAME, a hub id, a folder, http(s)://SERVER/v1#MODEL@VOICE.",
            show_default="by language",
        ),
    ] = None,
    lang: LanguageOption = None,
    speed: Annotated[float, typer.Option(help="1 is as the voice was taught.")] = 1.0,
    as_json: JsonOption = False,
) -> None:
    """Speak a text into a file."""
    from sensorium.tasks.speaking import load_speaker

    if out is None:
        raise UsageError("name the file that is written: --out speech.wav")
    words = _words(text)
    speaker = load_speaker(voice, language=lang, speed=speed, text=words)
    speech = speaker.save(words, out)
    told = f"{out}: {speech.seconds:.1f} s, spoken by {speech.voice} in {speech.language}"
    facts = {name: value for name, value in vars(speech).items() if name != "samples"}
    notes = []
    if speech.unsaid:
        some = ", ".join(speech.unsaid[:MOST_NAMED])
        more = len(speech.unsaid) - MOST_NAMED
        notes = [
            Note(
                str(out),
                f"left out, as {speech.voice} has no sounds for it: {some}"
                + (f" and {more:,} more" if more > 0 else ""),
            )
        ]
    output.print_report(Report([told], [facts], notes=notes), as_json)


def _words(text: str | None) -> str:
    """What a person wants said: as it stands, or of a file that they named."""
    if text is None:
        return sys.stdin.read(MOST_CHARACTERS)
    path = Path(text).expanduser()
    try:
        if not (len(text) < 1000 and path.is_file()):
            return text
    except OSError:  # too long for a name
        return text
    from sensorium.media import Document
    from sensorium.media import Text as Words

    document = Document(path)
    passages = [part.media.text for part in document.segments() if isinstance(part.media, Words)]
    return "\n\n".join(passages)


def write_text(path: Path, text: str) -> None:
    """Write a file, which takes the place of what was there when it is whole.

    Raises
    ------
    UsageError, WriteError
    """
    with named_file(path) as new:
        new.write_text(text, "utf-8")
