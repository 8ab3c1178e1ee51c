"""What is asked of pictures: which pictures, which labels, and which encoder knows words."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

from sensorium.encoders import Encoder, load_encoder
from sensorium.errors import EncoderError, UsageError
from sensorium.media import Modality


def listed(pictures: Any) -> list[Any]:
    """Pictures as a list: a path, an array and what else is one picture, by itself."""
    if isinstance(pictures, (list, tuple)):
        return [*pictures]
    one = isinstance(pictures, (str, os.PathLike, bytes)) or not isinstance(pictures, Iterable)
    return [pictures] if one or hasattr(pictures, "shape") else [*pictures]


def labels_of(labels: Sequence[str] | str | None) -> list[str] | None:
    """Labels as a list, each once; of one text, what stands between its commas.

    Raises
    ------
    UsageError
        When one is empty, or there is none.
    """
    if labels is None:
        return None
    several = labels.replace("，", ",").split(",") if isinstance(labels, str) else labels
    wanted = [*dict.fromkeys(" ".join(label.split()) for label in several)]
    if not wanted or not all(wanted):
        raise UsageError(f"labels are words, got {labels!r:.80}: name one or more")
    return wanted


def encoder_of_both(encoder: str | Encoder, what: str) -> Encoder:
    """An encoder of pictures and texts, loaded where it is named.

    Parameters
    ----------
    encoder : str or Encoder
    what : str
        What needs it: "boxes for words".

    Raises
    ------
    EncoderError
        When its space does not hold both.
    """
    loaded = load_encoder(encoder) if isinstance(encoder, str) else encoder
    held = loaded.space.modalities
    if not {Modality.IMAGE, Modality.TEXT} <= {*held}:
        raise EncoderError(
            f"{loaded.space.name} holds {' and '.join(held)}: {what} need an encoder of pictures "
            "and texts"
        )
    return loaded
