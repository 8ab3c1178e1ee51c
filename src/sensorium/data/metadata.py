"""What is said of files beside what is in them: JSON values by name."""

from __future__ import annotations

import json
import math
from typing import Any

from sensorium.errors import CollectionError


def storable(value: Any) -> Any:
    """What a file says of itself, as `dump_metadata` takes it.

    Files say anything: a number that is none (an object of infinite size) becomes None, half a
    surrogate pair a question mark.
    """
    if isinstance(value, dict):
        return {str(key): storable(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [storable(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def dump_metadata(values: dict[str, Any]) -> str:
    """Write metadata as JSON.

    Raises
    ------
    CollectionError
        For what JSON, or SQLite, cannot hold: other types, NaN, half a surrogate pair.
    """
    try:
        if not all(isinstance(name, str) for name in values):
            raise TypeError("a name that is no text")
        text = json.dumps(values, ensure_ascii=False, allow_nan=False)
        text.encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise CollectionError(
            f"metadata must be JSON values: {error} in {values!r:.200}"
        ) from error
    return text
