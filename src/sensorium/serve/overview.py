"""What a collection holds as a whole: when and where its items are from, and in which order."""

from __future__ import annotations

import math
import re
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sensorium.collection import Collection
from sensorium.collection.collection import store_of
from sensorium.collection.items import stored_items

Order = Literal["added", "-added", "taken", "-taken"]

_MONTH = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])")

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Overview:
    """Facts about all items of a collection at one moment.

    Attributes
    ----------
    version : object
        Of the collection, see `Store.version`.
    ids : ndarray of int64, shape (n,)
        In the order of adding.
    taken : list of str, n of them
        When, as ISO 8601 has it; empty where that is unknown, or is said in another way.
    modalities : list of str, n of them
    places : ndarray of float64, shape (n, 2)
        Latitude and longitude in degrees; NaN where they are unknown.
    """

    version: object
    ids: Ids
    taken: list[str]
    modalities: list[str]
    places: npt.NDArray[np.float64]

    def ordered(self, order: Order, allowed: Ids | None = None) -> Ids:
        """Ids in an order, those that are allowed; what is undated comes last.

        Parameters
        ----------
        order : {"added", "-added", "taken", "-taken"}
            With "-" the latest first.
        allowed : ndarray of int64, optional
        """
        rows = np.arange(len(self.ids))
        if allowed is not None:
            rows = rows[np.isin(self.ids, allowed)]
        backwards = order.startswith("-")
        if backwards:
            rows = rows[::-1]
        if order.endswith("taken"):
            # ISO 8601 sorts as text; sorting is stable, so that equal times keep their order.
            dated = [row for row in rows.tolist() if self.taken[row]]
            undated = [row for row in rows.tolist() if not self.taken[row]]
            dated.sort(key=self.taken.__getitem__, reverse=backwards)
            rows = np.array(dated + undated, np.int64)
        return self.ids[rows]

    def months(self) -> tuple[dict[str, int], int]:
        """How many items are of each month, as 2024-05, in order; and how many are undated."""
        found = [taken[:7] for taken in self.taken if taken]
        return dict(sorted(Counter(found).items())), len(self.taken) - len(found)


class Overviews:
    """Overviews of collections, made anew where these have changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[str, tuple[Collection, Overview]] = {}

    def of(self, name: str, collection: Collection) -> Overview:
        """An overview of a collection as it is now."""
        version = store_of(collection).version()
        with self._lock:  # what two ask for at once is made once
            held = self._made.get(name)
            if held is None or held[0] is not collection or held[1].version != version:
                self._made[name] = held = collection, _made(collection, version)
            return held[1]


def _made(collection: Collection, version: object) -> Overview:
    ids, taken, modalities, places = [], [], [], []
    for item in stored_items(store_of(collection)):
        known = {**item.properties, **item.metadata}
        ids.append(item.id)
        said = known.get("taken")
        taken.append(said if isinstance(said, str) and _MONTH.match(said) else "")
        modalities.append(item.modality)
        places.append(place_of(known))
    return Overview(
        version, np.array(ids, np.int64), taken, modalities,
        np.array(places, np.float64).reshape(-1, 2),
    )  # fmt: skip


def place_of(known: dict[str, Any]) -> tuple[float, float]:
    """Latitude and longitude that metadata say; NaN for both where they are none of the Earth's."""
    try:
        latitude, longitude = float(known["latitude"]), float(known["longitude"])
    except (KeyError, TypeError, ValueError):
        return math.nan, math.nan
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        return math.nan, math.nan
    return latitude, longitude
