"""Pictures that are nearly one and are not.

Each pair of `negatives` has one layout and differs in what a person would mind: a number, a field,
a bar of a chart, a note, a chess piece, the place of a ball. `KINDS` names how; those of `UNSEEN`
were looked at by nobody while thresholds were chosen.
"""

import random
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageEnhance
import PIL.ImageFilter
import PIL.ImageFont
import PIL.ImageOps

from benchmarks import forms
from benchmarks.altering import captioned

Picture = PIL.Image.Image
Pair = tuple[Picture, Picture]

WORDS = (  # noqa: SIM905
    "garden shovel seed lamp chair paper train bread window letter river stone market ticket "
    "winter report budget copper engine harbour lemon mirror number orange pepper quarter school"
).split()
NAMES = (  # noqa: SIM905
    "Anna Bert Chen Dora Emil Fatima Goran Hana Ivan Julia Karim Lena Mira Noor Olga"
).split()


def _text(draw: PIL.ImageDraw.ImageDraw, where: tuple[float, float], text: str, size: float,
          ink: object = 0) -> None:  # fmt: skip
    draw.text(where, text, ink, PIL.ImageFont.load_default(size))  # type: ignore[arg-type]


def _page(
    size: tuple[int, int], ground: object = "white"
) -> tuple[Picture, PIL.ImageDraw.ImageDraw]:
    page = PIL.Image.new("RGB", size, ground)  # type: ignore[arg-type]
    return page, PIL.ImageDraw.Draw(page)


def _sentence(chance: random.Random, count: int) -> str:
    return " ".join(chance.choices(WORDS, k=count))


def _twice(draw: Callable[[random.Random, bool], Picture]) -> Callable[[random.Random], Pair]:
    """Draw the same twice; the second time something is changed."""

    def pair(chance: random.Random) -> Pair:
        seed = chance.random()
        return draw(random.Random(seed), False), draw(random.Random(seed), True)

    return pair


def invoice(c: random.Random, changed: bool) -> Picture:
    """Another amount in one of the lines."""
    page, draw = _page((c.choice((800, 1000, 1240)), c.choice((1100, 1400, 1754))))
    size, lines = c.choice((16, 20, 28)), c.choice((5, 8, 12))
    _text(draw, (80, 80), f"{c.choice(NAMES)} & {c.choice(NAMES)} {c.choice(WORDS).title()}", 40)
    _text(draw, (80, 180), f"Invoice {c.randrange(1000, 9999)}", size)
    which = c.randrange(lines)
    for line in range(lines):
        amount, other = c.sample(range(100, 999), 2)
        amount = other if changed and line == which else amount
        _text(draw, (80, 260 + 60 * line), f"{line + 1}  {_sentence(c, 2)}", size)
        _text(draw, (page.width - 220, 260 + 60 * line), f"{amount}.00", size)
    return page


def form(c: random.Random, changed: bool) -> Picture:
    """Another name in one field, or a box that is ticked."""
    page, draw = _page((900, 1100))
    _text(draw, (60, 40), c.choice(("Application", "Registration", "Declaration")), 36)
    tick = c.random() < 0.4
    which = c.randrange(8)
    for field in range(8):
        y = 130 + 100 * field
        _text(draw, (60, y), c.choice(WORDS).title(), 18, 90)
        draw.rectangle((60, y + 26, 560, y + 66), outline=(120, 120, 120))
        one, other = c.sample(NAMES, 2)
        _text(draw, (70, y + 34), other if changed and not tick and field == which else one, 20)
        draw.rectangle((640, y + 30, 668, y + 58), outline=0, width=2)
        if (c.random() < 0.5) != (changed and tick and field == which):
            draw.line((644, y + 44, 652, y + 54, 666, y + 32), 0, 4)
    return page


