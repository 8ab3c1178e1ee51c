"""Which pictures show what another one does, saved again, scaled, cropped, mirrored or turned."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.collection.duplicates.confirming import Thumbnails
from sensorium.collection.duplicates.near import MARGIN
from sensorium.data.files import stored_path
from sensorium.errors import MediaError
from sensorium.index.base import Vectors
from sensorium.media import Image
from sensorium.media.decoding import decoding
from sensorium.media.pictures.alike import LONGEST, QUICK, first_look, same_picture
from sensorium.media.pictures.formats import BROKEN
from sensorium.media.pictures.placing import (
    PART_CORRELATION,
    SIDE,
    WHOLE,
    WHOLE_CORRELATION,
    WINDOWS,
    Placed,
    greys_of,
    parts_of,
    places,
    turned,
)

DECODERS = 2
"""Pairs that are looked at closely at a time: four pictures of 1,600 pixels and what is made of
them, 200 MB."""

KEPT = 8
"""Pictures that are kept at that size: the first of a group is compared with all others."""

KEPT_SMALL = 2000
"""The same of `QUICK` pixels, 150 KB each."""

WHOLES, ACROSS = 64, 512
"""Pictures whose parts are compared, and with how many others, at a time: 8 MB."""

MOST = 48
"""Pairs that a picture is looked at in, of thousands that are alike (one form, filled in
by all): those whose thumbnails are the nearest."""


class Altered:
    """Compares pictures whatever way up they are, and as parts of one another.

    Parameters
    ----------
    paths : sequence of str
    thumbnails : Thumbnails
        Of the same paths.
    """

    def __init__(self, paths: Sequence[str], thumbnails: Thumbnails) -> None:
        self._paths = paths
        self._thumbnails = thumbnails
        self._small = _Kept(KEPT_SMALL)
        self._large = _Kept(KEPT)
        self._unscaled: set[int] = set()
        self.wholes: set[tuple[int, int]] = set()
        """Pairs that show the same, all of it, and lie alike: scaled or saved again."""

    def agree(
        self, pairs: npt.NDArray[np.int64], cosines: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.bool_]:
        """Which pairs show the same; see `sensorium.collection.duplicates.finding.Confirm`."""
        agreed = np.zeros(len(pairs), bool)
        waiting: dict[int, list[tuple[float, int, list[tuple[bool, Placed]]]]] = {}
        for number, (row, other) in enumerate(pairs.tolist()):
            one, two = self._thumbnails.maps([row, other])
            if one is None or two is None:
                continue
            ways = [(False, place) for place in places(one, two)]
            if not ways:  # the smaller one may show more: it was scaled down after a caption
                ways = [(True, place) for place in places(two, one)]
            if ways:
                likely = max(float(one.whole @ two.whole), float(cosines[number]))
                waiting.setdefault(other, []).append((-likely, number, ways))
        with ThreadPoolExecutor(DECODERS) as pool:
            chosen = [one for some in waiting.values() for one in sorted(some)[:MOST]]
            found = pool.map(lambda one: self._same(pairs[one[1]].tolist(), one[2]), chosen)
            for (_, number, _), same in zip(chosen, found, strict=True):
                agreed[number] = same
        return agreed

    def _same(self, pair: Sequence[int], ways: Sequence[tuple[bool, Placed]]) -> bool:
        for swapped, place in ways:
            whole, part = reversed(pair) if swapped else pair
            if self._looked(whole, part, place):
                if place == Placed(WHOLE, None):
                    self.wholes.add((pair[0], pair[1]))
                return True
        return False

    def _looked(self, whole: int, part: int, place: Placed) -> bool:
        as_it_lies = place.turn is None
        small = self._lying(whole, part, place, QUICK)
        quick = None if small is None else first_look(*small, place.box)
        if small is None or quick is None:
            return False
        box, seen = quick
        if {whole, part} <= self._unscaled and max(small[1].size) <= QUICK:
            return seen.is_one(as_it_lies)  # at their full size they are the same
        large = self._lying(whole, part, place, LONGEST)
        return large is not None and same_picture(*large, box, as_it_lies=as_it_lies)

    def _lying(
        self, whole: int, part: int, place: Placed, longest: int
    ) -> tuple[PIL.Image.Image, PIL.Image.Image] | None:
        """Both pictures, the second turned to lie like the first; None if one cannot be read."""
        one, other = self._picture(whole, longest), self._picture(part, longest)
        if one is None or other is None:
            return None
        return one, other if place.turn is None else other.transpose(place.turn)

    def _picture(self, row: int, longest: int) -> PIL.Image.Image | None:
        kept = self._small if longest == QUICK else self._large
        return kept.get(row, lambda: self._read(row, longest))

    def _read(self, row: int, longest: int) -> PIL.Image.Image | None:
        try:
            path = stored_path(self._paths[row])
            with decoding(str(path), BROKEN):
                image = Image(path)
                width, height = image.shown_size()
                # A part of it is compared at that size, too; what is smaller is scaled then.
                scale = min(1.0, 1.5 * longest / max(width, height))
                if scale == 1:
                    self._unscaled.add(row)
                side = None if scale == 1 else max(1, round(min(width, height) * scale))
                picture, box = image.load_scaled(side)
                size = (max(1, round(width * scale)), max(1, round(height * scale)))
                if picture.size != size or box != (0, 0, *size):
                    picture = picture.resize(size, PIL.Image.Resampling.BOX, box)
                return picture
        except MediaError:
            return None


class Turned:
    """`sensorium.collection.duplicates.near.Turns` of thumbnails: all ways pictures can lie."""

    least = WHOLE_CORRELATION

    def __init__(self, thumbnails: Thumbnails) -> None:
        self._thumbnails = thumbnails

    def plain(self, rows: npt.NDArray[np.int64]) -> Vectors:
        """See `Turns`."""
        return self._thumbnails.wholes(rows)

    def forms(self, rows: npt.NDArray[np.int64]) -> list[Vectors]:
        """See `Turns`."""
        return turned(self._thumbnails.wholes(rows))


class Placeable:
    """A `sensorium.collection.duplicates.near.Sieve`: of near pairs, those that lie in each other.

    Of what `placing.places` says of a pair, what one picture and a part of the other have in
    common; where a whole one lies in another, turned or not, `Turned` says.
    """

    def __init__(self, thumbnails: Thumbnails) -> None:
        self._thumbnails = thumbnails

    def block(
        self,
        rows: npt.NDArray[np.int64],
        others: npt.NDArray[np.int64],
        near: npt.NDArray[np.bool_],
    ) -> npt.NDArray[np.bool_]:
        """See `Sieve`."""
        kept = np.zeros_like(near)
        a, b = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
        of_a, of_b = self._thumbnails.squares(rows[a]), self._thumbnails.squares(others[b])
        greys_a, greys_b = greys_of(of_a), greys_of(of_b)
        for one in _steps(len(a)):
            parts = parts_of(of_a[one]).reshape(-1, SIDE * SIDE)
            for other in _steps(len(b), ACROSS):
                kept[np.ix_(a[one], b[other])] |= _holds(parts, greys_b[other])
        for other in _steps(len(b)):
            parts = parts_of(of_b[other]).reshape(-1, SIDE * SIDE)
            for one in _steps(len(a), ACROSS):
                kept[np.ix_(a[one], b[other])] |= _holds(parts, greys_a[one]).T
        return np.asarray(kept & near)

    def pairs(self, pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """See `Sieve`."""
        kept = np.zeros(len(pairs), bool)
        for whole, part in ((0, 1), (1, 0)):
            order = np.argsort(pairs[:, whole], kind="stable")
            starts = np.flatnonzero(np.diff(pairs[order, whole], prepend=-1))
            wholes = pairs[order[starts], whole]
            ends = np.append(starts[1:], len(order))
            for some in _steps(len(starts)):
                parts = parts_of(self._thumbnails.squares(wholes[some]))
                for n, begin, end in zip(range(len(parts)), starts[some], ends[some], strict=True):
                    numbers = order[begin:end]
                    numbers = numbers[~kept[numbers]]
                    for at in _steps(len(numbers), ACROSS):
                        squares = self._thumbnails.squares(pairs[numbers[at], part])
                        kept[numbers[at]] = _holds(parts[n], greys_of(squares))[0]
        return kept


def _steps(count: int, step: int = WHOLES) -> list[slice]:
    return [slice(start, start + step) for start in range(0, count, step)]


def _holds(parts: Vectors, greys: Vectors) -> npt.NDArray[np.bool_]:
    """Which of some pictures, all of whose parts are given, may hold which others."""
    found = (parts @ greys.T).reshape(-1, len(WINDOWS), len(greys))
    return np.asarray(found.max(axis=1) >= PART_CORRELATION - MARGIN)


class _Kept:
    """The pictures that were asked for last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._pictures: OrderedDict[int, PIL.Image.Image | None] = OrderedDict()
        self._lock = Lock()

    def get(self, row: int, read: Callable[[], PIL.Image.Image | None]) -> PIL.Image.Image | None:
        """A picture; `read` where it is not kept."""
        with self._lock:
            if row in self._pictures:
                self._pictures.move_to_end(row)
                return self._pictures[row]
        picture = read()
        with self._lock:
            self._pictures[row] = picture
            while len(self._pictures) > self._most:
                self._pictures.popitem(last=False)
        return picture
