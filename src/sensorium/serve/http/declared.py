"""What each address answers, for OpenAPI: the library's own shapes, and what stands around them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, create_model

from sensorium.collection import CollectionInfo, Hit, Item
from sensorium.collection.duplicates.finding import Duplicates
from sensorium.dialogue import Reply
from sensorium.explain.explanation import Explanation
from sensorium.serve.answers import Problem
from sensorium.serve.shapes import Shape, answers, shape_of
from sensorium.tasks.answers.answer import Answer
from sensorium.tasks.captioning import Caption
from sensorium.tasks.detection import Detection
from sensorium.tasks.hearing.transcripts import Transcript
from sensorium.tasks.origin import Origin
from sensorium.tasks.segmentation import Segmentation
from sensorium.tasks.summaries.summary import Summary
from sensorium.tasks.translation import Translated

State = Literal["", "changed", "gone", "unreachable"]

AnItem: Any = create_model("StoredItem", __base__=shape_of(Item), state=(State, ...))
AHit: Any = create_model("FoundHit", __base__=shape_of(Hit), state=(State, ...))
Group: Any = create_model("Group", __base__=shape_of(Duplicates), items=(list[AnItem], ...))


def shape(title: str, **fields: Any) -> Any:
    """An object of an answer."""
    wanted: Any = {name: (kind, ...) for name, kind in fields.items()}
    return create_model(title, __base__=Shape, **wanted)


def many(kind: Any) -> Any:
    """A list of such."""
    return list[kind]


class Job(Shape):
    """How far a job is; beside these keys it has what was asked for (`paths`, `speech` ...)."""

    model_config = ConfigDict(extra="allow")

    id: str
    collection: str
    state: Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]
    done: int
    total: int
    created: float = Field(description="Seconds since 1970.")
    started: float | None
    ended: float | None
    report: Any
    error: str | None


ITEM = {"id": 3, "path": "/photos/castle.jpg", "modality": "image",
        "metadata": {"width": 640, "taken": "2024-05-01T12:00:00"}, "state": ""}  # fmt: skip
HIT = {**ITEM, "span": None, "score": 0.36, "text": None, "details": {}, "probability": 0.91,
       "stands_for": 1}  # fmt: skip

_Collection: Any = create_model(
    "Collection", __base__=Shape, name=(str, ...), items=(dict[str, int], ...),
    encoder=(str | None, ...), created=(bool, ...),
    error=(str, Field("", description="Why it cannot be opened.")),
)  # fmt: skip
_COLLECTION = {"name": "photos", "items": {"image": 81}, "encoder": "mini", "created": False}
COLLECTIONS = answers(
    shape("Collections", collections=many(_Collection), creates=bool),
    {"collections": [_COLLECTION], "creates": False},
)
CREATED = answers(_Collection, {**_COLLECTION, "items": {}, "created": True}, status=201)
DELETED_COLLECTION = answers(
    shape("DeletedCollection", deleted=str, files=int), {"deleted": "photos", "files": 0}
)
TAKEN = {"model": Problem, "description": "Something stands in the way: the message says what."}
INFO = answers(shape_of(CollectionInfo))
ITEMS = answers(shape("Items", items=list[AnItem], total=int), {"items": [ITEM], "total": 81})
ITEM_ANSWER = answers(AnItem, ITEM)
DELETED = answers(shape("Deleted", deleted=int, files=int), {"deleted": 1, "files": 0})
HITS = answers(
    shape("Hits", hits=list[AHit], nothing_matches=bool, judgements=dict[str, bool]),
    {"hits": [HIT], "nothing_matches": False, "judgements": {}},
)
JOBS = answers(shape("Jobs", jobs=list[Job]))
JOB = answers(Job)
STARTED = answers(shape("Started", job=Job), status=202)
SENT = shape(
    "Sent",
    files=many(shape("SentFile", name=str, stored=str | None, item=int | None, reason=str)),
    job=Job | None,
)
MONTHS = answers(
    shape("Months", months=many(shape("Month", month=str, count=int)), undated=int),
    {"months": [{"month": "2024-05", "count": 3}], "undated": 81},
)
PLACES = answers(shape("Places", count=int, ids=str, latitudes=str, longitudes=str))
MAP = answers(
    shape("Map", count=int, ids=str, x=str, y=str, kinds=str, modalities=list[str], taken=str,
          months=list[str])
)  # fmt: skip
TEXT = answers(shape("Passages", item=int, count=int, passages=list[dict[str, Any]]))
GROUPS = answers(shape("Groups", groups=list[Group], count=int))

Classes: Any = shape(
    "Classes", name=str, labels=list[str], examples=dict[str, Any], method=str, modality=str,
    modalities=list[str],
)  # fmt: skip
LISTED_CLASSES = answers(shape("ListedClasses", classes=list[Classes]))
CLASSES = answers(Classes)
EXAMPLES = answers(shape("Examples", labels=dict[str, list[int]]), {"labels": {"castle": [1, 2]}})
LABELLED = answers(
    shape("Labelled", items=many(shape("LabelledItem", id=int, labels=dict[str, float])),
          total=int, counts=dict[str, int])
)  # fmt: skip
COUNTS = answers(shape("Counts", total=int, counts=dict[str, int]))
FORGOTTEN = answers(shape("Forgotten", deleted=str), {"deleted": "kind"})
SESSION = answers(
    shape("Session", scopes=list[str], token_needed=bool),
    {"scopes": ["read", "judge"], "token_needed": False},
)

_Judged: Any = shape("JudgedLabel", label=str, probability=float, answer=str)
_Classified: Any = create_model(
    "Classified", __base__=Shape, path=(str, ...), labels=(dict[str, float], ...),
    answers=(list[_Judged], Field(default_factory=list)), origin=(shape_of(Origin), ...),
)  # fmt: skip

TASKS: dict[str, Any] = {
    "classify": _Classified,
    "detect": shape_of(Detection),
    "segment": shape_of(Segmentation),
    "caption": shape_of(Caption),
    "explain": shape_of(Explanation),
    "transcribe": shape_of(Transcript),
    "read": shape("Read", path=str, lines=list[dict[str, Any]]),
    "answer": shape("Answers", answers=many(shape_of(Answer))),
    "summarize": shape_of(Summary),
    "translate": shape_of(Translated),
}
"""What each task answers; `speak` gives a sound."""

_Said: Any = shape("Said", role=Literal["assistant"], content=str, refusal=None)
_Choice: Any = shape(
    "Choice", index=int, message=_Said, finish_reason=Literal["stop"], logprobs=None
)
CHAT = answers(
    shape(
        "Completion", id=str, object=Literal["chat.completion"], created=int, model=str,
        choices=list[_Choice], usage=dict[str, int], sensorium=shape_of(Reply),
    )
)  # fmt: skip

_Model: Any = shape("Model", id=str, object=Literal["model"], created=int, owned_by=str)
_MODEL = {"id": "mini", "object": "model", "created": 0, "owned_by": "sensorium"}
MODEL = answers(_Model, _MODEL)
MODELS = answers(
    shape("Models", object=Literal["list"], data=list[_Model]), {"object": "list", "data": [_MODEL]}
)
EMBEDDINGS = answers(
    shape(
        "Embeddings",
        object=Literal["list"],
        data=many(
            shape("Embedding", object=Literal["embedding"], index=int, embedding=list[float] | str)
        ),
        model=str,
        usage=shape("Usage", prompt_tokens=int, total_tokens=int),
    ),
    {"object": "list", "model": "mini", "usage": {"prompt_tokens": 7, "total_tokens": 7},
     "data": [{"object": "embedding", "index": 0, "embedding": [0.02, -0.05]}]},
)  # fmt: skip
COHERE = answers(
    shape("CohereEmbeddings", id=str, embeddings=dict[str, list[Any]], texts=list[str],
          response_type=str, meta=dict[str, Any])
)  # fmt: skip

_Heard: Any = shape("Heard", text=str)
_Segment: Any = shape(
    "HeardSegment", id=int, seek=int, start=float, end=float, text=str, tokens=list[int],
    temperature=float, avg_logprob=float, compression_ratio=float, no_speech_prob=float,
    confidence=float | None,
)  # fmt: skip
_Word: Any = shape("HeardWord", word=str, start=float, end=float)
_Verbose: Any = create_model(
    "HeardVerbosely", __base__=_Heard, task=(str, ...), language=(str, ...), duration=(float, ...),
    segments=(list[_Segment], ...), words=(list[_Word], Field(default_factory=list)),
)  # fmt: skip
HEARD = _Heard | _Verbose
"""A transcript as `json` and as `verbose_json`; all other forms are texts."""