def chat(c: random.Random, changed: bool) -> Picture:
    """Another message."""
    page, draw = _page(c.choice(((540, 960), (720, 1280), (1080, 2000))), (236, 229, 221))
    scale = page.width / 540
    which = c.randrange(7)
    for line in range(7):
        left, top = (20 if line % 2 else 180) * scale, (40 + 125 * line) * scale
        color = "white" if line % 2 else (220, 248, 198)
        draw.rounded_rectangle((left, top, left + 330 * scale, top + 100 * scale), 14, color)
        said, other = _sentence(c, 3), _sentence(c, c.choice((1, 3)))
        said = other if changed and line == which else said
        _text(draw, (left + 14 * scale, top + 18 * scale), said, 18 * scale)
        _text(
            draw,
            (left + 270 * scale, top + 72 * scale),
            f"1{line}:{c.randrange(10, 60)}",
            12 * scale,
            (150,) * 3,
        )
    return page


def icon(c: random.Random, changed: bool) -> Picture:
    """White on transparency: another sign."""
    side = c.choice((64, 128, 256, 512))
    picture = PIL.Image.new("RGBA", (side, side), (255, 255, 255, 0))
    draw = PIL.ImageDraw.Draw(picture)
    one, other = c.sample(range(6), 2)
    s = side / c.uniform(24, 34)  # none is another one of the same sign
    match other if changed else one:
        case 0:
            draw.polygon([(4 * s, 12 * s), (14 * s, 4 * s), (14 * s, 20 * s)], "white")
        case 1:
            draw.polygon([(20 * s, 12 * s), (10 * s, 4 * s), (10 * s, 20 * s)], "white")
        case 2:
            draw.ellipse((4 * s, 4 * s, 20 * s, 20 * s), "white")
        case 3:
            draw.rectangle((4 * s, 4 * s, 20 * s, 20 * s), "white")
        case 4:
            draw.line((5 * s, 5 * s, 19 * s, 19 * s), "white", round(3 * s))
            draw.line((19 * s, 5 * s, 5 * s, 19 * s), "white", round(3 * s))
        case _:
            draw.line((4 * s, 13 * s, 10 * s, 19 * s, 20 * s, 6 * s), "white", round(3 * s))
    return picture


def plain(c: random.Random, changed: bool) -> Picture:
    """Even colours, and even ones with a slope: scans of empty pages, walls."""
    colour = [c.randrange(256) for _ in range(3)]
    step = c.choice((-1, 1)) * c.choice((6, 20, 60))
    size = c.choice(((400, 300), (640, 480), (900, 1200)))
    if changed:
        colour = [min(255, max(0, level + step)) for level in colour]
    slope = c.random() < 0.5
    grain = np.random.default_rng(c.randrange(2**32) + changed)
    levels = np.ones((*size[::-1], 3)) * colour
    if slope:
        levels += np.linspace(0, c.choice((10, 40)), size[0])[None, :, None]
    levels += grain.normal(0, c.choice((0, 2)), levels.shape)
    return PIL.Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))


def chart(c: random.Random, changed: bool) -> Picture:
    """Bars or a line of other data."""
    page, draw = _page((c.choice((640, 900)), c.choice((480, 600))))
    width, height = page.size
    draw.line((60, 30, 60, height - 50, width - 20, height - 50), 0, 2)
    count, bars, which = c.choice((6, 9, 12)), c.random() < 0.5, c.random()
    step = (width - 100) / count
    colour = tuple(c.randrange(40, 200) for _ in range(3))
    points = []
    for n in range(count):
        value, other = c.random(), c.random()
        if abs(value - other) < 0.12:
            other = value + 0.2 if value < 0.5 else value - 0.2
        value = min(0.98, other) if changed and n == int(which * count) else value
        x, y = 70 + step * n, height - 50 - value * (height - 100)
        points.append((x + step / 2, y))
        _text(draw, (x + step / 4, height - 40), str(2000 + n), 13)
        if bars:
            draw.rectangle((x, y, x + step * 0.7, height - 51), colour)
    if not bars:
        draw.line(points, colour, 3)
    _text(draw, (width / 3, 6), _sentence(c, 3), 18)
    return page


