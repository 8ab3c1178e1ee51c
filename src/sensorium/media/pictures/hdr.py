"""Pictures of high dynamic range on an ordinary display: telephones film in it, discs are in it.

Sources: SMPTE ST 2084 (PQ), ITU-R BT.2100 (HLG and its system gamma), BT.2408 (diffuse white at 203
cd/m²), BT.2087 (primaries).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

PQ, HLG = 16, 18
"""Transfer characteristics in H.273, which codecs share."""

BT2020, P3 = 9, 12
"""Primaries in H.273."""

WHITE = 203.0
"""cd/m² of a sheet of paper."""

HLG_PEAK = 1000.0
"""cd/m² of the display that HLG is mastered on, for which its system gamma is 1.2."""

KNEE = 0.75
"""Share of white from which on highlights are compressed rather than cut."""

TO_BT709 = {
    BT2020: np.array(
        [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
        np.float32,
    ),
    P3: np.array(
        [[1.2249, -0.2249, 0.0], [-0.0421, 1.0421, 0.0], [-0.0196, -0.0786, 1.0983]], np.float32
    ),
}
"""From light of wider primaries to that of BT.709, which sRGB shares."""

_LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)  # BT.2020

Pixels = npt.NDArray[np.uint8]


def to_srgb(pixels: Pixels, transfer: int, primaries: int) -> Pixels:
    """Show a picture of high dynamic range in sRGB.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (h, w, 3)
        As they are coded.
    transfer, primaries : int
        In the numbers of H.273.

    Returns
    -------
    ndarray of uint8, shape (h, w, 3)
        Unchanged for transfers of ordinary range.
    """
    if transfer not in (PQ, HLG):
        return pixels
    levels = np.arange(256, dtype=np.float64) / 255
    light = (_pq if transfer == PQ else _hlg)(levels).astype(np.float32)[pixels]
    if transfer == HLG:  # of the scene; a display shows it with a gamma of 1.2
        luminance = (light @ _LUMINANCE)[..., None]
        light = light * np.maximum(luminance, 1e-6) ** np.float32(0.2) * (HLG_PEAK / WHITE)
    if primaries in TO_BT709:
        light = np.maximum(light @ TO_BT709[primaries].T, 0)
    over = np.maximum(light - KNEE, 0)
    light = np.minimum(light, KNEE) + (1 - KNEE) * (1 - np.exp(-over / (1 - KNEE)))
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    shown: Pixels = np.round(255 * coded.clip(0, 1)).astype(np.uint8)
    return shown


def _pq(signal: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Shares of white (ST 2084, 5.1)."""
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    power = signal ** (1 / m2)
    light: npt.NDArray[np.float64] = np.maximum(power - c1, 0) / (c2 - c3 * power)
    return 10_000 / WHITE * light ** (1 / m1)


def _hlg(signal: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Light of the scene, 0 to 1 (BT.2100, table 5)."""
    a = 0.17883277
    b, c = 1 - 4 * a, 0.5 - a * np.log(4 * a)
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
