"""What a request to a task may say, beside the media that it brings."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sensorium.serve.http.search import AskedPart

MODEL = "A model that comes with the library, or that the server was started with."


class Options(BaseModel):
    """Options of all tasks; each takes those that it knows (`fields_of`)."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    collection: str | None = Field(None, description="Of the item.")
    item: int | None = Field(None, ge=0, lt=1 << 63, description="An item's id, instead of a file.")
    data: str | None = Field(None, description="A file's bytes in base64, or a data: URL.")
    url: str | None = Field(None, max_length=4096, description="Where the server fetches any.")
    text: str | None = Field(None, max_length=10_000_000, description="Words, instead of a file.")
    model: str | None = Field(None, max_length=200, description=MODEL)
    labels: (
        Annotated[str, Field(max_length=100_000)]
        | Annotated[list[Annotated[str, Field(max_length=1000)]], Field(max_length=10_000)]
        | None
    ) = Field(
        None, description="Words, with commas between them or as a list.", examples=["cat,dog"]
    )
    multi: bool = Field(False, description="Whether each label is judged by itself.")
    none: bool = Field(False, description='Whether "none of these" is an answer, too.')
    k: int = Field(3, ge=1, le=1000)
    min: float | None = Field(None, ge=0, le=1, description="Probability that is told.")
    detector: str | None = Field(None, max_length=200)
    points: list[list[tuple[float, float]]] | None = Field(
        None, max_length=100, description="Places on things, in pixels: a list for each thing."
    )
    boxes: list[tuple[float, float, float, float]] | None = Field(
        None, max_length=100, description="x, y, width, height of things, in pixels."
    )
    beams: int | None = Field(None, ge=1, le=64)
    language: str | None = Field(None, max_length=40)
    query: str | None = Field(None, max_length=40_000, examples=["a castle on a hill"])
    parts: list[AskedPart] = Field(
        [], max_length=100, description="Of a question of several, as a search has them."
    )
    label: str | None = Field(None, max_length=1000)
    faithfulness: bool = Field(False, description="Whether rival orders are measured.")
    question: str | None = Field(None, max_length=10_000, examples=["When was it built?"])
    threshold: float | None = Field(None, ge=0, le=1)
    where: str | None = Field(None, max_length=10_000)
    sentences: int | None = Field(None, ge=1, le=10_000)
    share: float | None = Field(None, gt=0, le=1)
    source: str | None = Field(None, max_length=40, description="Language of the text.")
    target: str | None = Field(None, max_length=40, description="Language to translate to.")
    speed: float = Field(1.0, ge=0.25, le=4)
    format: str = Field("wav", pattern="^(wav|flac)$")

    @field_validator("parts", mode="before")
    @classmethod
    def _parts(cls, value: Any) -> Any:
        """A form has them as JSON."""
        return json.loads(value) if isinstance(value, str) else value

    @field_validator("points", mode="before")
    @classmethod
    def _points(cls, value: Any) -> Any:
        """As the shell has them: "120,80 140,90"."""
        if not isinstance(value, (str, list)):
            return value
        listed = [value] if isinstance(value, str) else value
        return [
            [p.split(",") for p in one.split()] if isinstance(one, str) else one for one in listed
        ]

    @field_validator("boxes", mode="before")
    @classmethod
    def _boxes(cls, value: Any) -> Any:
        """As the shell has them: "10,20,100,80"."""
        if not isinstance(value, (str, list)):
            return value
        listed = [value] if isinstance(value, str) else value
        return [one.split(",") if isinstance(one, str) else one for one in listed]


MEDIA = ("collection", "item", "data", "url")

FIELDS: dict[str, tuple[str, ...]] = {
    "classify": (*MEDIA, "labels", "multi", "none", "k"),
    "detect": (*MEDIA, "labels", "model", "min"),
    "segment": (*MEDIA, "labels", "points", "boxes", "model", "detector", "min"),
    "caption": (*MEDIA, "model", "beams", "language"),
    "explain": (*MEDIA, "query", "parts", "label", "labels", "multi", "faithfulness"),
    "transcribe": (*MEDIA, "model", "language"),
    "read": MEDIA,
    "answer": (*MEDIA, "text", "question", "k", "threshold", "where", "model"),
    "summarize": (*MEDIA, "text", "sentences", "share", "model"),
    "translate": (*MEDIA, "text", "source", "target", "beams", "model"),
    "speak": ("text", "language", "model", "speed", "format"),
}
"""What each task takes of these."""

TEXTS = ("answer", "summarize", "translate", "speak")
"""Tasks that take words."""


def schema_of(task: str) -> dict[str, Any]:
    """The JSON schema of a task's options; what it refers to is there for searches."""
    full = Options.model_json_schema(ref_template="#/components/schemas/{model}")
    known = {name: full["properties"][name] for name in FIELDS[task]}
    return {"type": "object", "properties": known, "additionalProperties": False}
