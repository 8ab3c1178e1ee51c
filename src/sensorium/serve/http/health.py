"""Whether the server is well, and what it counts."""

from __future__ import annotations

import threading
import time
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from sensorium.errors import SensoriumError
from sensorium.media import Modality, Text
from sensorium.serve.answers import Answer
from sensorium.serve.batching import BatchedEncoder, BusyError
from sensorium.serve.http.depends import ServedState, needs

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """Whether all is well, and what is not."""

    status: Literal["healthy", "unhealthy"]
    faults: dict[str, str]


ANSWERS_WITHIN = 5.0
"""Seconds that an encoder is given for one word before it counts as dead."""

_PROBE = "health"


@router.get(
    "/health", summary="Whether collections and encoders answer",
    responses={503: {"description": "Something cannot be searched.", "model": Health}},
)  # fmt: skip
def health(served: ServedState) -> Answer:
    """200 where all that is served can be searched; else 503, with what is wrong."""
    faults: dict[str, str] = {}
    for name in served.settings.collections:
        try:
            collection = served.collection(name)
            len(collection)
        except SensoriumError as error:
            faults[f"collection {name}"] = str(error)
    for name, encoder in served.encoders.items():
        if fault := _fault_of(encoder):
            faults[f"encoder {name}"] = fault
    body = {"status": "unhealthy" if faults else "healthy", "faults": faults}
    return Answer(body, 503 if faults else 200)


@router.get(
    "/metrics", summary="Counters, as Prometheus reads them", dependencies=[needs("read")],
    response_class=Response, responses={200: {"content": {"text/plain": {}}}},
)  # fmt: skip
def metrics(served: ServedState) -> Response:
    """What was asked how often, and how long it took."""
    return Response(served.metrics.written(), media_type="text/plain; version=0.0.4")


def _fault_of(encoder: BatchedEncoder) -> str:
    """Why an encoder is dead; empty where it is alive: it is asked, as a search would."""
    if not encoder.is_alive:
        return "its thread has ended"
    if Modality.TEXT not in encoder.space.modalities:
        return ""
    found: list[str] = []

    def ask() -> None:
        try:
            encoder.encode([Text(_PROBE)], role="query")
        except BusyError:
            found.append("")  # it computes
        except Exception as error:  # whatever it is, nothing is encoded
            found.append(str(error) or type(error).__name__)
        else:
            found.append("")

    asking = threading.Thread(target=ask, daemon=True)
    began = time.monotonic()
    asking.start()
    asking.join(ANSWERS_WITHIN)
    return found[0] if found else f"no answer within {time.monotonic() - began:.0f} s"
