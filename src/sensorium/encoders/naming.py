"""Names of models: which are written as a hub's, and what is said of one that none has."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import Path

from sensorium.encoders.hub_cache import storage_of
from sensorium.errors import EncoderError, UnknownModelError

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(\?.*)?")

NEAR = 0.6
"""Similarity (of difflib) from which on a name is taken for a misspelling of another."""

MOST_NAMES = 12
"""That a message lists, the nearest first."""


def is_hub_id(name: str) -> bool:
    """Whether a name is written as a hub id, maybe with options: ``org/model?dimension=256``."""
    return _HUB_ID.fullmatch(name) is not None and not name.startswith((".", "~"))


def is_path(name: str) -> bool:
    """Whether a name that is no hub id is written as a path."""
    return name.startswith((".", "~")) or "/" in name or os.sep in name


def is_cached_id(name: str) -> bool:
    """Whether a name without an organisation is of a hub's model that was fetched: ``gpt2``."""
    return re.fullmatch(r"[\w.-]+", name) is not None and storage_of(name).is_dir()


def require_known(
    name: str | os.PathLike[str], known: Collection[str] = (), kind: str = "model"
) -> None:
    """Refuse a name that is no model's: a mistyped one is not looked for at a hub.

    Parameters
    ----------
    name : str or Path
        As a person gives it.
    known : collection of str
        Names that need no folder and no hub.
    kind : str
        What messages call it: "detector".

    Raises
    ------
    UnknownModelError
        Unless it is one of `known`, a folder or file, an address, written as a hub id, or the old
        id of a model without an organisation that is in the hub's cache.
    EncoderError
        For a path where nothing is.
    """
    text = os.fspath(name)
    base = text.partition("?")[0]
    is_there = text in known or Path(os.path.expanduser(base)).exists()  # noqa: PTH111
    if is_there or "://" in text or is_hub_id(base) or is_cached_id(base):
        return
    if is_path(text):
        raise EncoderError(
            f"there is no folder {text!r:.200}: a {kind} is a folder with a model, or one of a hub "
            "by ORGANISATION/NAME"
        )
    raise unknown(text, known, kind)


def unknown(name: str, known: Collection[str] = (), kind: str = "model") -> UnknownModelError:
    """What is said of a name that no model has: those that there are, the nearest first.

    Parameters
    ----------
    name : str
    known : collection of str
        A hub id is near by what follows its organisation, too.
    kind : str
    """
    likeness = {one: _likeness(name, one) for one in known}
    near = [one for one in known if likeness[one] >= NEAR]
    ordered = sorted(known, key=lambda one: -likeness[one]) if near else [*known]
    meant = f"; did you mean {ordered[0]!r}?" if near else ""
    others = len(ordered) - MOST_NAMES
    listed = ", ".join(ordered[:MOST_NAMES]) + (f" and {others} others" if others > 0 else "")
    there = f"There are {listed}; a" if ordered else "A"
    return UnknownModelError(
        f"there is no {kind} {name!r:.80}{meant or '.'} {there} folder with a model is one, "
        "and one of a hub by ORGANISATION/NAME"
    )


def _likeness(name: str, other: str) -> float:
    import difflib  # of an error alone: a search is not to wait for it

    forms = {other.casefold(), other.casefold().rpartition("/")[2]}
    return max(difflib.SequenceMatcher(None, name.casefold(), form).ratio() for form in forms)
