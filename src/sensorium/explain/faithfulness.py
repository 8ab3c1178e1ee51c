"""Whether an order of parts is true to the model: deletion and insertion areas beside rivals.

Parts are covered one after the other, the most important first (deletion), and uncovered in the
same order from nothing (insertion; Petsiuk et al. 2018, RISE, section 4.2). A true order lets the
value fall at once in the first and rise at once in the second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensorium.explain.worth import Masks, Worth

STEPS = 6
"""Points of a curve after its first: ten sets an order, which of a picture have six cells more
each. An explanation tries orders, and has to do it within a second."""

SEED = 0
"""Of the random order: an explanation of the same pair is the same every time."""

Order = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Areas:
    """Areas under the curves of one order, in the unit of the value.

    Attributes
    ----------
    deletion : float
        Mean value while parts are covered; the lower the better.
    insertion : float
        Mean value while parts are uncovered; the higher the better.
    """

    deletion: float
    insertion: float

    @property
    def gain(self) -> float:
        """Insertion less deletion: about 0 of an order that knows nothing, the more the better."""
        return self.insertion - self.deletion


@dataclass(frozen=True)
class Faithfulness:
    """Areas of an explanation's order, beside a random one and one from the centre outwards.

    Attributes
    ----------
    own, random, centre : Areas
    """

    own: Areas
    random: Areas
    centre: Areas


def steps_of(parts: int, steps: int = STEPS) -> list[int]:
    """How many parts are covered at each point of a curve, from 0 to all."""
    return sorted({round(parts * step / steps) for step in range(steps + 1)})


def kept_first(order: Order, counts: list[int]) -> Masks:
    """Sets that keep the first parts of an order, shape (len(counts), n)."""
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return np.array([place < count for count in counts])


def areas_of(worth: Worth, order: Order, steps: int = STEPS) -> Areas:
    """Deletion and insertion areas of an order.

    Parameters
    ----------
    worth : Worth
    order : ndarray of int, shape (n,)
        The most important part first.
    steps : int
        Points of each curve after its first.
    """
    counts = steps_of(worth.parts, steps)
    kept = kept_first(order, counts)
    values = worth(np.concatenate([kept, ~kept]))
    inserted, deleted = np.split(values, 2)
    shares = np.array(counts) / worth.parts
    return Areas(float(np.trapezoid(deleted, shares)), float(np.trapezoid(inserted, shares)))


def random_order(parts: int, seed: int = SEED) -> Order:
    """An order that knows nothing."""
    return np.random.default_rng(seed).permutation(parts)
