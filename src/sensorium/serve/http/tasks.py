"""Tasks on single media: a file that is sent, or an item."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import anyio.to_thread
from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from sensorium.collection import Collection, Item
from sensorium.encoders import Encoder
from sensorium.errors import MediaError, UsageError
from sensorium.serve import tasks
from sensorium.serve.answers import Answer
from sensorium.serve.answers import told as told_error
from sensorium.serve.given import Given, as_file, media_of, of_item
from sensorium.serve.http import declared
from sensorium.serve.http.collections import item_of
from sensorium.serve.http.depends import needs, served_by
from sensorium.serve.http.search import question_of_parts
from sensorium.serve.http.task_options import FIELDS, TEXTS, Options, schema_of
from sensorium.serve.served import Served
from sensorium.serve.settings import Limits
from sensorium.serve.shapes import answers

router = APIRouter(prefix="/api/tasks", tags=["tasks"])

SUMMARIES = {
    "classify": "Label media by words alone",
    "detect": "Find things in a picture",
    "segment": "Find the pixels of things",
    "caption": "Say what a picture shows",
    "explain": "Say what a score comes from",
    "transcribe": "Write down what is said",
    "read": "Read what is written in a picture",
    "answer": "Answer a question from a text, a picture or a collection",
    "summarize": "Summarize a text",
    "translate": "Translate a text",
    "speak": "Speak a text",
}

Route = Callable[[Request], Coroutine[Any, Any, Response]]


def _route(task: str) -> Route:
    async def route(request: Request) -> Response:
        served = served_by(request)
        try:
            asked, file = await asked_of(request, FIELDS[task])
        except ClientDisconnect:
            return told_error(400, "the request broke off", "invalid_request_error")
        try:
            return await anyio.to_thread.run_sync(_done, served, task, asked, file)
        finally:
            if file is not None:
                await file.close()

    route.__doc__ = _doc(task)
    return route


def _doc(task: str) -> str:
    of = {"answer": "``sensorium answer``'s, a list of them", "read": "``path`` and ``lines``"}
    shape = of.get(task, f"``sensorium {task} --json``'s")
    if task == "speak":
        return "Gives the sound."
    return f"A form with ``file`` and options as fields, or JSON. The result is {shape}."


async def asked_of(request: Request, fields: tuple[str, ...]) -> tuple[Options, UploadFile | None]:
    """What a request says and the file that it brings, of a form or JSON.

    Raises
    ------
    RequestValidationError
    """
    file: UploadFile | None = None
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        form = await request.form(max_files=1, max_fields=100, max_part_size=10 << 20)
        said: dict[str, Any] = {}
        for name in form:
            values = form.getlist(name)
            if isinstance(values[0], UploadFile):
                file = values[0]
            else:
                said[name] = values if len(values) > 1 else values[0]
        if file is not None and "file" in fields:
            raise _invalid("file", "this takes no file")
    else:
        try:
            said = json.loads(await request.body() or b"{}")
        except (ValueError, RecursionError) as error:
            raise _invalid("body", f"is no JSON ({str(error)[:100]})") from error
        if not isinstance(said, dict):
            raise _invalid("body", "is a JSON object")
    if unknown := sorted(set(said) - set(fields)):
        raise _invalid(unknown[0][:80], f"is unknown here; there are {', '.join(fields)}")
    try:
        return Options.model_validate(said), file
    except ValidationError as error:
        faults = [{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors()]
        raise RequestValidationError(faults) from error


def _invalid(where: str, why: str) -> RequestValidationError:
    return RequestValidationError([{"loc": ("body", where), "msg": why, "type": "value_error"}])


def _done(served: Served, task: str, asked: Options, file: UploadFile | None) -> Response:
    with served.turns, ExitStack() as stack:
        given = stack.enter_context(_given(served, task, asked, file))
        try:
            result = _result(served, task, asked, given)
        except MediaError as error:
            # By the client's name, not by where its file lay.
            raise MediaError(error.reason, given.name if given else None) from error
        if task == "speak":
            return spoken(result, asked.format)
        return Answer(tasks.told(result, given))


def spoken(speech: Any, kind: str) -> Response:
    """Speech as a file."""
    import soundfile

    written = io.BytesIO()
    soundfile.write(written, speech.samples, speech.rate, format=kind.upper(), subtype="PCM_16")
    headers = {"content-disposition": f'inline; filename="speech.{kind}"'}
    return Response(written.getvalue(), media_type=f"audio/{kind}", headers=headers)


@contextmanager
def _given(
    served: Served, task: str, asked: Options, file: UploadFile | None
) -> Iterator[Given | None]:
    """The media of a request; None where there are words instead, or a whole collection."""
    sources = [asked.item, asked.data, asked.url, asked.text, file]
    count = sum(one is not None for one in sources)
    if count > 1:
        raise UsageError("give one of file, item, data, url and text")
    if asked.item is not None:
        if asked.collection is None:
            raise UsageError("an item is one of a collection: name it, too")
        library = served.collection(asked.collection)
        yield of_item(item_of(library, asked.item).path)
    elif file is not None:
        with as_file(file.file, file.filename or "") as given:
            yield given
    elif asked.text is not None or (task == "answer" and asked.collection is not None):
        yield None
    elif task in TEXTS and count == 0:
        raise UsageError("there is no text: give text, or a file")
    else:
        with media_of(asked.data, asked.url, served.settings) as given:
            yield given


def _result(served: Served, task: str, asked: Options, given: Given | None) -> Any:
    library = None if asked.collection is None else served.collection(asked.collection)
    model: Any = None
    if task in tasks.BUILT_IN:
        model = tasks.model_of(task, asked.model, served.settings.models)

    def encoder() -> Encoder:
        return library.encoder if library is not None else served.encoder(served.settings.encoder)

    if task == "speak":
        return tasks.speak(served.models, asked, model)
    if task == "translate":
        return tasks.translate(served.models, given, asked, model)
    if task == "answer":
        return tasks.answer(served.models, given, asked, encoder(), model, library)
    if task == "summarize":
        return tasks.summarize(served.models, given, asked, encoder(), model)
    assert given is not None
    if task == "read":
        return tasks.read(served.models, given, asked)
    if task == "transcribe":
        return tasks.transcribe(served.models, given, asked, model)
    if task == "classify":
        return tasks.classify(given, asked, encoder())
    if task == "explain":
        limits = served.settings.limits
        question = None if asked.label is not None else _question(asked, library, limits)
        return tasks.explain(given, asked, encoder(), question, library)
    return getattr(tasks, task)(served.models, given, asked, encoder(), model)


def _question(asked: Options, library: Collection | None, limits: Limits) -> Any:
    """What is to be explained, as a search of the collection asks it."""
    if asked.query is None and not asked.parts:
        raise UsageError("an explanation is of words (query), of parts of a question, or a label")

    def find(item: int) -> Item:
        if library is None:
            raise UsageError("a part that is an item is one of a collection: name it, too")
        return item_of(library, item)

    return question_of_parts(asked.query, asked.parts, find, limits)


def _body(task: str) -> dict[str, Any]:
    """What OpenAPI says of a task's body."""
    schema = schema_of(task)
    content = {"application/json": {"schema": schema}}
    if task != "speak":
        form = {**schema["properties"], "file": {"type": "string", "format": "binary"}}
        content["multipart/form-data"] = {"schema": {"type": "object", "properties": form}}
    return {"requestBody": {"required": True, "content": content}}


SOUND: dict[int | str, dict[str, Any]] = {
    200: {"content": {"audio/wav": {}, "audio/flac": {}}, "description": "The sound."}
}

for _task, _summary in SUMMARIES.items():
    router.add_api_route(
        f"/{_task}", _route(_task), methods=["POST"], summary=_summary, name=_task,
        dependencies=[needs("read")], openapi_extra=_body(_task), response_model=None,
        response_class=Response if _task == "speak" else Answer,
        responses=SOUND if _task == "speak" else answers(declared.TASKS[_task]),
    )  # fmt: skip
