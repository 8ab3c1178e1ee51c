"""Whether a model hub can be asked now, so that nobody waits for one that does not answer."""

from __future__ import annotations

import os
import time

from sensorium.errors import EncoderError, MissingExtraError

try:
    from huggingface_hub import constants, get_session
except ImportError as error:
    raise MissingExtraError(error.name or "huggingface_hub", "hub") from error

ANSWERS_WITHIN = 4.0
"""Seconds that a hub is given to answer one request, before what is in the cache is taken. Its
client gives each file ten seconds and five more tries, which is 24 seconds even where every
connection is refused at once; a model has a dozen files."""

REMEMBERED = 60.0
"""Seconds for which the answer is remembered: a model is loaded in several steps."""

BUSY, BROKEN = 429, 500
"""Answers of a hub that is there and gives nothing: too many requests; from 500 on, its fault."""

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
        answer = get_session().head(hub, timeout=ANSWERS_WITHIN)
    except Exception as error:  # of httpx or httpx2, by the client's version: no OSError, most
        said = (str(error).strip().splitlines() or [""])[0]
        reason = f"{hub} cannot be reached ({said or type(error).__name__})"
    else:
        if answer.status_code == BUSY or answer.status_code >= BROKEN:
            reason = f"{hub} answers {answer.status_code}"
    _asked[hub] = time.monotonic(), reason
    return reason


def not_in_cache(name: str, revision: str | None = None) -> EncoderError:
    """The error for a model that the hub had to be asked for, which says how it is mended."""
    wanted = f"{name} --revision {revision}" if revision else name
    return EncoderError(
        f"{unreachable()}, and not all files of {name} are in the cache "
        f"({constants.HF_HUB_CACHE}). Where the hub can be reached, "
        f"`HF_HUB_OFFLINE=0 hf download {wanted}` brings them there"
    )
