"""Loading what others trained: without their code, their pickles and, from a folder, any network.

Transformers and sentence-transformers fall back to pickles where there are no safetensors, and
files in a folder may name models of the hub, which they then fetch.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path, PureWindowsPath
from typing import Any

from sensorium.encoders.reaching import not_in_cache, unreachable
from sensorium.errors import EncoderError, MissingExtraError
from sensorium.media.sources import shown_url

try:
    import torch
    from huggingface_hub import constants
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "hub") from error

_LOADING = threading.RLock()
"""One model is loaded at a time: what is replaced meanwhile is everybody's."""


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
def safe_loading(*, local: bool) -> Iterator[None]:
    """Refuse pickles while a library loads a model and, for one in a folder, every request.

    Parameters
    ----------
    local : bool
        Whether all that is loaded lies in folders, or in the hub's cache.
    """
    loader, loads = threading.get_ident(), torch.load

    def refuse(*arguments: Any, **options: Any) -> Any:
        if threading.get_ident() != loader:  # a thread of the caller's
            return loads(*arguments, **options)
        raise EncoderError(
            "its weights are a pickle, which may hold any program and is not read: convert them "
            "to safetensors"
        )

    with _LOADING:
        before = constants.HF_HUB_OFFLINE, constants.HF_HUB_DISABLE_TELEMETRY
        _set(torch, "load", refuse)
        constants.HF_HUB_OFFLINE = before[0] or local
        constants.HF_HUB_DISABLE_TELEMETRY = True  # it tells what is installed, and who asks
        try:
            yield
        finally:
            _set(torch, "load", loads)
            constants.HF_HUB_OFFLINE, constants.HF_HUB_DISABLE_TELEMETRY = before


def load_pretrained(kind: Any, name: str | os.PathLike[str], **options: Any) -> Any:
    """``kind.from_pretrained`` of Transformers' automatic classes, safely.

    Parameters
    ----------
    kind : class
        ``AutoTokenizer``, ``AutoModelForSeq2SeqLM`` ...
    name : str or Path
        A hub id or a folder.
    **options
        What else it takes; of a model, ``use_safetensors=True``. Weights that are stored in half
        precision become float32 unless ``dtype`` says otherwise.

    Raises
    ------
    EncoderError
        When the hub cannot be asked, and its cache does not hold the model.
    Exception
        Nearly any, by the library.
    """
    local = is_local(name)
    if local:
        require_inside(Path(os.path.expanduser(name)))  # noqa: PTH111
    require_name(name)
    here = local or bool(unreachable())
    if options.get("use_safetensors"):  # else Transformers computes in what they are stored in
        options.setdefault("dtype", torch.float32)
    from transformers.utils import logging

    logging.disable_progress_bar()  # of what is loaded in a second
    with safe_loading(local=here), _parts_of(kind):
        try:
            return kind.from_pretrained(
                name, trust_remote_code=False, local_files_only=here, **options
            )
        except OSError as error:
            if local or not here:
                raise
            raise not_in_cache(os.fspath(name)) from error


def _parts_of(kind: Any) -> AbstractContextManager[None]:
    if kind.__name__ != "AutoProcessor":
        return nullcontext()
    from sensorium.encoders.without_videos import without_videos

    return without_videos()


def _set(module: Any, name: str, value: Any) -> None:
    setattr(module, name, value)
