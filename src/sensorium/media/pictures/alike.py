"""Whether one picture shows what another one does, looked at closely: aligned, tile by tile.

Two invoices of one layout, two frames of a burst, two icons of one set are equal wherever one looks
but in one place. So no mean over the picture decides: one tile that differs by more than saving and
scaling explain makes two pictures of them. Saving again wears away a photograph without making it
another one; what is written or drawn on one ground may differ by as little, so there nearly nothing
may. What has nothing to compare, an even colour, is never confirmed, and neither is writing too
small to be read. Thresholds were chosen on the validation half of
``python -m benchmarks duplicates`` and are measured on the other (docs/bulk.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.media.pictures.placing import Box

Levels = npt.NDArray[np.float32]
"""Shape (3, height, width): lightness and two differences of colours, in levels of 255."""

LONGEST = 1600
"""Pixels of the longer side at which pictures are compared at most: a figure of 8 points on a
scanned page of A4 is 14 pixels high then."""

QUICK = 256
"""The same of a first look, which tells apart what differs in more than details."""

QUICK_CORRELATION = 0.9
"""Of what lies over each other, at 64 pixels: of copies it is 0.97 and more."""

STEP = 8
"""Pixels by which tiles, of twice the side, are moved: about a letter of a page."""

PLAIN = 0.4
"""Share of pixels of nearly one lightness from which on a picture is taken for drawn or written.
Of pages, chats, charts and screens three quarters are, of photographs under 0.3."""

PHOTO_WORST, PHOTO_OUTLIER, PHOTO_TYPICAL, PHOTO_UNSEEN = 0.4, 8.0, 0.15, 0.4
"""See `Closeness`. Saving at quality 40 stays under the second and nearly always under the first;
a ball that moves through a photo is at 0.6 and 40 and far above. What is printed on a ground of
waves loses more than the last when it is scaled down until it cannot be read."""

EVENLY, EVENLY_SMALL, EVENLY_UNSEEN = 12.0, 4.2, 2.5
"""Fur, leaves and waves lose as much everywhere, the worst tile 3 to 10 times the middle one, and
may lose more then. Where writing stands on a photograph it is 28 times and more; among waves as
fine as itself it is 5 to 7, and cannot be read any more below half the size."""

HALF, TINY, SMALL_UNSEEN = 2.1, 140, 0.2
"""How many times smaller, and of how few pixels at the shorter side, a picture is of which
`EVENLY_SMALL` and this hold, for `EVENLY` and `PHOTO_UNSEEN`."""

MOST_REDUCED = 4.0
"""How many times smaller a picture may be that lost more than `PHOTO_UNSEEN` at all."""

SHARP = 0.5
"""`Closeness.fine` of photographs that may hold writing, such as a printed ticket: of them less is
taken."""
SHARP_WORST, SHARP_OUTLIER = 0.15, 4.0

DRAWN_WORST, DRAWN_OUTLIER, DRAWN_UNSEEN = 0.015, 1.0, 0.3
"""One digit that is another one, saved as JPEG at half the size, is at 0.02 and 0.6 or above."""

READABLE = 240
"""Pixels of the shorter side under which a page cannot be read, and is not confirmed."""

SMALL_WORST = 0.001
"""By how much a photograph may differ that is smaller, where no larger one shows what is lost."""

STRUCTURED = 0.03
"""Share of tiles with structure that a picture needs to be told from another."""

PHOTO_STRUCTURED = 0.2

TURNED_STRUCTURED = 0.35
"""The same of what lies otherwise: arrows to the left and to the right, 6 and 9, and flags are each
other turned or mirrored; photographs are themselves."""

STRUCTURE = 16.0
"""Variance of a tile, in squared levels, from which on it has structure and not just noise."""

NOISE = 30.0
"""Squared levels that are added to the structure that differences are compared with: what JPEG
makes of an even ground."""

LEAST_NOISE = 0.004
"""Share of its structure by which a tile may differ in any pair: scaling filters differ by that."""

LOST = 200.0
"""The same that what is lost is compared with: 14 levels of contrast are no writing."""

MOVED = 0.02
"""Pixels of change at which an alignment has settled."""

_YCC = np.array(
    [[0.299, 0.5, -0.168736], [0.587, -0.418688, -0.331264], [0.114, -0.081312, 0.5]], np.float32
)
_RGB = np.linalg.inv(_YCC).astype(np.float32)


@dataclass(frozen=True)
class Closeness:
    """What was seen where two pictures are aligned.

    Attributes
    ----------
    worst : float
        Squared difference of the tile that differs most, as a share of its variance.
    typical : float
        The median of the same over tiles that have structure.
    outlier : float
        How many times more the worst tile differs than tiles of as much structure do.
    structured : float
        Share of tiles that have structure.
    unseen : float
        The largest ratio, over tiles, of the variance that scaling down took away to what is left.
    uneven : float
        That, by the same ratio in the middle of the tiles.
    reduced : float
        How many times the larger one was scaled down to be compared.
    fine : float
        Share of the variance that is at the finest scale, in the sharpest twentieth of tiles.
    plain : float
        Share of the pixels that have nearly the most frequent lightness: paper, screens.
    shorter : int
        Pixels of the shorter side at which they were compared.
    """

    worst: float
    typical: float
    outlier: float
    structured: float
    unseen: float
    uneven: float
    reduced: float
    fine: float
    plain: float
    shorter: int

    def is_one(self, as_it_lies: bool) -> bool:
        """Whether that is one picture, which was turned or mirrored unless `as_it_lies`."""
        if self.plain >= PLAIN or self.structured < PHOTO_STRUCTURED:
            return (
                as_it_lies
                and self.shorter >= READABLE
                and self.structured >= STRUCTURED
                and self.worst < DRAWN_WORST
                and self.outlier < DRAWN_OUTLIER
                and self.unseen < DRAWN_UNSEEN
            )
        if not as_it_lies and self.structured < TURNED_STRUCTURED:
            return False
        worst, outlier = PHOTO_WORST, PHOTO_OUTLIER
        if self.fine >= SHARP:
            worst, outlier = SHARP_WORST, SHARP_OUTLIER
        if self.shorter < READABLE and self.unseen == 0:
            worst = SMALL_WORST
        small = self.reduced >= HALF or self.shorter < TINY
        unseen = SMALL_UNSEEN if small else PHOTO_UNSEEN
        if self.uneven < (EVENLY_SMALL if small else EVENLY) and self.reduced < MOST_REDUCED:
            unseen = EVENLY_UNSEEN
        return (
            self.worst < worst
            and self.outlier < outlier
            and self.unseen < unseen
            and self.typical < PHOTO_TYPICAL
        )


def same_picture(
    whole: PIL.Image.Image,
    part: PIL.Image.Image,
    box: Box,
    longest: int = LONGEST,
    *,
    as_it_lies: bool = True,
) -> bool:
    """Whether a picture shows what a part of another one does.

    Parameters
    ----------
    whole, part : PIL.Image.Image
        Mode RGB; `part` lies like `whole`.
    box : Box
        About where it is in it; see `sensorium.media.pictures.placing`.
    longest : int
        At which they are compared. With `QUICK` only what differs clearly is refused.
    as_it_lies : bool
        Whether `part` was neither turned nor mirrored to lie so.
    """
    box = aligned(whole, part, box, 64)
    if longest <= QUICK and _correlation(whole, part, box) < QUICK_CORRELATION:
        return False
    box = aligned(whole, part, box, 192)
    seen = compare(whole, part, box, longest)
    if longest <= QUICK:
        # Scaled down, writing cannot be judged; and what is too small here is so anywhere.
        return seen is not None and seen.worst < 1 and seen.typical < 2 * PHOTO_TYPICAL
    return seen is not None and seen.is_one(as_it_lies)


def _correlation(whole: PIL.Image.Image, part: PIL.Image.Image, box: Box) -> float:
    """Of the lightness of two aligned pictures, at 64 pixels."""
    one, other = (
        levels_of(picture, (64, 64), at)[0] for picture, at in ((whole, box), (part, None))
    )
    spreads = float(one.std() * other.std())
    product = (one - one.mean()) * (other - other.mean())
    return float(product.mean()) / spreads if spreads > 0 else 0.0


def aligned(whole: PIL.Image.Image, part: PIL.Image.Image, box: Box, side: int) -> Box:
    """Find more exactly where in a picture a part is.

    Shift and scale of each axis, and the tone, by least squares over gradients (Lucas and Kanade,
    IJCAI 1981), at `side` pixels of the longer side.
    """
    scale = side / max(part.size)
    width, height = (max(8, round(length * scale)) for length in part.size)
    target = _blurred(levels_of(part, (width, height)))[0].ravel().astype(np.float64)
    across = (np.arange(width) + 0.5) / width
    down = ((np.arange(height) + 0.5) / height)[:, None]
    for _ in range(4):
        seen = _blurred(levels_of(whole, (width, height), box))[0]
        dy, dx = np.gradient(seen)
        dx, dy = dx * width, dy * height
        basis = (dx * (1 - across), dx * across, dy * (1 - down), dy * down, seen, np.ones_like(dx))
        columns = np.stack([one.ravel() for one in basis], axis=1).astype(np.float64)
        square = columns.T @ columns
        square[np.diag_indices(6)] += 1e-6 * np.trace(square) / 6 + 1e-9
        moved = np.linalg.solve(square, columns.T @ (target - seen.ravel()))[:4]
        moved = np.clip(moved, -0.05, 0.05)
        left, upper, right, lower = box
        found = (
            max(0.0, left + moved[0] * (right - left)),
            max(0.0, upper + moved[2] * (lower - upper)),
            min(1.0, right + moved[1] * (right - left)),
            min(1.0, lower + moved[3] * (lower - upper)),
        )
        if found[2] - found[0] < 0.3 or found[3] - found[1] < 0.3:
            return box  # it has run away
        box = found
        if np.abs(moved).max() * side < MOVED:
            break
    return box


def compare(
    whole: PIL.Image.Image, part: PIL.Image.Image, box: Box, longest: int = LONGEST
) -> Closeness | None:
    """Compare a picture with the part of another that it was aligned to; None if too small."""
    shown = (whole.width * (box[2] - box[0]), whole.height * (box[3] - box[1]))
    scale = min(1.0, longest / max(part.size), shown[0] / part.width, shown[1] / part.height)
    width, height = (STEP * int(length * scale / STEP) for length in part.size)
    if min(width, height) < 4 * STEP:
        return None
    one = levels_of(whole, (width, height), box)
    other = levels_of(part, (width, height))
    plain = max(_plain_share(one), _plain_share(other))
    # The one of less contrast is brought to the other: what that has clipped is lost in both.
    gain, shift = _tone(one, other)
    if gain < 1:
        one, other = other, one
        gain, shift = _tone(one, other)
    other = _mixed(np.clip(gain * _mixed(other, _RGB) + shift, 0, 255), _YCC)
    fine = one - _blurred(one)
    soft, soft_other = _softened(one), _softened(other)
    differs = _tiles(((soft - soft_other) ** 2).sum(axis=0))
    structure = np.asarray((_variance(soft) + _variance(soft_other)) / 2, np.float32)
    has = structure > STRUCTURE
    share = differs / (structure + NOISE)
    typical = float(np.median(share[has])) if has.any() else 1.0
    ground = float(np.median(differs[~has])) if not has.all() else 0.0
    expected = max(typical, LEAST_NOISE) * (structure + NOISE) + ground + 1
    sharpest = _variance(fine)[has] / (structure[has] + 100)
    unseen, uneven = max(
        _lost(picture, edges, size, (width, height), structure)
        for picture, edges, size in ((whole, box, shown), (part, None, part.size))
    )
    return Closeness(
        worst=float(share.max()),
        typical=typical,
        outlier=float((differs / expected).max()),
        structured=float(has.mean()),
        unseen=unseen,
        uneven=uneven,
        reduced=max(shown[0] / width, part.width / width),
        fine=float(np.quantile(sharpest, 0.95)) if has.any() else 0.0,
        plain=plain,
        shorter=min(width, height),
    )


def levels_of(picture: PIL.Image.Image, size: tuple[int, int], box: Box | None = None) -> Levels:
    """Scale a part of an RGB picture, and part its lightness from its colours."""
    edges = None
    if box is not None:
        width, height = picture.size
        edges = (box[0] * width, box[1] * height, box[2] * width, box[3] * height)
    small = picture.resize(size, PIL.Image.Resampling.BICUBIC, edges, reducing_gap=3.0)
    return _mixed(np.asarray(small).transpose(2, 0, 1).astype(np.float32), _YCC)


def _mixed(channels: Levels, matrix: npt.NDArray[np.float32]) -> Levels:
    """Channels as sums of others, a plane each: what is next to each other is read together."""
    flat = matrix.T @ channels.reshape(3, -1)
    return np.asarray(flat.reshape(channels.shape), np.float32)


def _lost(
    picture: PIL.Image.Image,
    box: Box | None,
    shown: tuple[float, float],
    size: tuple[int, int],
    structure: npt.NDArray[np.float32],
) -> tuple[float, float]:
    """See `Closeness.unseen` and `uneven`, of what scaling to `size` takes."""
    if shown[0] <= 1.2 * size[0]:
        return 0.0, 0.0
    times = min(4, int(np.ceil(shown[0] / size[0])))
    large = levels_of(picture, (size[0] * times, size[1] * times), box)[0]
    lost = large.reshape(size[1], times, size[0], times).var(axis=(1, 3))
    ratios = _tiles(lost) / (structure + LOST)
    return float(ratios.max()), float(ratios.max() / max(float(np.median(ratios)), 1e-6))


def _blurred(levels: Levels) -> Levels:
    """Binomial blur of width 3: scaling filters differ at the finest scale."""
    soft = levels / 2
    soft[:, 1:] += levels[:, :-1] / 4
    soft[:, :-1] += levels[:, 1:] / 4
    soft[:, [0, -1]] += levels[:, [0, -1]] / 4
    softer = soft / 2
    softer[..., 1:] += soft[..., :-1] / 4
    softer[..., :-1] += soft[..., 1:] / 4
    softer[..., [0, -1]] += soft[..., [0, -1]] / 4
    return np.asarray(softer, np.float32)


def _softened(levels: Levels) -> Levels:
    """Blurred, the colours more: JPEG keeps half of their pixels."""
    soft = _blurred(levels)
    soft[1:] = _blurred(_blurred(soft[1:]))
    return soft


def _tiles(levels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Means over tiles that overlap by half, of an array whose sides are multiples of `STEP`."""
    height, width = levels.shape
    lines = levels.reshape(height // STEP, STEP, width).sum(axis=1)
    cells = lines.reshape(len(lines), width // STEP, STEP).sum(axis=2)
    tiles = cells[:-1, :-1] + cells[1:, :-1] + cells[:-1, 1:] + cells[1:, 1:]
    return np.asarray(tiles / (4 * STEP**2), np.float32)


def _variance(levels: Levels) -> npt.NDArray[np.float32]:
    """Variance within tiles, of lightness and colours together."""
    # Rounding makes 0.1 of squares of 255 otherwise.
    centred = levels - levels.mean(axis=(1, 2), keepdims=True)
    found = sum(_tiles(plane**2) - _tiles(plane) ** 2 for plane in centred)
    return np.maximum(np.asarray(found, np.float32), 0)


def _tone(one: Levels, other: Levels) -> tuple[float, float]:
    """Gain and shift that bring the lightness of `other` to `one`, where neither is clipped."""
    a, b = one[0].ravel(), other[0].ravel()
    within = (a > 5) & (a < 250) & (b > 5) & (b < 250)
    if within.sum() < 0.05 * len(a):
        return 1.0, 0.0
    a, b = a[within], b[within]
    spread = float(b.std())
    if spread < 4:
        return 1.0, float(np.clip(a.mean() - b.mean(), -30, 30))
    gain = float(np.clip(np.mean((a - a.mean()) * (b - b.mean())) / spread**2, 0.7, 1.4))
    return gain, float(np.clip(a.mean() - gain * b.mean(), -30, 30))


def _plain_share(levels: Levels) -> float:
    counts = np.histogram(levels[0], bins=64, range=(-1, 256))[0]
    return float((counts[:-1] + counts[1:]).max() / counts.sum())
