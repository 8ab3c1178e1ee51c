"""Drawings that are nearly one and are not: emoji of a family, clip art with a detail changed.

As in `doubles`, each pair differs in what a person would mind. Half of the material was looked at
while thresholds were chosen (three styles of emoji, clip art of the validation split); the other
half, and the kinds in `UNSEEN`, were not.
"""

import colorsys
import functools
import math
import random
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import PIL.Image
import PIL.ImageDraw

from benchmarks.altering import on_white
from benchmarks.datasets import rows
from benchmarks.doubles import NAMES, WORDS, Pair, Picture, _page, _text, _twice

STYLES = {True: ("noto", "openmoji", "fluent"), False: ("twemoji", "fluent3d", "openmoji_line")}
"""Of emoji: those thresholds were chosen on, and those of the report."""

SKINS = ((247, 222, 206), (217, 176, 139), (175, 126, 87), (124, 83, 62), (92, 64, 51))


@functools.cache
def _emoji(choosing: bool) -> dict[tuple[str, str], dict[str, str]]:
    return {
        (row["style"], row["concept"]): row
        for row in rows("emoji")
        if row["style"] in STYLES[choosing] and not row["dup_in_style"]
    }


def _drawn(row: dict[str, str], side: int) -> Picture:
    """An emoji on a white square, scaled to one of the sizes that programs show."""
    emoji = on_white(row["image"])
    page = PIL.Image.new("RGB", (max(emoji.size),) * 2, "white")
    page.paste(emoji, ((page.width - emoji.width) // 2, (page.width - emoji.height) // 2))
    return page if side == 0 else page.resize((side, side), PIL.Image.Resampling.LANCZOS)


def _partners(choosing: bool, swaps: Sequence[tuple[str, str]]) -> list[tuple[str, str, str]]:
    """Style and concepts of emoji that become another one by a swap in their code points."""
    known = _emoji(choosing)
    return [
        (style, concept, other)
        for style, concept in sorted(known)
        for old, new in swaps
        if (other := concept.replace(old, new)) != concept and (style, other) in known
    ]


def _of_partners(swaps: Sequence[tuple[str, str]]) -> Callable[[random.Random, bool], Pair]:
    def pair(c: random.Random, choosing: bool) -> Pair:
        style, *concepts = c.choice(_partners(choosing, swaps))
        side = c.choice((0, 256, 512))
        one, other = (_drawn(_emoji(choosing)[style, concept], side) for concept in concepts)
        return one, other

    return pair


def skin(c: random.Random, choosing: bool) -> Pair:
    """A person, or a hand, in two tones of skin."""
    people = [row for row in _emoji(choosing).values() if row["category"] == "people-body"]
    picture = _drawn(c.choice(people), c.choice((0, 256, 512)))
    levels = np.asarray(picture.convert("HSV"), np.int16)
    skin_ = (abs(levels[..., 0] - 32) < 16) & (levels[..., 1] > 70) & (levels[..., 2] > 120)
    shade = (levels[..., 2:3] / 255.0).clip(0, 1)
    found = []
    for tone in c.sample(SKINS, 2):
        coloured = np.where(skin_[..., None], shade * np.array(tone), np.asarray(picture))
        found.append(PIL.Image.fromarray(coloured.astype(np.uint8)))
    # What has no skin is given a dot of each tone.
    if skin_.mean() < 0.01:
        for page, tone in zip(found, c.sample(SKINS, 2), strict=True):
            middle, r = page.width // 2, page.width // 12
            PIL.ImageDraw.Draw(page).ellipse((middle - r,) * 2 + (middle + r,) * 2, tone)
    return found[0], found[1]


def family(c: random.Random, choosing: bool) -> Pair:
    """Of one style, the two of 40 of a kind that are the most alike."""
    known = _emoji(choosing)
    style = c.choice(STYLES[choosing])
    groups = sorted({row["subcategory"] for row in known.values()} - {"country-flag"})
    some: list[dict[str, str]] = []
    while len(some) < 5:
        group = c.choice(groups)
        some = [r for (s, _), r in known.items() if s == style and r["subcategory"] == group]
    some = c.sample(some, min(40, len(some)))
    small = np.stack([np.asarray(_drawn(row, 24), np.float32).ravel() for row in some])
    far = ((small[:, None] - small[None]) ** 2).mean(axis=2) + 1e9 * np.eye(len(small))
    near = np.argsort(far, axis=None)[2 * c.randrange(min(4, len(some)))]
    one, other = np.unravel_index(near, far.shape)
    side = c.choice((0, 256, 512))
    return _drawn(some[int(one)], side), _drawn(some[int(other)], side)


@functools.cache
def _clipart(choosing: bool) -> list[dict[str, str]]:
    split = "val" if choosing else "test"
    found = [row for row in rows("clipart") if row["split"] == split and int(row["width"]) > 150]
    return found[1::2]


def _art(c: random.Random, choosing: bool) -> Picture:
    picture = on_white(c.choice(_clipart(choosing))["image"])
    times = c.choice((1, 1, 2))
    return picture.resize((picture.width * times, picture.height * times), 1)


def recoloured(c: random.Random, choosing: bool) -> Pair:
    """The same shapes in another colour, on a white shirt of ink where there is none."""
    picture = _art(c, choosing)
    hsv = np.asarray(picture.convert("HSV")).copy()
    coloured = hsv[..., 1] > 60
    if coloured.mean() < 0.02:
        levels = np.asarray(picture).astype(np.float32)
        tint = np.array(colorsys.hsv_to_rgb(c.random(), 0.8, 1.0), np.float32)
        return picture, PIL.Image.fromarray((levels * tint).astype(np.uint8))
    hsv[..., 0] = np.where(coloured, hsv[..., 0] + c.randrange(30, 226), hsv[..., 0])
    return picture, PIL.Image.fromarray(hsv, "HSV").convert("RGB")


def detail(c: random.Random, choosing: bool) -> Pair:
    """One patch of colour is another one, or something small is there or not."""
    picture = _art(c, choosing)
    other = picture.copy()
    draw = PIL.ImageDraw.Draw(other)
    radius = max(4, round(min(picture.size) * c.choice((0.025, 0.04, 0.07))))
    levels = np.asarray(picture.convert("L"), np.float32)
    busy = levels[radius:-radius, radius:-radius]
    inside = np.argwhere(abs(busy - 255) > 25)
    y, x = inside[c.randrange(len(inside))] if len(inside) else (0, 0)
    x, y = int(x) + radius, int(y) + radius
    was = np.asarray(picture)[y, x].tolist()
    ink = _ink(c)
    while sum(abs(a - b) for a, b in zip(ink, was, strict=True)) < 150:
        ink = _ink(c)
    match c.randrange(4):
        case 0:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), ink)
        case 1:
            _text(draw, (x - radius, y - radius), str(c.randrange(10)), 2.2 * radius, ink)
        case 2:
            draw.line((x - radius, y - radius, x + radius, y + radius), ink, max(2, radius // 3))
        case _:
            PIL.ImageDraw.floodfill(other, (x, y), ink, thresh=30)
    return picture, other


def _ink(c: random.Random) -> tuple[int, int, int]:
    return c.randrange(256), c.randrange(256), c.randrange(256)


def _for_all(
    draw: Callable[[random.Random, bool], Picture],
) -> Callable[[random.Random, bool], Pair]:
    pair = _twice(draw)
    return lambda c, choosing: pair(c)


def diagram(c: random.Random, changed: bool) -> Picture:
    """An arrow goes the other way, or a box says something else."""
    page, draw = _page((c.choice((480, 720)), c.choice((420, 600))))
    ways, which = c.random() < 0.5, c.randrange(5)
    ways = ways and changed
    last = None
    for n in range(6):
        x, y = 30 + n % 2 * page.width // 2, 30 + n // 2 * (page.height // 3)
        draw.rounded_rectangle((x, y, x + 170, y + 60), 8, _ink(c), 0, 2)
        one, other = c.sample(WORDS, 2)
        said = other if changed and not ways and n == which + 1 else one
        draw.rectangle((x + 10, y + 16, x + 160, y + 44), "white")
        _text(draw, (x + 16, y + 18), said.title(), 18)
        here = (x + 85, y + 30)
        if last is not None:
            middle = ((here[0] + last[0]) / 2, (here[1] + last[1]) / 2)
            draw.line((*last, *here), 0, 2)
            turn = math.atan2(here[1] - last[1], here[0] - last[0])
            turn += math.pi if ways and n - 1 == which else 0
            draw.regular_polygon((*middle, 11), 3, -math.degrees(turn) - 90, 0)
        last = here
    return page


def clock(c: random.Random, changed: bool) -> Picture:
    """Another time."""
    page, draw = _page((c.choice((160, 300, 480)),) * 2)
    side, minutes = page.width, [c.randrange(720), 0]
    minutes[1] = (minutes[0] + c.choice((5, 7, 15, 60, 350))) % 720
    draw.ellipse((side * 0.04,) * 2 + (side * 0.96,) * 2, _ink(c), 0, max(2, side // 60))
    draw.ellipse((side * 0.12,) * 2 + (side * 0.88,) * 2, "white")
    for hour in range(12):
        angle = math.pi * hour / 6
        x, y = side / 2 * (1 + 0.68 * math.sin(angle)), side / 2 * (1 - 0.68 * math.cos(angle))
        _text(draw, (x - side / 32, y - side / 25), str(hour or 12), side / 18)
    for turn, long in ((minutes[changed] / 720, 0.4), (minutes[changed] % 60 / 60, 0.62)):
        angle = 2 * math.pi * turn
        tip = side / 2 * (1 + long * math.sin(angle)), side / 2 * (1 - long * math.cos(angle))
        draw.line((side / 2, side / 2, *tip), 0, max(2, side // 40))
    return page


def pie(c: random.Random, changed: bool) -> Picture:
    """Other shares."""
    page, draw = _page((480, 360))
    shares = [c.randrange(10, 60) for _ in range(5)]
    which, more = c.randrange(4), c.choice((5, 9, 20))
    if changed:
        shares[which], shares[which + 1] = shares[which] + more, max(3, shares[which + 1] - more)
    at = 0.0
    for n, share in enumerate(shares):
        ink, until = _ink(c), at + 360 * share / sum(shares)
        draw.pieslice((20, 40, 300, 320), at, until, ink, "white", 2)
        draw.rectangle((330, 80 + 40 * n, 350, 100 + 40 * n), ink)
        _text(draw, (360, 80 + 40 * n), c.choice(NAMES), 18)
        at = until
    return page


def maze(c: random.Random, changed: bool) -> Picture:
    """A wall is open."""
    cells, step = c.choice((10, 16)), c.choice((16, 24))
    page, draw = _page((cells * step + 21,) * 2)
    which = c.randrange(20, cells * cells)
    for n in range(cells * cells):
        x, y = 10 + n % cells * step, 10 + n // cells * step
        down = (c.random() < 0.5) != (changed and n == which)
        draw.line((x, y, x, y + step) if down else (x, y, x + step, y), 0, 3)
    draw.rectangle((10, 10, 10 + cells * step, 10 + cells * step), None, 0, 3)
    return page


def dice(c: random.Random, changed: bool) -> Picture:
    """One has another number of eyes."""
    page, draw = _page((600, 220), _ink(c))
    which = c.randrange(3)
    for n in range(3):
        one, other = c.sample(range(1, 7), 2)
        x, ink = 20 + 195 * n, c.choice(("black", "red"))
        draw.rounded_rectangle((x, 25, x + 170, 195), 24, "white", 0, 3)
        for eye in range(other if changed and n == which else one):
            left, top = x + 30 + 45 * (eye % 3), 55 + 70 * (eye // 3)
            draw.ellipse((left, top, left + 32, top + 32), ink)
    return page


def month(c: random.Random, changed: bool) -> Picture:
    """Another day is marked."""
    page, draw = _page((420, 380))
    first, marked = c.randrange(7), c.sample(range(28), 2)[changed]
    _text(draw, (130, 14), f"{c.choice(WORDS).title()} {c.randrange(1980, 2030)}", 26)
    for day in range(30):
        x, y = 20 + 56 * ((day + first) % 7), 70 + 50 * ((day + first) // 7)
        if day == marked:
            draw.ellipse((x - 8, y - 8, x + 34, y + 34), None, (200, 30, 30), 3)
        _text(draw, (x, y), str(day + 1), 22)
    return page


KINDS: dict[str, Callable[[random.Random, bool], Pair]] = {
    "emoji, man and woman": _of_partners(
        (("1F468", "1F469"), ("2642", "2640"), ("1F9D1", "1F468"), ("1F9D1", "1F469"))
    ),
    "emoji, facing right": _of_partners((("-200D-27A1-FE0F", ""), ("1F448", "1F449"),
        ("1F91B", "1F91C"), ("1FAF1", "1FAF2"), ("2B05", "27A1"), ("1FAF7", "1FAF8"))),
    "emoji, skin": skin,
    "emoji, one family": family,
    "clip art, recoloured": recoloured,
    "clip art, a detail": detail,
    "diagram": _for_all(diagram),
    "clock": _for_all(clock),
    "pie": _for_all(pie),
    "maze": _for_all(maze),
    "dice": _for_all(dice),
    "month": _for_all(month),
}  # fmt: skip
UNSEEN = ("clock", "pie", "maze", "dice", "month")


def negatives(count: int, choosing: bool) -> Iterator[tuple[str, int, Picture, Picture]]:
    """Pairs of different drawings: `count` of each kind; see `doubles.negatives`."""
    for kind, pair in KINDS.items():
        if not choosing or kind not in UNSEEN:
            for number in range(count):
                chance = random.Random(f"{choosing} {kind} {number}")
                yield (kind, number, *pair(chance, choosing))
