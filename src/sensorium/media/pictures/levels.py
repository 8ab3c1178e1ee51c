"""Pictures as levels of lightness and colours, and what is counted over tiles of them."""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.media.pictures.placing import Box

Plane = npt.NDArray[np.float32]
"""Shape (height, width)."""

Levels = npt.NDArray[np.float32]
"""Shape (3, height, width): lightness and two differences of colours, in levels of 255."""

STEP = 8
"""Pixels by which tiles, of twice the side, are moved: about a letter of a page."""

YCC = np.array(
    [[0.299, 0.5, -0.168736], [0.587, -0.418688, -0.331264], [0.114, -0.081312, 0.5]], np.float32
)
RGB = np.linalg.inv(YCC).astype(np.float32)


def levels_of(picture: PIL.Image.Image, size: tuple[int, int], box: Box | None = None) -> Levels:
    """Scale a part of an RGB picture, and part its lightness from its colours."""
    edges = None
    if box is not None:
        width, height = picture.size
        edges = (box[0] * width, box[1] * height, box[2] * width, box[3] * height)
    small = picture.resize(size, PIL.Image.Resampling.BICUBIC, edges, reducing_gap=3.0)
    return mixed(np.asarray(small).transpose(2, 0, 1).astype(np.float32), YCC)


def lightness(grey: PIL.Image.Image, size: tuple[int, int], box: Box | None = None) -> Plane:
    """A part of a grey picture, scaled; shape (height, width)."""
    edges = None
    if box is not None:
        width, height = grey.size
        edges = (box[0] * width, box[1] * height, box[2] * width, box[3] * height)
    small = grey.resize(size, PIL.Image.Resampling.BICUBIC, edges, reducing_gap=3.0)
    return np.asarray(small, np.float32)


def mixed(channels: Levels, matrix: Plane) -> Levels:
    """Channels as sums of others, a plane each: what is next to each other is read together."""
    flat = matrix.T @ channels.reshape(3, -1)
    return np.asarray(flat.reshape(channels.shape), np.float32)


def highest(plane: Plane) -> Plane:
    """Of cells of `STEP` pixels."""
    height, width = plane.shape
    lines = plane.reshape(height // STEP, STEP, width).max(axis=1)
    return np.asarray(lines.reshape(len(lines), width // STEP, STEP).max(axis=2), np.float32)


def contrast(plane: Plane) -> Plane:
    """Difference of the highest and the lowest level in and next to cells of `STEP` pixels."""
    high, low = (np.pad(highest(side), 1, mode="edge") for side in (plane, -plane))
    views = [np.lib.stride_tricks.sliding_window_view(side, (3, 3)) for side in (high, low)]
    return np.asarray(views[0].max(axis=(2, 3)) + views[1].max(axis=(2, 3)), np.float32)


def detail_of(levels: Plane) -> int:
    """See `Closeness.detail`: of 64 by 64 pixels of 16 levels."""
    small = PIL.Image.fromarray(levels).resize((64, 64), PIL.Image.Resampling.BOX)
    return len(zlib.compress((np.asarray(small) // 16).astype(np.uint8).tobytes(), 9))


def blurred(levels: Levels) -> Levels:
    """Binomial blur of width 3: scaling filters differ at the finest scale."""
    soft = levels / 2
    soft[..., 1:, :] += levels[..., :-1, :] / 4
    soft[..., :-1, :] += levels[..., 1:, :] / 4
    soft[..., [0, -1], :] += levels[..., [0, -1], :] / 4
    softer = soft / 2
    softer[..., 1:] += soft[..., :-1] / 4
    softer[..., :-1] += soft[..., 1:] / 4
    softer[..., [0, -1]] += soft[..., [0, -1]] / 4
    return np.asarray(softer, np.float32)


def softened(levels: Levels) -> Levels:
    """Blurred, the colours more: JPEG keeps half of their pixels."""
    soft = blurred(levels)
    soft[1:] = blurred(blurred(soft[1:]))
    return soft


def tiles_of(levels: Plane) -> Plane:
    """Means over tiles that overlap by half, of an array whose sides are multiples of `STEP`."""
    height, width = levels.shape
    lines = levels.reshape(height // STEP, STEP, width).sum(axis=1)
    cells = lines.reshape(len(lines), width // STEP, STEP).sum(axis=2)
    tiles = cells[:-1, :-1] + cells[1:, :-1] + cells[:-1, 1:] + cells[1:, 1:]
    return np.asarray(tiles / (4 * STEP**2), np.float32)


def variance(levels: Levels) -> Plane:
    """Variance within tiles, of lightness and colours together."""
    # Rounding makes 0.1 of squares of 255 otherwise.
    centred = levels - levels.mean(axis=(1, 2), keepdims=True)
    found = sum(tiles_of(plane**2) - tiles_of(plane) ** 2 for plane in centred)
    return np.maximum(np.asarray(found, np.float32), 0)


def tone(one: Levels, other: Levels) -> tuple[float, float]:
    """Gain and shift that bring red, green and blue of `other` to `one`, where none is clipped."""
    a, b = (mixed(levels, RGB).ravel() for levels in (one, other))
    within = (a > 5) & (a < 250) & (b > 5) & (b < 250)
    if within.sum() < 0.05 * len(a):
        return 1.0, 0.0
    a, b = a[within], b[within]
    spread = float(b.std())
    if spread < 4:
        return 1.0, float(np.clip(a.mean() - b.mean(), -30, 30))
    gain = float(np.clip(np.mean((a - a.mean()) * (b - b.mean())) / spread**2, 0.7, 1.4))
    return gain, float(np.clip(a.mean() - gain * b.mean(), -30, 30))


def plain_share(levels: Levels) -> float:
    counts = np.histogram(levels[0], bins=64, range=(-1, 256))[0]
    return float((counts[:-1] + counts[1:]).max() / counts.sum())