def screenshot(c: random.Random, changed: bool) -> Picture:
    """One line of a program's text."""
    dark = c.random() < 0.5
    page, draw = _page(c.choice(((1280, 720), (1000, 700))), (30, 32, 40) if dark else "white")
    ink = (210, 215, 220) if dark else (20, 20, 30)
    draw.rectangle((0, 0, page.width, 40), (70, 90, 130))
    _text(draw, (20, 10), _sentence(c, 3), 18, "white")
    size = c.choice((14, 16, 18))
    lines = (page.height - 80) // (size + 8)
    which = c.randrange(lines)
    for line in range(lines):
        one, other = _sentence(c, c.randrange(3, 9)), _sentence(c, c.randrange(3, 9))
        said = other if changed and line == which else one
        _text(draw, (30, 60 + (size + 8) * line), f"{line + 1:3}  {said}", size, ink)
    return page


def table(c: random.Random, changed: bool) -> Picture:
    """One cell is emptied."""
    rows, columns = c.choice((10, 16)), c.choice((4, 7))
    page, draw = _page((160 * columns + 60, 40 * rows + 60))
    where = c.randrange(rows), c.randrange(columns)
    size = c.choice((13, 16, 20))
    for y in range(rows):
        for x in range(columns):
            draw.rectangle(
                (30 + 160 * x, 30 + 40 * y, 190 + 160 * x, 70 + 40 * y), outline=(150,) * 3
            )
            figure = f"{c.randrange(10, 99999) / 10}"
            if not (changed and (y, x) == where):
                _text(draw, (40 + 160 * x, 40 + 40 * y), figure, size, c.choice((0, 60)))
    return page


def _on_photo(photo: Picture, c: random.Random) -> Pair:
    """A burst: something small has moved, the camera has not."""
    found = []
    radius = max(7, round(min(photo.size) * c.choice((0.03, 0.05, 0.08))))
    colour = tuple(c.randrange(256) for _ in range(3))
    spots = [
        (c.randrange(radius, photo.width - radius), c.randrange(radius, photo.height - radius))
        for _ in range(2)
    ]
    if abs(spots[0][0] - spots[1][0]) + abs(spots[0][1] - spots[1][1]) < radius:
        spots[1] = (photo.width - spots[0][0], photo.height - spots[0][1])
    for n, (x, y) in enumerate(spots):
        frame = photo.copy()
        draw = PIL.ImageDraw.Draw(frame)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), colour, (20, 20, 20), 2)
        noise = np.random.default_rng(n).normal(0, 2, (frame.height, frame.width, 3))
        found.append(
            PIL.Image.fromarray(np.clip(np.asarray(frame) + noise, 0, 255).astype(np.uint8))
        )
    return found[0], found[1]


def card(c: random.Random, changed: bool) -> Picture:
    """Another figure on a ground of waves, as on tickets, cards and certificates."""
    width, height = c.choice(((640, 400), (900, 560)))
    y, x = np.mgrid[:height, :width]
    waves = np.sin(x / c.choice((4, 9, 30)) + 6 * np.sin(y / c.choice((25, 60))))
    slope = np.linspace(c.choice((-60, 0, 60)), 0, width)[None]
    ground = np.array([c.randrange(120, 190) for _ in range(3)])
    levels = ground + (c.choice((12, 40)) * waves + slope)[..., None]
    page = PIL.Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))
    draw = PIL.ImageDraw.Draw(page)
    size, which = c.choice((16, 22, 30)), c.randrange(16)
    for group in range(4):
        for n in range(4):
            one, other = c.sample("0123456789", 2)
            figure = other if changed and which == 4 * group + n else one
            at = (50 + group * 5.2 * size + n * size, height // 2)
            _text(draw, at, figure, size, c.choice((0, 40)))
    _text(draw, (50, height - 70), f"{c.choice(NAMES)} {c.choice(NAMES)}".upper(), 20, 20)
    return page


def sky(c: random.Random, changed: bool) -> Picture:
    """Clouds that are made of noise, over one horizon."""
    seed = c.randrange(2**30)
    rng = np.random.default_rng(seed + changed)
    small = np.zeros((400, 600))
    for k in range(4):
        grain = PIL.Image.fromarray(rng.random((4 * 2**k, 6 * 2**k)).astype(np.float32))
        small += np.asarray(grain.resize((600, 400), PIL.Image.Resampling.BICUBIC)) / 2**k
    cloud = np.clip((small - 0.9) * c.choice((0.4, 0.8)), 0, 1)[..., None]
    blue = np.linspace(0, 1, 400)[:, None, None] * np.array([90, 60, 20]) + np.array([90, 140, 215])
    levels = np.broadcast_to(blue, (400, 600, 3)) * (1 - cloud) + 245 * cloud
    page = PIL.Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))
    PIL.ImageDraw.Draw(page).rectangle((0, 360, 600, 400), (60, 90, 50))
    return page


