"""Amounts of light and what a screen is given for them (sRGB, IEC 61966-2-1)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]


def to_light(shown: Floats) -> Floats:
    """Light of what a screen is given, both from 0 to 1; for arrays of any shape."""
    return np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)


def to_screen(light: Floats) -> Floats:
    """What a screen is given for light, both from 0 to 1; for arrays of any shape."""
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


SCREEN_OF = to_screen(np.linspace(0, 1, 4096) ** 2).astype(np.float32)
"""By the root of light, along which the curve is nearly straight."""


def screen_of(light: Floats) -> npt.NDArray[np.float32]:
    """As `to_screen`, to a tenth of one of 255 steps, in a third of the time."""
    roots = np.sqrt(np.asarray(light, np.float32).clip(0, 1))
    return np.asarray(SCREEN_OF[np.rint(roots * np.float32(4095)).astype(np.int16)])


def as_shares(colours: Floats, whole: float | None = None) -> npt.NDArray[np.float32]:
    """Colours of points or faces as RGBA from 0 to 1.

    Parameters
    ----------
    colours : ndarray, shape (n, 3) or (n, 4)
        A fourth column is opacity.
    whole : float, optional
        What stands for 1. None: 255 where any is over 1, as of files that do not say.

    Returns
    -------
    ndarray, shape (n, 4)
    """
    finite = np.nan_to_num(np.asarray(colours, np.float32), nan=0.0, posinf=1.0, neginf=0.0)
    if whole is None:
        whole = 255.0 if finite.size and finite.max() > 1 else 1.0
    shares = np.ones((len(finite), 4), np.float32)
    shares[:, : finite.shape[1]] = (finite / np.float32(whole)).clip(0, 1)
    return shares
