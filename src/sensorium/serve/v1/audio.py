"""Speech to words and words to speech, as OpenAI's clients ask for it."""

from __future__ import annotations

from typing import Any

import anyio.to_thread
from fastapi import APIRouter, Request
from starlette.datastructures import UploadFile
from starlette.responses import Response

from sensorium.errors import MediaError, UsageError
from sensorium.serve import tasks
from sensorium.serve.answers import Answer, told
from sensorium.serve.batching import BusyError
from sensorium.serve.given import as_file
from sensorium.serve.http import declared
from sensorium.serve.http.depends import needs, served_by
from sensorium.serve.http.task_options import Options
from sensorium.serve.http.tasks import spoken
from sensorium.serve.served import Served
from sensorium.serve.v1.embeddings import INVALID, body_of, unknown_model

router = APIRouter(prefix="/v1/audio", tags=["OpenAI"])

FORMS = ("json", "text", "srt", "vtt", "verbose_json")

MOST_CHARACTERS = 100_000
"""Of a text that is spoken: about two hours."""

USUAL = ("whisper-1", "tts-1", "tts-1-hd")
"""Names that clients send where nobody chose a model: the server's usual one is meant."""

FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "model"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "model": {"type": "string"},
                        "language": {"type": "string"},
                        "response_format": {"type": "string", "enum": [*FORMS]},
                        "timestamp_granularities[]": {
                            "type": "array", "items": {"type": "string"},
                        },
                    },
                }
            }
        },
    }
}  # fmt: skip

SPEECH = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["input"],
                    "properties": {
                        "model": {"type": "string"},
                        "input": {"type": "string"},
                        "voice": {"type": "string"},
                        "response_format": {"type": "string", "enum": ["wav", "flac"]},
                        "speed": {"type": "number", "minimum": 0.25, "maximum": 4},
                    },
                }
            }
        },
    }
}


@router.post(
    "/transcriptions", summary="Write down what is said", dependencies=[needs("read")],
    openapi_extra=FORM, response_class=Response,
    responses={200: {"model": declared.HEARD, "content": {
        "text/plain": {}, "text/vtt": {}, "application/x-subrip": {},
    }}},
)  # fmt: skip
async def transcriptions(request: Request) -> Response:
    """As json, text, srt, vtt or verbose_json (with segments, and words where they are asked)."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return told(400, "a recording comes as a form: file and model", INVALID)
    form = await request.form(max_files=1, max_fields=50)
    file = form.get("file")
    if not isinstance(file, UploadFile):
        return told(400, "there is no file", INVALID)
    said = {name: form[name] for name in form if isinstance(form[name], str)}
    said["words"] = "word" if "word" in form.getlist("timestamp_granularities[]") else ""
    try:
        return await anyio.to_thread.run_sync(_transcribed, served_by(request), said, file)
    finally:
        await file.close()


@router.post(
    "/speech", summary="Speak a text", dependencies=[needs("read")], openapi_extra=SPEECH,
    response_class=Response,
    responses={200: {"content": {"audio/wav": {}, "audio/flac": {}}}},
)  # fmt: skip
async def speech(request: Request) -> Response:
    """WAV where no format is named, or FLAC."""
    body = await body_of(request)
    if isinstance(body, Response):
        return body
    return await anyio.to_thread.run_sync(_spoken, served_by(request), body)


def _transcribed(served: Served, said: dict[str, Any], file: UploadFile) -> Response:
    form = said.get("response_format") or "json"
    if form not in FORMS:
        return told(400, f"response_format is one of {', '.join(FORMS)}; got {form!r:.40}", INVALID)
    if said.get("stream", "false").lower() == "true":
        return told(400, "transcripts are not streamed: leave out stream", INVALID)
    name = said.get("model") or None
    own = served.settings.models
    try:
        model = tasks.model_of("transcribe", None if name in USUAL else name, own)
    except UsageError:
        known = [own["transcribe"]] if "transcribe" in own else []
        return unknown_model(name, [*known, *tasks.BUILT_IN["transcribe"]])
    language = said.get("language") or None
    if language is not None and not (2 <= len(language) <= 20 and language.isascii()):
        return told(400, f"language is a code such as en, got {language!r:.40}", INVALID)
    asked = Options.model_validate({"language": language})
    try:
        with served.turns, as_file(file.file, file.filename or "") as given:
            found = tasks.transcribe(served.models, given, asked, model or "")
    except (MediaError, UsageError) as error:
        return told(400, getattr(error, "reason", str(error)), INVALID)
    return _told(found, form, bool(said["words"]))


def _told(found: Any, form: str, words: bool) -> Response:
    if form in ("srt", "vtt", "text"):
        kind = {"srt": "application/x-subrip", "vtt": "text/vtt"}.get(form, "text/plain")
        written = found.written(".txt" if form == "text" else f".{form}")
        return Response(written, media_type=f"{kind}; charset=utf-8")
    if form == "json":
        return Answer({"text": found.text})
    segments = [
        {
            "id": number, "seek": 0, "start": one.start, "end": one.stop, "text": one.text,
            "tokens": [], "temperature": 0.0, "avg_logprob": 0.0, "compression_ratio": 0.0,
            "no_speech_prob": 0.0, "confidence": one.confidence,
        }
        for number, one in enumerate(found.segments)
    ]  # fmt: skip
    answer: dict[str, Any] = {
        "task": "transcribe", "language": found.language, "duration": found.duration,
        "text": found.text, "segments": segments,
    }  # fmt: skip
    if words:
        answer["words"] = [
            {"word": word.text, "start": word.start, "end": word.stop}
            for one in found.segments
            for word in one.words
        ]
    return Answer(answer)


def _spoken(served: Served, body: dict[str, Any]) -> Response:
    text, kind = body.get("input"), body.get("response_format") or "wav"
    if not isinstance(text, str) or not text.strip() or len(text) > MOST_CHARACTERS:
        return told(
            400, f"input is the text that is spoken, up to {MOST_CHARACTERS:,} characters", INVALID
        )
    if kind not in ("wav", "flac"):
        return told(400, f"response_format is wav or flac, got {kind!r:.40}", INVALID)
    voice, model, speed = body.get("voice"), body.get("model"), body.get("speed", 1.0)
    if isinstance(voice, dict):
        voice = voice.get("id")
    own = served.settings.models
    names = [one for one in (voice, model) if one not in (None, "default", *USUAL)]
    if not all(isinstance(one, str) for one in names):
        return told(400, "voice and model are names", INVALID)
    if isinstance(speed, bool) or not isinstance(speed, (int, float)) or not 0.25 <= speed <= 4:
        return told(400, f"speed is a number from 0.25 to 4, got {speed!r:.40}", INVALID)
    asked = Options.model_validate({"text": text, "speed": speed})
    try:
        chosen = tasks.model_of("speak", names[0] if names else None, own)
        with served.turns:
            made = tasks.speak(served.models, asked, chosen)
    except BusyError:
        raise
    except (UsageError, MediaError) as error:
        return told(400, str(error), INVALID)
    return spoken(made, kind)
