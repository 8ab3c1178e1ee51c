"""What of a hub's models lies in its cache on this machine; read without the hub's client.

The cache is laid out as the client does it: ``models--ORG--NAME`` with ``blobs`` (contents, by
digest), ``snapshots`` (a folder for each commit) and ``refs`` (what branches and tags mean).
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import sys
from collections.abc import Collection
from pathlib import Path
from urllib.parse import parse_qsl

BRANCH = "main"
"""What a hub gives where no revision is named."""

_COMMIT = re.compile(r"[0-9a-f]{40}")

WEIGHTS = (".safetensors", ".onnx", ".ort", ".bin")
"""Endings of weights; without any of them a snapshot is none. Pickles count, so that who reads the
model says why it is not read."""


def hub_cache() -> Path:
    """Where the hub's client keeps models."""
    if (constants := sys.modules.get("huggingface_hub.constants")) is not None:
        return Path(constants.HF_HUB_CACHE)  # as its variables were when it was imported
    if cache := os.environ.get("HF_HUB_CACHE"):
        return Path(cache)
    home = os.environ.get("HF_HOME")
    if home is None:
        root = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111
        home = str(Path(root) / "huggingface")
    return Path(home) / "hub"


def storage_of(name: str) -> Path:
    """The folder of a model in the cache, whether it is there or not."""
    return hub_cache() / ("models--" + name.replace("/", "--"))


def is_commit(revision: str) -> bool:
    """Whether a revision is a commit, which never changes."""
    return _COMMIT.fullmatch(revision) is not None


def unfinished_mark(name: str, commit: str) -> Path:
    """A file that is there while a snapshot is fetched, and after a fetch that was cut off."""
    return storage_of(name) / f"{commit}.unfinished"


def whole_mark(name: str, commit: str) -> Path:
    """A file that is there once a snapshot was compared with what the hub lists."""
    return storage_of(name) / f"{commit}.whole"


def split_revision(name: str) -> tuple[str, str | None]:
    """A hub id and the revision behind it: ``org/model?revision=v2``."""
    base, _, query = name.partition("?")
    return base, dict(parse_qsl(query)).get("revision")


def command_of(name: str, revision: str | None = None) -> str:
    """The command that fetches a model."""
    words = ["sensorium", "models", "--get", name]
    return shlex.join(words + (["--revision", revision] if revision else []))


def snapshot_of(name: str, revision: str | None = None) -> Path | None:
    """The folder of a model's files at a revision; None where it is not in the cache.

    Parameters
    ----------
    name : str
        A hub id.
    revision : str, optional
        Branch, tag or commit.
    """
    storage, wanted = storage_of(name), revision or BRANCH
    commit = wanted
    if not is_commit(wanted):
        try:
            commit = (storage / "refs" / wanted).read_text("utf-8").strip()
        except (OSError, ValueError):
            return None
    folder = storage / "snapshots" / commit
    if not commit or not folder.is_dir() or unfinished_mark(name, commit).exists():
        return None
    return folder


def is_whole(folder: Path, only: Collection[str] = ()) -> bool:
    """Whether a snapshot holds a model's weights, all parts of them.

    Parameters
    ----------
    folder : Path
    only : collection of str
        Patterns of file names, each of which some file has to match; without any, what the model's
        own list of parts names has to be there, and some weights.
    """
    files = files_of(folder)
    if only:
        return all(any(fnmatch.fnmatch(file, pattern) for file in files) for pattern in only)
    if not any(file.endswith(WEIGHTS) for file in files):
        return False
    for index in folder.glob("**/model.safetensors.index.json"):
        if (index.parent / "model.safetensors").is_file():
            continue
        try:
            parts = {*json.loads(index.read_text("utf-8"))["weight_map"].values()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue  # whoever reads it says so
        if not all((index.parent / str(part)).is_file() for part in parts):
            return False
    return True


def files_of(folder: Path) -> set[str]:
    """Files of a snapshot, as the hub calls them; a link to nothing is none."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def base_of(folder: Path) -> str:
    """The hub id of the model that an adapter is laid over; empty for what is no adapter."""
    try:
        named = json.loads((folder / "adapter_config.json").read_text("utf-8"))
        return str(named.get("base_model_name_or_path") or "")
    except (OSError, ValueError, AttributeError, RecursionError):
        return ""