def qr(c: random.Random, changed: bool) -> Picture:
    """A pattern of modules that codes something else: from 5% of them on."""
    count, side = c.choice((21, 25, 33)), c.choice((6, 8, 12))
    rng = np.random.default_rng(c.randrange(2**30))
    modules = rng.random((count, count)) < 0.5
    other = np.random.default_rng(c.randrange(2**30)).random((count, count))
    if changed:
        modules ^= other < c.choice((0.05, 0.3, 0.5))
    for y, x in ((0, 0), (0, count - 7), (count - 7, 0)):
        modules[y : y + 7, x : x + 7] = True
        modules[y + 1 : y + 6, x + 1 : x + 6] = False
        modules[y + 2 : y + 5, x + 2 : x + 5] = True
    levels = np.where(np.pad(modules, 4), 0, 255).astype(np.uint8).repeat(side, 0).repeat(side, 1)
    return PIL.Image.fromarray(levels).convert("RGB")


def music(c: random.Random, changed: bool) -> Picture:
    """One note is another one."""
    page, draw = _page((900, 1200))
    _text(draw, (300, 30), _sentence(c, 2), 30)
    which = c.randrange(6 * 12)
    for staff in range(6):
        y = 120 + 170 * staff
        for line in range(5):
            draw.line((50, y + 12 * line, 850, y + 12 * line), 0, 1)
        for note in range(12):
            height, other = c.sample(range(9), 2)
            height = other if changed and staff * 12 + note == which else height
            x, top = 90 + 62 * note, y + 6 * height - 6
            draw.ellipse((x, top, x + 15, top + 12), 0)
            draw.line((x + 14, top + 6, x + 14, top - 32), 0, 2)
    return page


def slide(c: random.Random, changed: bool) -> Picture:
    """Another slide of one template."""
    page, draw = _page((960, 540), tuple(c.randrange(200, 256) for _ in range(3)))
    draw.rectangle((0, 0, 960, 90), tuple(c.randrange(120) for _ in range(3)))
    draw.rectangle((0, 510, 960, 540), (90, 90, 90))
    _text(draw, (700, 515), f"{c.choice(NAMES)} {c.randrange(2000, 2026)}", 14, "white")
    same_title = c.random() < 0.5
    title, other = _sentence(c, 3), _sentence(c, 3)
    _text(draw, (40, 26), other if changed and not same_title else title, 34, "white")
    for line in range(5):
        one, other = _sentence(c, 5), _sentence(c, 5)
        _text(draw, (70, 140 + 66 * line), "- " + (other if changed else one), 24)
    return page


def chess(c: random.Random, changed: bool) -> Picture:
    """One man has moved."""
    page, draw = _page((480, 480), (240, 217, 181))
    squares = c.sample([(x, y) for x in range(8) for y in range(8)], 15)
    for x in range(8):
        for y in range(8):
            if (x + y) % 2:
                draw.rectangle((60 * x, 60 * y, 60 * x + 59, 60 * y + 59), (181, 136, 99))
    for n, (x, y) in enumerate(squares[1:] if changed else squares[:-1]):
        black = c.random() < 0.5 if n else True
        draw.ellipse(
            (60 * x + 14, 60 * y + 14, 60 * x + 46, 60 * y + 46),
            (20, 20, 20) if black else "white",
            0,
            2,
        )
    return page


