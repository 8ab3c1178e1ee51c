"""Pages of one layout that differ in a number: what a duplicate finder must not take for one.

    python -m benchmarks.forms FOLDER [--count N]

writes N pairs, to be looked at: invoices, chats, timetables, meters and tickets, letters of 9 to 44
pixels, in black and in grey, and in one of each pair one digit is another one.

    python -m benchmarks.forms --lost [--count N]

counts of how many of N pairs the difference is lost when both are scaled and saved: digits of 8 to
24 pixels that stand out from their ground by so many levels, or by their colour alone.
"""

import argparse
import io
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

Picture = PIL.Image.Image

WORDS = ["garden", "shovel", "seed", "lamp", "chair", "paper", "train", "bread", "window", "letter"]


def _text(draw: PIL.ImageDraw.ImageDraw, where: tuple[float, float], text: str, size: float,
          ink: int = 0) -> None:  # fmt: skip
    draw.text(where, text, (ink,) * 3, PIL.ImageFont.load_default(size))


def invoice(number: str, chance: random.Random) -> Picture:
    """A page with a number on top, items and a total."""
    page = PIL.Image.new("RGB", (1000, 1400), "white")
    draw = PIL.ImageDraw.Draw(page)
    small = chance.choice((14, 20, 28))
    ink = chance.choice((0, 0, 60, 120))
    _text(draw, (80, 80), "ACME Garden Tools", 44)
    _text(draw, (80, 200), f"Invoice {number}", small, ink)
    for line in range(8):
        item = f"{line + 1}   {chance.choice(WORDS)}   {chance.randrange(1, 999)}.00"
        _text(draw, (80, 320 + 80 * line), item, small, ink)
    return page


def chat(number: str, chance: random.Random) -> Picture:
    """Bubbles with times; the number is in one of them."""
    page = PIL.Image.new("RGB", (540, 960), (236, 229, 221))
    draw = PIL.ImageDraw.Draw(page)
    said = chance.randrange(7)
    for line in range(7):
        left = 20 if line % 2 else 180
        color = "white" if line % 2 else (220, 248, 198)
        draw.rounded_rectangle((left, 40 + 125 * line, left + 330, 140 + 125 * line), 14, color)
        words = " ".join(chance.sample(WORDS, 3))
        words = f"my number is {number}" if line == said else words
        _text(draw, (left + 14, 58 + 125 * line), words, 19)
        _text(draw, (left + 270, 112 + 125 * line), f"1{line}:{chance.randrange(10, 60)}", 12, 150)
    return page


def timetable(number: str, chance: random.Random) -> Picture:
    """A table of small figures; the number is one of them."""
    page = PIL.Image.new("RGB", (800, 600), "white")
    draw = PIL.ImageDraw.Draw(page)
    size = chance.choice((9, 11, 13))
    ink = chance.choice((0, 90, 140))
    row, column = chance.randrange(18), chance.randrange(9)
    for y in range(18):
        draw.line((20, 26 + 31 * y, 780, 26 + 31 * y), (200, 200, 200))
        for x in range(9):
            figure = f"{chance.randrange(1000, 9999)}"
            figure = number if (y, x) == (row, column) else figure
            _text(draw, (30 + 84 * x, 34 + 31 * y), figure, size, ink)
    return page


def meter(number: str, chance: random.Random) -> Picture:
    """Digits of a counter, light on dark."""
    page = PIL.Image.new("RGB", (480, 320), (30, 34, 40))
    draw = PIL.ImageDraw.Draw(page)
    draw.rectangle((60, 110, 420, 210), (10, 12, 14), (90, 90, 90), 4)
    _text(draw, (110, 128), " ".join(number), 44, chance.choice((255, 200, 140)))
    _text(draw, (110, 240), f"kWh   No {chance.randrange(10**6)}", 16, 120)
    return page


def ticket(number: str, chance: random.Random) -> Picture:
    """Words on a drawn ground of noise."""
    grain = bytes(chance.randbytes(640 * 280))
    noise = PIL.Image.frombytes("L", (640, 280), grain).convert("RGB")
    page = PIL.Image.blend(noise, PIL.Image.new("RGB", noise.size, (250, 214, 120)), 0.9)
    draw = PIL.ImageDraw.Draw(page)
    _text(draw, (40, 40), "ADMIT ONE", 40)
    _text(
        draw, (40, 130), f"row {chance.randrange(9)}   seat {number}", chance.choice((18, 28)), 40
    )
    return page


