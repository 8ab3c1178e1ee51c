"""Whether a model hub can be asked now, so that nobody waits for one that does not answer."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sensorium.errors import MissingExtraError

try:
    from huggingface_hub import constants, get_session
except ImportError as error:
    raise MissingExtraError(error.name or "huggingface_hub", "hub") from error

ANSWERS_WITHIN = 4.0
"""Seconds that a hub is given to answer one request, before an error says that it does not."""

REMEMBERED = 60.0
"""Seconds for which the answer is remembered: several models may be missing at once."""

BUSY, BROKEN = 429, 500
"""Answers of a hub that is there and gives nothing: too many requests; from 500 on, its fault."""

SETTINGS = threading.RLock()
"""Held while settings of the hub's client are replaced, which are everybody's: who asks the hub
waits for who loads without it."""

_asked: dict[str, tuple[float, str]] = {}
"""By address of a hub: when it was asked, and what `unreachable` said."""


def is_offline() -> bool:
    """Whether nothing may be fetched from the hub, as a variable of the environment says."""
    names = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    return any(os.environ.get(n, "").lower() in ("1", "true", "yes", "on") for n in names)


def unreachable() -> str:
    """Why nothing can be fetched from the hub now; empty where it answers.

    One request tells, at most once in `REMEMBERED` seconds.
    """
    if is_offline():
        return "HF_HUB_OFFLINE is set"
    hub = constants.ENDPOINT
    when, reason = _asked.get(hub, (-REMEMBERED, ""))
    if time.monotonic() - when < REMEMBERED:
        return reason
    reason = ""
    try:
        with asking():
            answer = get_session().head(hub, timeout=ANSWERS_WITHIN)
    except Exception as error:  # of httpx or httpx2, by the client's version: no OSError, most
        said = (str(error).strip().splitlines() or [""])[0]
        reason = f"{hub} cannot be reached ({said or type(error).__name__})"
    else:
        if answer.status_code == BUSY or answer.status_code >= BROKEN:
            reason = f"{hub} answers {answer.status_code}"
    _asked[hub] = time.monotonic(), reason
    return reason


@contextmanager
def asking() -> Iterator[None]:
    """Let nothing that is sent tell what is installed here, and let no load switch the hub off."""
    with SETTINGS:
        before = constants.HF_HUB_DISABLE_TELEMETRY
        constants.HF_HUB_DISABLE_TELEMETRY = True
        try:
            yield
        finally:
            constants.HF_HUB_DISABLE_TELEMETRY = before