def map_(c: random.Random, changed: bool) -> Picture:
    """The pin is elsewhere."""
    page, draw = _page((700, 500), (242, 239, 233))
    for _ in range(30):
        ends = [c.randrange(700), c.randrange(500), c.randrange(700), c.randrange(500)]
        draw.line(
            ends, c.choice(((255, 255, 255), (250, 210, 120), (170, 210, 230))), c.choice((3, 6, 9))
        )
    for _ in range(15):
        _text(draw, (c.randrange(620), c.randrange(480)), c.choice(WORDS).title(), 13, (80, 80, 80))
    pins = [(c.randrange(20, 680), c.randrange(40, 480)) for _ in range(2)]
    x, y = pins[changed]
    draw.polygon([(x, y), (x - 8, y - 18), (x + 8, y - 18)], (220, 40, 40))
    draw.ellipse((x - 9, y - 30, x + 9, y - 12), (220, 40, 40), "white", 2)
    return page


def score(c: random.Random, changed: bool) -> Picture:
    """A scoreboard with another score."""
    page, draw = _page((640, 360), (18, 60, 34))
    one, other = c.sample(range(10, 100), 2)
    _text(draw, (60, 40), c.choice(NAMES).upper(), 40, "white")
    _text(draw, (400, 40), c.choice(NAMES).upper(), 40, "white")
    _text(draw, (90, 150), str(other if changed else one), 110, (255, 220, 60))
    _text(draw, (430, 150), str(c.randrange(10, 100)), 110, (255, 220, 60))
    return page


def barcode(c: random.Random, changed: bool) -> Picture:
    """A label with another code."""
    page, draw = _page((600, 300))
    _text(draw, (40, 20), _sentence(c, 2).upper(), 30)
    one, other = (random.Random(c.random()) for _ in range(2))
    bars = other if changed else one
    x = 40
    while x < 540:
        width = bars.choice((2, 3, 5, 7))
        draw.rectangle((x, 90, x + width - 1, 230), 0)
        x += width + bars.choice((2, 3, 5, 7))
    _text(draw, (180, 245), f"{bars.randrange(10**11, 10**12)}", 24)
    return page


def cross(c: random.Random, changed: bool) -> Picture:
    """A crossword with another letter in."""
    page, draw = _page((540, 540))
    which = c.randrange(144)
    for n in range(144):
        x, y = n % 12 * 45, n // 12 * 45
        black = c.random() < 0.2 and n != which
        draw.rectangle((x, y, x + 45, y + 45), 0 if black else "white", 0)
        one, other = c.sample("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 2)
        if not black:
            _text(draw, (x + 12, y + 8), other if changed and n == which else one, 26)
    return page


def meme(photo: Picture, c: random.Random) -> Pair:
    """One photo under two captions."""
    one, other = _sentence(c, 3).upper(), _sentence(c, 3).upper()
    inside = c.random() < 0.5
    return captioned(photo, one, inside), captioned(photo, other, inside)


DRAWN: dict[str, Callable[[random.Random], Pair]] = {
    function.__name__.strip("_"): _twice(function)
    for function in (
        invoice, form, chat, icon, plain, chart, screenshot, table, sky, card,
        qr, music, slide, chess, map_, score, barcode, cross,
    )
}  # fmt: skip
UNSEEN = ("qr", "music", "slide", "chess", "map", "score", "barcode", "cross", "meme")
ON_PHOTOS = {"burst": _on_photo, "meme": meme}


def negatives(
    count: int, seed: str, photos: Sequence[Picture], unseen: bool
) -> Iterator[tuple[str, int, Picture, Picture]]:
    """Pairs of different pictures: `count` of each kind.

    Yields
    ------
    kind, number, one, other
    """
    for number, (name, one, other) in enumerate(forms.pairs(5 * count, seed=hash_of(seed))):
        yield f"digit in {name.split()[0]}", number // 5, one, other
    for kind, draw in DRAWN.items():
        if unseen or kind not in UNSEEN:
            for number in range(count):
                yield (kind, number, *draw(random.Random(f"{seed} {kind} {number}")))
    for kind, on_photo in ON_PHOTOS.items():
        if unseen or kind not in UNSEEN:
            for number in range(count):
                chance = random.Random(f"{seed} {kind} {number}")
                yield (kind, number, *on_photo(chance.choice(photos), chance))


def hash_of(seed: str) -> int:
    """The same number for the same seed, in every process."""
    return random.Random(seed).randrange(2**30)
