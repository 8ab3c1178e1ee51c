"""Which model made a result."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sensorium.encoders.hub_cache import snapshot_of, split_revision

Kind = Literal["weights", "encoder", "hub", "folder", "server", "rule"]


@dataclass(frozen=True)
class Origin:
    """A model, and which state of it: every result of a task has one.

    Attributes
    ----------
    model : str
        As a person names it to use it again: a name of `sensorium.tasks.weights`, a hub id, a
        folder, an address with ``#MODEL``.
    revision : str
        What tells its states apart: the commit of a hub, version or digest of packaged weights,
        the digest of a folder's weights, an encoder's fingerprint. Empty where it cannot be known,
        as of a server.
    kind : str
        "weights" (of a registry's package), "encoder" (a space's own), "hub", "folder", "server",
        or "rule" (nothing was learned).
    """

    model: str
    revision: str = ""
    kind: Kind = "weights"

    def __str__(self) -> str:
        return f"{self.model} ({self.revision[:12]})" if self.revision else self.model


def origin_of_pretrained(name: str | os.PathLike[str]) -> Origin:
    """The origin of a model that Transformers loaded by `name`.

    Parameters
    ----------
    name : str or Path
        A folder, or a hub id, maybe with a revision: ``org/model?revision=v2``. The commit is that
        of its snapshot in the cache; Transformers' own notes of it went with version 5.
    """
    folder = Path(os.path.expanduser(name))  # noqa: PTH111
    if folder.is_dir():
        return Origin(str(folder), digest_of_folder(folder), "folder")
    snapshot = snapshot_of(*split_revision(os.fspath(name)))
    return Origin(os.fspath(name), snapshot.name if snapshot else "", "hub")


def digest_of_folder(folder: Path) -> str:
    """SHA-256 of names and contents of a model's folder, in hexadecimal."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(str(path.relative_to(folder)).encode("utf-8", "surrogateescape") + b"\0")
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
