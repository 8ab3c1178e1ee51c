"""What is done to a picture without making it another one."""

import io
from collections.abc import Callable
from pathlib import Path

import PIL.Image
import PIL.ImageDraw
import PIL.ImageEnhance
import PIL.ImageFont
import PIL.ImageOps

Picture = PIL.Image.Image


def captioned(photo: Picture, words: str, inside: bool) -> Picture:
    """With words on it, or on a bar below."""
    bar = max(24, photo.height // 8)
    page = PIL.Image.new("RGB", (photo.width, photo.height + (0 if inside else bar)), "white")
    page.paste(photo)
    draw = PIL.ImageDraw.Draw(page)
    font = PIL.ImageFont.load_default(min(bar * 0.6, photo.width / 14))
    y = page.height - bar * 0.85
    draw.text(
        (10, y),
        words,
        "white" if inside else 0,
        font,
        stroke_width=2 if inside else 0,
        stroke_fill="black",
    )
    return page


def jpeg(picture: Picture, quality: int) -> Picture:
    """Saved with loss."""
    file = io.BytesIO()
    picture.convert("RGB").save(file, "JPEG", quality=quality)
    return PIL.Image.open(file).convert("RGB")


def scaled(
    picture: Picture, scale: float, method: PIL.Image.Resampling = PIL.Image.Resampling.LANCZOS
) -> Picture:
    width, height = (max(16, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), method)


def cropped(picture: Picture, left: float, upper: float, right: float, lower: float) -> Picture:
    """Without shares of it at each edge."""
    width, height = picture.size
    return picture.crop(
        (
            round(width * left),
            round(height * upper),
            round(width * (1 - right)),
            round(height * (1 - lower)),
        )
    )


TURN = PIL.Image.Transpose

ALTERED: dict[str, Callable[[Picture], Picture]] = {
    "JPEG, quality 75": lambda p: jpeg(p, 75),
    "JPEG, quality 40": lambda p: jpeg(p, 40),
    "JPEG of a JPEG": lambda p: jpeg(jpeg(p, 85), 70),
    "half the size, JPEG": lambda p: jpeg(scaled(p, 0.5), 80),
    "0.7 of the size, bilinear": lambda p: scaled(p, 0.7, PIL.Image.Resampling.BILINEAR),
    "1.5 times the size": lambda p: scaled(p, 1.5),
    "thumbnail, 160 px": lambda p: scaled(p, 160 / max(p.size)),
    "2% cropped on each side": lambda p: cropped(p, 0.02, 0.02, 0.02, 0.02),
    "5% cropped on each side": lambda p: cropped(p, 0.05, 0.05, 0.05, 0.05),
    "20% cropped on the right": lambda p: cropped(p, 0, 0, 0.2, 0),
    "cropped by 15% and scaled, JPEG": lambda p: jpeg(
        scaled(cropped(p, 0.1, 0.05, 0.05, 0.1), 0.8), 85
    ),
    "caption bar": lambda p: captioned(p, "seen in the garden", False),
    "mirrored": PIL.ImageOps.mirror,
    "mirrored, JPEG": lambda p: jpeg(PIL.ImageOps.mirror(p), 80),
    "turned by 90 degrees": lambda p: p.transpose(TURN.ROTATE_90),
    "turned by 180 degrees": lambda p: p.transpose(TURN.ROTATE_180),
    "turned by 270 degrees, half": lambda p: scaled(p.transpose(TURN.ROTATE_270), 0.5),
    "20% lighter": lambda p: PIL.ImageEnhance.Brightness(p).enhance(1.2),
}  # fmt: skip


def on_white(path: str | Path) -> Picture:
    """A file's picture, over white where it is transparent."""
    with PIL.Image.open(path) as file:
        rgba = file.convert("RGBA")
    white = PIL.Image.new("RGBA", rgba.size, "white")
    return PIL.Image.alpha_composite(white, rgba).convert("RGB")