def pairs(count: int, seed: int = 0) -> Iterator[tuple[str, Picture, Picture]]:
    """Pairs of one layout whose numbers differ in one digit.

    Yields
    ------
    name, one, other
    """
    kinds = (invoice, chat, timetable, meter, ticket)
    for number in range(count):
        kind = kinds[number % len(kinds)]
        chance = random.Random(f"{seed} {number}")
        digits = f"{chance.randrange(1000, 9999)}"
        at = chance.randrange(4)
        digit = chance.choice([d for d in "0123456789" if d != digits[at]])
        changed = digits[:at] + digit + digits[at + 1 :]
        layout = chance.random()
        one = kind(digits, random.Random(layout))
        other = kind(changed, random.Random(layout))
        yield f"{kind.__name__} {number}", one, other


SCALES = (1, 0.5, 0.34, 0.25)
QUALITIES = (0, 95, 90, 75, 50, 30)
"""Of JPEG; 0 is without loss."""


def _page(
    ink: tuple[int, ...], ground: tuple[int, ...], size: int, number: str, seed: int
) -> Picture:
    chance = random.Random(seed)
    page = PIL.Image.new("RGB", (400, 240), ground)
    draw = PIL.ImageDraw.Draw(page)
    font = PIL.ImageFont.load_default(size)
    for y in range(10, 240 - 2 * size, int(size * 1.6)):
        draw.text((10, y), " ".join(chance.choices(WORDS, k=3)), ink, font)
    draw.text((200, 120), f"No {number}", ink, font)
    return page


def _saved(page: Picture, scale: float, quality: int, method: PIL.Image.Resampling) -> bytes:
    if scale < 1:
        page = page.resize((round(400 * scale), round(240 * scale)), method)
    if quality:
        file = io.BytesIO()
        page.save(file, "JPEG", quality=quality)
        page = PIL.Image.open(file)
    return np.asarray(page).tobytes()


def lost(count: int) -> None:
    """Print how many pairs are equal after scaling and saving."""
    methods = [PIL.Image.Resampling[name] for name in ("BICUBIC", "LANCZOS", "BOX", "BILINEAR")]
    chance = random.Random(0)
    print("stands out by | scale | " + " | ".join(f"JPEG {q}" if q else "PNG" for q in QUALITIES))
    for contrast in (128, 64, 32, 24, 16, 8, "colour"):
        equal: Counter[tuple[float, int]] = Counter()
        for seed in range(count):
            ink, ground = (200, 89, 128), (56, 167, 128)  # of one lightness
            if isinstance(contrast, int):
                light = chance.choice((255, 230, 140))
                ink, ground = (light - contrast,) * 3, (light,) * 3
            digits = f"{chance.randrange(1000, 9999)}"
            at = chance.randrange(4)
            digit = chance.choice([d for d in "0123456789" if d != digits[at]])
            size, method = chance.choice((8, 9, 10, 12, 16, 24)), chance.choice(methods)
            numbers = (digits, digits[:at] + digit + digits[at + 1 :])
            pages = [_page(ink, ground, size, number, seed) for number in numbers]
            for scale in SCALES:
                for quality in QUALITIES:
                    one, other = (_saved(page, scale, quality, method) for page in pages)
                    equal[scale, quality] += one == other
        for scale in SCALES:
            print(f"{contrast} | {scale} | " + " | ".join(str(equal[scale, q]) for q in QUALITIES))


if __name__ == "__main__":
    parser = argparse.ArgumentParser("python -m benchmarks.forms", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--lost", action="store_true")
    parser.add_argument("--count", type=int, default=10)
    arguments = parser.parse_args()
    if arguments.lost:
        lost(arguments.count)
    elif arguments.folder is None:
        parser.error("a folder to write to, or --lost")
    else:
        arguments.folder.mkdir(parents=True, exist_ok=True)
        for name, one, other in pairs(arguments.count):
            one.save(arguments.folder / f"{name} a.png")
            other.save(arguments.folder / f"{name} b.png")
