"""The identity of an embedding space: what must agree before two vectors may be compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sensorium.encoders.digests import digest
from sensorium.media import Modality

LETTER_CASE = ("capitals", "lower_case")
"""Keys of a text tower's preprocessing, and of a hub model's, that say what becomes of capitals."""


@dataclass(frozen=True)
class Space:
    """An embedding space.

    Parameters
    ----------
    name : str
        What people call it; not part of the fingerprint.
    dimension : int
        Length of every vector.
    modalities : tuple of Modality
        What can be put into the space.
    preprocessing : mapping
        Everything done to media before the weights see it, as JSON values.
    weights : str
        SHA-256 (hex) of the weights and the tokenizer.
    normalization : str
        ``"l2"``: vectors have unit length, so that the dot product is the cosine.
    """

    name: str
    dimension: int
    modalities: tuple[Modality, ...]
    preprocessing: Mapping[str, Any]
    weights: str
    normalization: str = "l2"

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hex digits that differ where vectors may not be compared (64 bits of a SHA-256).

        The runtime and its precision do not enter: they agree to a cosine of 0.999 (tested). Nor
        does what becomes of letters' case (`LETTER_CASE`): what is sought or stored with either
        rule lies in one space, and only texts in capitals have other places in it.
        """
        identity = {key: value for key, value in asdict(self).items() if key != "name"}
        identity["preprocessing"] = _without_letter_case(self.preprocessing)
        canonical = json.dumps(identity, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]

    @property
    def letter_case(self) -> dict[str, Any]:
        """What becomes of capitals, which is no part of the fingerprint; empty where nothing."""
        text = self.preprocessing.get("text")
        given = [self.preprocessing, text if isinstance(text, Mapping) else {}]
        return {key: some[key] for some in given for key in LETTER_CASE if key in some}

    def to_json(self) -> str:
        """Write the space as JSON; `from_json` reads it."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Space:
        """Read what `to_json` wrote; anything else is a ValueError, KeyError or TypeError."""
        fields = json.loads(text)
        if not isinstance(fields["preprocessing"], dict):
            raise ValueError(f"preprocessing is {fields['preprocessing']!r:.40}, no object")
        fields["modalities"] = tuple(Modality(m) for m in fields["modalities"])
        return cls(**fields)

    def __str__(self) -> str:
        return f"{self.name} [{self.fingerprint}]"


def _without_letter_case(preprocessing: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in preprocessing.items() if key not in LETTER_CASE}
    if isinstance(text := kept.get("text"), dict):
        kept["text"] = {key: value for key, value in text.items() if key not in LETTER_CASE}
    return kept


def hash_files(paths: Iterable[Path]) -> str:
    """SHA-256 (hex) over the names and contents of files, whatever order they are given in."""
    total = hashlib.sha256()
    for path in sorted(paths, key=lambda p: p.name):
        total.update(path.name.encode() + b"\0" + digest(path))
    return total.hexdigest()
