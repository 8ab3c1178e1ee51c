"""An encoder that takes its time and writes down when and where: it stands for a large model."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.encoders import FolderEncoder
from sensorium.encoders.base import Prepared, Role
from sensorium.media import Modality


class SleepingEncoder(FolderEncoder):
    """The encoder of a folder, that sleeps for each item.

    Parameters
    ----------
    folder : Path
        Of the encoder.
    seconds : float
        For each item; no processor is used meanwhile.
    log : Path
        A folder, where each process writes when it was given an item, under its id and node.
    computes : bool
        Whether vectors are those of the folder's encoder, or all the same and free.
    """

    def __init__(self, folder: Path, seconds: float, log: Path, computes: bool = True) -> None:
        super().__init__(folder)
        self._seconds, self._log, self._computes = seconds, log, computes
        self._made_of = (folder, seconds, log, computes)

    def __reduce__(self) -> tuple[Any, ...]:
        return SleepingEncoder, self._made_of

    def encode_prepared(
        self, modality: Modality, prepared: Sequence[Prepared], role: Role = "document"
    ) -> npt.NDArray[np.float32]:
        """See `Encoder.encode_prepared`."""
        import ray

        node = ray.get_runtime_context().get_node_id() if ray.is_initialized() else "here"
        for _ in prepared:
            time.sleep(self._seconds)
            with (self._log / f"{os.getpid()}.{node}").open("a") as file:
                file.write(f"{time.time()}\n")
        if self._computes:
            return super().encode_prepared(modality, prepared, role)
        return np.eye(1, self.space.dimension, dtype=np.float32).repeat(len(prepared), axis=0)


def asked(log: Path) -> dict[tuple[int, str], list[float]]:
    """When each process was given items, by its id and node."""
    found = {}
    for path in log.iterdir():
        process, _, node = path.name.partition(".")
        found[int(process), node] = [float(line) for line in path.read_text().split()]
    return found
