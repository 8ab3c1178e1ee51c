"""Pickles that, when somebody loads them, run a program: here one that makes a folder."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np


class Planted:
    """Unpickled, it makes a folder, as it could do anything else."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.mark),)


def plant_array(path: Path, mark: Path) -> None:
    """Put an array of Python objects in the place of one of numbers."""
    array = np.array([Planted(mark)], object)
    with path.open("wb") as file:  # savez and save would add to a name
        if path.suffix == ".npz":
            with np.load(path.with_suffix(".npz.real"), allow_pickle=False) as real:
                names = real.files
            np.savez(file, **dict.fromkeys(names, array))
        else:
            np.save(file, array, allow_pickle=True)
