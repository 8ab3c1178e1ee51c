"""Pictures with writing of which is known what it says: layouts, sizes, grounds, lengths."""

import io
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import PIL.Image
import PIL.ImageDraw
import PIL.ImageFilter
import PIL.ImageFont

from benchmarks.sample import SAMPLE
from sensorium.media.lettering import write_line

WORDS = """
garden river stone winter market bridge letter copper silver window yellow morning basket candle
forest harbour island kitchen ladder meadow number orange pepper quarter rabbit saddle temple
umbrella valley weather the and of with from before under between
""".split()  # noqa: SIM905
CHINESE = (
    "今天天气很好",
    "我们去公园散步",
    "图书馆明天开门",
    "请在这里排队",
    "新鲜水果和蔬菜",
    "火车站在前面",
)
ITEMS = ("Apples", "Pears and plums", "Bread", "Olive oil", "Orange juice", "Tea", "Soap")

SIZES = (14, 24, 40)  # pixels of the font
GROUNDS = ("day", "night", "blue", "photo", "jpeg", "askew", "transparent", "turned")

Written = tuple[float, float, str]  # left and upper edge in heights, and the text
Layout = Callable[[random.Random], tuple[list[Written], str]]


@dataclass(frozen=True)
class Page:
    """A picture, and what is written in it in the order of reading."""

    name: str
    picture: PIL.Image.Image
    text: str


def _line(rng: random.Random, count: int = 4) -> str:
    return " ".join(rng.choices(WORDS, k=count))


def _column(left: float, upper: float, texts: Sequence[str]) -> list[Written]:
    return [(left, upper + 1.4 * n, text) for n, text in enumerate(texts)]


def paragraph(rng: random.Random) -> tuple[list[Written], str]:
    """Lines below one another."""
    texts = [_line(rng, 7) for _ in range(7)]
    return _column(1, 1, texts), " ".join(texts)


def columns(rng: random.Random) -> tuple[list[Written], str]:
    """Two columns, at other heights."""
    left, right = ([_line(rng) for _ in range(6)] for _ in range(2))
    lines = _column(1, 1, left) + _column(24, 1 + rng.choice([0, 0.7]), right)
    return lines, " ".join([*left, *right])


def three(rng: random.Random) -> tuple[list[Written], str]:
    """Three columns below a heading that goes across."""
    texts = [[_line(rng, 3) for _ in range(4)] for _ in range(3)]
    heading = _line(rng, 9)
    lines = [(1.0, 1.0, heading), *_column(1, 4, texts[0]), *_column(19, 4, texts[1])]
    return [*lines, *_column(37, 4, texts[2])], " ".join([heading, *sum(texts, [])])  # noqa: RUF017


def receipt(rng: random.Random) -> tuple[list[Written], str]:
    """Labels, and values far to the right of them."""
    rows = [(item, f"{rng.randint(1, 40)}.{rng.randint(10, 99)}") for item in ITEMS[:5]]
    lines = _column(1, 1, [item for item, _ in rows]) + _column(22, 1, [v for _, v in rows])
    return lines, " ".join(f"{item} {value}" for item, value in rows)


def form(rng: random.Random) -> tuple[list[Written], str]:
    """Names with colons, and what was filled in."""
    rows = [(f"{word.title()}:", _line(rng, 2)) for word in rng.sample(WORDS, 4)]
    lines = _column(1, 1, [name for name, _ in rows]) + _column(12, 1, [v for _, v in rows])
    return lines, " ".join(f"{name} {value}" for name, value in rows)


def signs(rng: random.Random) -> tuple[list[Written], str]:
    """Single letters and digits in a row, far apart."""
    texts = rng.sample("ABDEFHKMNRT234579", 6)
    return [(1 + 5.0 * n, 1, text) for n, text in enumerate(texts)], " ".join(texts)


def chat(rng: random.Random) -> tuple[list[Written], str]:
    """A screenshot of many screens, a message every twelve lines."""
    texts = [f"{_line(rng, 3)} {rng.randint(1000, 9999)}" for _ in range(9)]
    return [(1, 1 + 12.0 * n, text) for n, text in enumerate(texts)], " ".join(texts)


def banner(rng: random.Random) -> tuple[list[Written], str]:
    """One line, much longer than a screen."""
    text = _line(rng, 28)
    return [(1, 1, text)], text


def chinese(rng: random.Random) -> tuple[list[Written], str]:
    """Chinese lines."""
    texts = rng.sample(CHINESE, 4)
    return _column(1, 1, texts), "".join(texts)


LAYOUTS: dict[str, Layout] = {
    layout.__name__: layout
    for layout in (paragraph, columns, three, receipt, form, signs, chat, banner, chinese)
}


def pages() -> Iterator[Page]:
    """Draw every layout in every size, each time on another ground."""
    number = 0
    for name, layout in LAYOUTS.items():
        for size in SIZES:
            for _ in range(2):
                ground = GROUNDS[number % len(GROUNDS)]
                number += 1
                lines, text = layout(random.Random(number))
                yield Page(f"{name} {size} {ground}", draw(lines, size, ground), text)


def draw(lines: Sequence[Written], size: int, ground: str) -> PIL.Image.Image:
    """Draw lines of a height of `size` pixels."""
    font = PIL.ImageFont.load_default(size)
    width = max(left * size + font.getlength(t) * (1 if t.isascii() else 2) for left, _, t in lines)
    height = (max(upper for _, upper, _ in lines) + 2.5) * size
    shape = (round(width + size), round(height))
    colors = {"night": ("#e0e0e0", "#202830"), "blue": ("yellow", "#1030a0"),
              "photo": ("white", "black"), "transparent": ("white", "#00000000")}  # fmt: skip
    ink, paper = colors.get(ground, ("black", "white"))
    picture = PIL.Image.new("RGBA" if ground == "transparent" else "RGB", shape, paper)
    if ground == "photo":
        picture.paste(_photo().resize(shape))
    pen = PIL.ImageDraw.Draw(picture)
    for left, upper, text in lines:
        write_line(pen, (round(left * size), round(upper * size)), text, size, shape[0], ink)
    if ground == "askew":
        return picture.rotate(3, PIL.Image.Resampling.BICUBIC, expand=True, fillcolor=paper)
    if ground == "turned":
        return picture.transpose(PIL.Image.Transpose.ROTATE_90)
    if ground == "jpeg":
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=40)
        return PIL.Image.open(file).convert("RGB")
    return picture


def _photo() -> PIL.Image.Image:
    """A photo, darkened as under the writing on a title page."""
    photo = PIL.Image.open(Path(SAMPLE) / "images" / "x_dog.jpg").convert("RGB")
    return photo.point([level // 3 for level in range(256)] * 3)
