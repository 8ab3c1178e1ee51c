"""Whether one picture shows what another one does, looked at closely: aligned, tile by tile.

Two invoices of one layout, two frames of a burst, two icons of one set are equal wherever one looks
but in one place. So no mean over the picture decides: one tile that differs by more than saving and
scaling explain makes two pictures of them. Saving again wears away a photograph without making it
another one; what is written or drawn on one ground may differ by as little, so there nearly
nothing may: what saving does lies beside strong edges and is weak beside them, another line is as
strong as they are. What has nothing to compare, an even colour, is never confirmed, and neither is
writing too small to be read. Thresholds were chosen on the validation half of
``python -m benchmarks duplicates`` and are measured on the other (docs/bulk.md).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import PIL.Image

from sensorium.media.pictures.aligning import FINE, ROUGH, aligned, correlation
from sensorium.media.pictures.levels import (
    RGB,
    STEP,
    YCC,
    Levels,
    Plane,
    blurred,
    contrast,
    detail_of,
    highest,
    levels_of,
    mixed,
    plain_share,
    softened,
    tiles_of,
    tone,
    variance,
)  # fmt: skip
from sensorium.media.pictures.placing import Box

LONGEST = 1600
"""Pixels of the longer side at which pictures are compared at most: a figure of 8 points on a
scanned page of A4 is 14 pixels high then."""

QUICK = 256
"""The same of a first look, which tells apart what differs in more than details."""

QUICK_CORRELATION = 0.94
"""Of what lies over each other, at 64 pixels: of copies it is 0.97 and more."""

PLAIN = 0.25
"""Share of pixels of nearly one lightness from which on a picture is taken for drawn or written.
Of pages, chats, charts and screens three quarters are, of photographs mostly under 0.2."""

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
"""Pixels of the shorter side under which a page cannot be read: what saving and scaling took from
it is not known then, and `EXACT_WORST` and the like are what is left to go by."""

SMALLEST = 64
"""Pixels of the shorter side of a drawing under which nothing is said."""

EXACT_WORST, EXACT_PEAK = 0.0005, 0.025
"""By how much drawings differ that were cropped or given a margin. Two timetables that differ in a
digit, scaled to 200 pixels, are at 0.0011 and 0.05."""

SCALED_WORST, SCALED_PEAK, SCALED_UNSEEN, SCALED = 0.008, 0.06, 0.6, 2.5
"""The same of one that was scaled, if that took so little of its contrast, and not many times.
A change that is left to be seen is at 0.2, of clip art as of emoji; of pages more than 1.5 is
taken where a digit is at 0.04."""

SAVED_LIGHT, SAVED_HUE, SAVED_EVENLY = 0.12, 7.0, 3.0
"""The same of one saved as JPEG, in lightness, and levels of colour: of half of the clip art that
is saved at quality 75 it is under 0.1 and 3.4; another digit, skin or patch is at 0.23 and more.
Where pages are so small that a digit is at 0.05, it is 8 times and more what the rest differs by;
saving wears all edges, and the worst 1 to 3 times as much as nine tenths of them."""

LEAST_DETAIL = 150
"""`Closeness.detail` of less than which a drawing is a mere shape: one square is a part of another,
scaled. Of nine tenths of clip art it is 190 and more."""

TURNED_LEVELS, TURNED_DETAIL = 1.5, 350
"""Levels by which a drawing that was turned or mirrored may differ anywhere, and `Closeness.detail`
that it needs. Of 217 pairs of emoji that are each other turned (hands, moons, faces upside down,
people facing right), each drawn for itself, the most exact is at 11 levels; arrows have a detail of
210 to 340."""

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
    peak : float
        The largest difference of a pixel, as a share of the contrast around it.
    light : float
        The same of lightness alone.
    beyond : float
        That, by the same of nine tenths of what has contrast.
    hue : float
        The largest difference of the colours of a tile, in levels.
    largest : float
        The largest difference of a pixel, in levels.
    detail : int
        Bytes that a small picture of it packs into: of an arrow 200, of a scene 1,000.
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
    peak: float = 1.0
    light: float = 1.0
    beyond: float = 255.0
    hue: float = 255.0
    largest: float = 255.0
    detail: int = 0

    @property
    def is_drawn(self) -> bool:
        """Whether it is drawn or written; from `peak` on, all is known then and only then."""
        return self.plain >= PLAIN or self.structured < PHOTO_STRUCTURED

    def is_one(self, as_it_lies: bool) -> bool:
        """Whether that is one picture, which was turned or mirrored unless `as_it_lies`."""
        if self.is_drawn:
            return self._is_one_drawing(as_it_lies)
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

    def _is_one_drawing(self, as_it_lies: bool) -> bool:
        if self.structured < STRUCTURED or self.shorter < SMALLEST:
            return False
        if self.detail < LEAST_DETAIL:
            return as_it_lies and self._is_one_page()
        if not as_it_lies:
            return (
                self.structured >= TURNED_STRUCTURED
                and self.detail >= TURNED_DETAIL
                and self.unseen == 0
                and self.largest < TURNED_LEVELS
            )
        if self.unseen == 0:
            if self.worst < EXACT_WORST and self.peak < EXACT_PEAK:
                return True
            worn = self.light < SAVED_LIGHT and self.beyond < SAVED_EVENLY
            if worn and self.hue < SAVED_HUE:
                return True
        elif (
            self.unseen < SCALED_UNSEEN
            and self.reduced < SCALED
            and self.worst < SCALED_WORST
            and self.peak < SCALED_PEAK
        ):
            return True
        return self._is_one_page()

    def _is_one_page(self) -> bool:
        return (
            self.shorter >= READABLE
            and self.worst < DRAWN_WORST
            and self.outlier < DRAWN_OUTLIER
            and self.unseen < DRAWN_UNSEEN
        )


def first_look(
    whole: PIL.Image.Image, part: PIL.Image.Image, box: Box
) -> tuple[Box, Closeness] | None:
    """Compare at `QUICK` pixels a picture with the part of another that it may be.

    Parameters
    ----------
    whole, part : PIL.Image.Image
        Mode RGB; `part` lies like `whole`.
    box : Box
        About where it is in it; see `sensorium.media.pictures.placing`.

    Returns
    -------
    Box, Closeness
        More exactly where it is, and what is seen there; None where they differ clearly.
    """
    box = aligned(whole, part, box, ROUGH)
    if correlation(whole, part, box) < QUICK_CORRELATION:
        return None
    box = aligned(whole, part, box, FINE)
    seen = compare(whole, part, box, QUICK)
    # Scaled down, writing cannot be judged; and what is too small here is so anywhere.
    if seen is None or seen.worst >= 1 or seen.typical >= 2 * PHOTO_TYPICAL:
        return None
    return box, seen


def same_picture(
    whole: PIL.Image.Image, part: PIL.Image.Image, box: Box, *, as_it_lies: bool = True
) -> bool:
    """Whether a picture shows what a part of another one does.

    Parameters
    ----------
    whole, part : PIL.Image.Image
        As for `first_look`, larger.
    box : Box
        What that returned.
    as_it_lies : bool
        Whether `part` was neither turned nor mirrored to lie so.
    """
    seen = compare(whole, part, aligned(whole, part, box, FINE))
    return seen is not None and seen.is_one(as_it_lies)


def compare(
    whole: PIL.Image.Image,
    part: PIL.Image.Image,
    box: Box,
    longest: int = LONGEST,
    *,
    closely: bool = False,
) -> Closeness | None:
    """Compare a picture with the part of another that it was aligned to; None if too small.

    What is only known of drawn ones is seen of all, `closely`.
    """
    shown = (whole.width * (box[2] - box[0]), whole.height * (box[3] - box[1]))
    scale = min(1.0, longest / max(part.size), shown[0] / part.width, shown[1] / part.height)
    width, height = (STEP * int(length * scale / STEP) for length in part.size)
    if min(width, height) < 4 * STEP:
        return None
    one = levels_of(whole, (width, height), box)
    other = levels_of(part, (width, height))
    plain = max(plain_share(one), plain_share(other))
    # The one of less contrast is brought to the other: what that has clipped is lost in both.
    gain, shift = tone(one, other)
    if gain < 1:
        one, other = other, one
        gain, shift = tone(one, other)
    other = mixed(np.clip(gain * mixed(other, RGB) + shift, 0, 255), YCC)
    fine = one - blurred(one)
    soft, soft_other = softened(one), softened(other)
    differs = tiles_of(((soft - soft_other) ** 2).sum(axis=0))
    structure = np.asarray((variance(soft) + variance(soft_other)) / 2, np.float32)
    has = structure > STRUCTURE
    share = differs / (structure + NOISE)
    typical = float(np.median(share[has])) if has.any() else 1.0
    ground = float(np.median(differs[~has])) if not has.all() else 0.0
    expected = max(typical, LEAST_NOISE) * (structure + NOISE) + ground + 1
    sharpest = variance(fine)[has] / (structure[has] + 100)
    unseen, uneven = max(
        _lost(picture, edges, size, (width, height), structure)
        for picture, edges, size in ((whole, box, shown), (part, None, part.size))
    )
    seen = Closeness(
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
    if not seen.is_drawn and not closely:
        return seen
    peak, light, beyond, hue, largest = _peaks(soft, soft_other)
    return replace(
        seen,
        peak=peak,
        light=light,
        beyond=beyond,
        hue=hue,
        largest=largest,
        detail=detail_of(one[0]),
    )


def _lost(
    picture: PIL.Image.Image,
    box: Box | None,
    shown: tuple[float, float],
    size: tuple[int, int],
    structure: Plane,
) -> tuple[float, float]:
    """See `Closeness.unseen` and `uneven`, of what scaling to `size` takes."""
    if shown[0] <= 1.2 * size[0]:
        return 0.0, 0.0
    times = min(4, int(np.ceil(shown[0] / size[0])))
    large = levels_of(picture, (size[0] * times, size[1] * times), box)[0]
    lost = large.reshape(size[1], times, size[0], times).var(axis=(1, 3))
    ratios = tiles_of(lost) / (structure + LOST)
    return float(ratios.max()), float(ratios.max() / max(float(np.median(ratios)), 1e-6))


def _peaks(one: Levels, other: Levels) -> tuple[float, float, float, float, float]:
    """See `Closeness.peak`, `light`, `beyond`, `hue` and `largest`."""
    apart = np.sqrt(((one - other) ** 2).sum(axis=0))
    contrasts = [np.maximum(contrast(a), contrast(b)) for a, b in zip(one, other, strict=True)]
    lights = highest(np.abs(one[0] - other[0])) / (contrasts[0] + 16)
    light, edges = float(lights.max()), lights[contrasts[0] > 32]
    beyond = light / (float(np.quantile(edges, 0.9)) + 0.005) if len(edges) else 255.0
    peak = highest(apart) / (np.maximum.reduce(contrasts) + 16)
    hue = np.hypot(*(tiles_of(a - b) for a, b in zip(one[1:], other[1:], strict=True)))
    return float(peak.max()), light, beyond, float(hue.max()), float(apart.max())
