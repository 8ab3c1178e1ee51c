"""Loading what others trained: without their code, their pickles, and any network.

Transformers and sentence-transformers fall back to pickles where there are no safetensors, fetch
what a hub's cache lacks, and files in a folder may name models of the hub, which they then fetch.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path, PureWindowsPath
from typing import Any, TypeVar

from sensorium.encoders.fetching import require_at_hand
from sensorium.encoders.hub_cache import split_revision
from sensorium.encoders.naming import require_known
from sensorium.encoders.reaching import SETTINGS
from sensorium.errors import EncoderError, MissingExtraError
from sensorium.media.sources import shown_url

try:
    import torch
    from huggingface_hub import constants
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "hub") from error

T = TypeVar("T")


def is_local(name: str | os.PathLike[str]) -> bool:
    """Whether a name is a folder, so that nothing has to be fetched for it."""
    return Path(os.path.expanduser(name)).is_dir()  # noqa: PTH111


def require_name(name: str | os.PathLike[str]) -> None:
    """Refuse what is no name of a hub's model, before the hub is asked whether it answers.

    Raises
    ------
    EncoderError
    """
    if "://" in os.fspath(name):
        raise EncoderError(
            f"{shown_url(os.fspath(name))} is an address: name a folder with a model, or a model "
            "of the hub"
        )


CONFIGURATIONS = ("*config.json", "*configuration.json", "modules.json")

KERNEL = "attn_implementation"
"""Ends keys that name how attention is computed: by one of the library's ways, or, with a slash,
by a program of a hub, which is fetched and run."""

MAX_CONFIGURATION = 1 << 20
"""Bytes of a file that is looked through: those with configurations have some kilobytes."""


def require_inside(folder: Path) -> None:
    """Refuse a folder whose configuration names files that lie elsewhere.

    What a person named is the folder: a tokenizer's words, a part or the model that an adapter is
    laid over would be read from wherever its maker wrote.

    Raises
    ------
    EncoderError
    """
    for pattern in CONFIGURATIONS:
        for file in folder.glob(f"**/{pattern}"):
            try:
                if file.stat().st_size > MAX_CONFIGURATION:
                    continue
                content = json.loads(file.read_text("utf-8"))
            except (OSError, ValueError, RecursionError):
                continue  # whoever reads it says so
            for name, value in _named_files(content, file.name):
                parts = PureWindowsPath(value)  # knows both kinds of slashes
                is_code = name.endswith(KERNEL)
                if (
                    is_code
                    or parts.is_absolute()
                    or parts.drive
                    or parts.root
                    or ".." in parts.parts
                ):
                    raise EncoderError(
                        f"{file} names {name} {value!r:.80}, which lies outside of the folder: "
                        "what a folder brings is all that is read"
                    )


def _named_files(content: Any, file: str) -> Iterator[tuple[str, str]]:
    """Keys and values of a configuration by which a library opens files."""
    waiting = [content]
    while waiting:
        held = waiting.pop()
        if isinstance(held, list):
            waiting += held
        elif isinstance(held, dict):
            for key, value in held.items():
                if isinstance(value, (dict, list)):
                    waiting.append(value)
                elif isinstance(value, str) and (
                    key.endswith("_file")
                    or (key.endswith(KERNEL) and "/" in value)
                    or (key == "path" and file == "modules.json")
                    or (key == "base_model_name_or_path" and file == "adapter_config.json")
                ):
                    yield key, value


@contextmanager
def safe_loading(*, offline: bool = True) -> Iterator[None]:
    """Refuse pickles and every request while a library loads a model.

    One model is loaded at a time: what is replaced meanwhile is everybody's.

    Parameters
    ----------
    offline : bool
        False lets a data set be fetched that a person named.
    """
    loader, loads = threading.get_ident(), torch.load

    def refuse(*arguments: Any, **options: Any) -> Any:
        if threading.get_ident() != loader:  # a thread of the caller's
            return loads(*arguments, **options)
        raise EncoderError(
            "its weights are a pickle, which may hold any program and is not read: convert them "
            "to safetensors"
        )

    with SETTINGS:
        before = constants.HF_HUB_OFFLINE, constants.HF_HUB_DISABLE_TELEMETRY
        _set(torch, "load", refuse)
        constants.HF_HUB_OFFLINE = before[0] or offline
        constants.HF_HUB_DISABLE_TELEMETRY = True  # it tells what is installed, and who asks
        try:
            yield
        finally:
            _set(torch, "load", loads)
            constants.HF_HUB_OFFLINE, constants.HF_HUB_DISABLE_TELEMETRY = before


def load_here(
    name: str | os.PathLike[str], load: Callable[[str, str | None], T], revision: str | None = None
) -> T:
    """Load a model from its folder or the hub's cache, with a library that would fetch it.

    Parameters
    ----------
    name : str or Path
        A folder, or a hub id, maybe with a revision: ``org/model?revision=v2``.
    load : callable
        Takes the name and the revision, and is called where nothing is fetched and no pickle read.
    revision : str, optional
        Branch, tag or commit of a hub id.

    Raises
    ------
    NotAtHandError
        When it is not on this machine; it says its size and how it is fetched.
    UnknownModelError, EncoderError
        When there is no such model.
    Exception
        Any of `load`.
    """
    source, revision = require_here(name, revision)
    with safe_loading():
        return load(source, revision)


def require_here(
    name: str | os.PathLike[str], revision: str | None = None
) -> tuple[str, str | None]:
    """Refuse a model that is not on this machine, or fetch it where that is allowed.

    Returns
    -------
    (str, str or None)
        What a library loads it by, in `safe_loading`: a folder, or a hub id and its revision.

    Raises
    ------
    NotAtHandError, UnknownModelError, EncoderError
        As `load_here` does.
    """
    if is_local(name):
        folder = Path(os.path.expanduser(name))  # noqa: PTH111
        require_inside(folder)
        return str(folder), None
    require_name(name)
    base, said = split_revision(os.fspath(name))
    revision = revision or said
    require_known(base)
    require_at_hand(base, revision)
    return base, revision


def load_pretrained(kind: Any, name: str | os.PathLike[str], **options: Any) -> Any:
    """``kind.from_pretrained`` of Transformers' automatic classes, safely.

    Parameters
    ----------
    kind : class
        ``AutoTokenizer``, ``AutoModelForSeq2SeqLM`` ...
    name : str or Path
        A folder, or a hub id, maybe with a revision: ``org/model?revision=v2``.
    **options
        What else it takes; of a model, ``use_safetensors=True``. Weights that are stored in half
        precision become float32 unless ``dtype`` says otherwise.

    Raises
    ------
    NotAtHandError
        When it is not on this machine; it says its size and how it is fetched.
    Exception
        Nearly any, by the library.
    """
    if options.get("use_safetensors"):  # else Transformers computes in what they are stored in
        options.setdefault("dtype", torch.float32)
    from transformers.utils import logging

    logging.disable_progress_bar()  # of what is loaded in a second

    def load(source: str, revision: str | None) -> Any:
        if revision is not None:
            options["revision"] = revision
        with _parts_of(kind):
            return kind.from_pretrained(
                source, trust_remote_code=False, local_files_only=True, **options
            )

    return load_here(name, load)


def _parts_of(kind: Any) -> AbstractContextManager[None]:
    if kind.__name__ != "AutoProcessor":
        return nullcontext()
    from sensorium.encoders.without_videos import without_videos

    return without_videos()


def _set(module: Any, name: str, value: Any) -> None:
    setattr(module, name, value)
