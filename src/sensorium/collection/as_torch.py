"""Collections as data sets of torch: vectors, metadata and media by number, in any process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from sensorium.collection.kinds import Ids
from sensorium.collection.rows_out import Rows, flat, media_of_row, rows_of_collection
from sensorium.collection.store import Store
from sensorium.errors import MissingExtraError
from sensorium.media import Media

try:
    import torch
    from torch.utils.data import Dataset
except ModuleNotFoundError as error:
    raise MissingExtraError("torch", "hub") from error


class TorchRows(Dataset):  # type: ignore[misc]  # torch is not looked into
    """Rows of a collection; see `Collection.to_torch`.

    Parameters
    ----------
    rows : Rows
    transform : callable, optional
        Makes the value ``media`` of the file of a row.
    """

    def __init__(self, rows: Rows, transform: Callable[[Media], Any] | None) -> None:
        self.rows = rows
        self.transform = transform

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> dict[str, Any]:
        place = range(len(self))[place]  # negative ones, and an IndexError behind the last
        return self.__getitems__([place])[0]

    def __getitems__(self, places: Sequence[int]) -> list[dict[str, Any]]:
        """Several at once, which a DataLoader asks for: one look into the collection for all."""
        found, vectors = self.rows.read(places)
        made = []
        for row, vector in zip(found, torch.from_numpy(np.array(vectors)), strict=True):
            values: dict[str, Any] = {
                "id": row.item, "path": row.path, "modality": row.modality, "vector": vector,
                **flat(self.rows.values(row), self.rows.columns),
            }  # fmt: skip
            if self.transform is not None:
                values["media"] = self.transform(media_of_row(row))
            made.append(values)
        return made


def to_torch(
    store: Store,
    ids: Ids | None,
    names: Iterable[str],
    transform: Callable[[Media], Any] | None,
) -> TorchRows:
    """See `Collection.to_torch`."""
    return TorchRows(rows_of_collection(store, ids, names), transform)
