"""Source pictures (SVG, PNG, WebP) to small RGB pictures on white."""

import gzip
import io
from pathlib import Path

from PIL import Image

try:
    import resvg_py
except ImportError as error:
    raise ImportError(
        "data sets are rendered with resvg-py; run: pip install -e '.[bench]'"
    ) from error

#: CSS's own resolution: without it a drawing sized in points or centimetres has no size.
DOTS_PER_INCH = 96


def render_svg(data: bytes, width: int) -> Image.Image:
    """Render an SVG or gzipped SVG as an RGBA picture `width` pixels wide."""
    if data.startswith(b"\x1f\x8b"):
        data = gzip.decompress(data)
    markup = data.decode("utf-8", "replace")
    png = resvg_py.svg_to_bytes(svg_string=markup, width=width, dpi=DOTS_PER_INCH)
    return Image.open(io.BytesIO(bytes(png))).convert("RGBA")


def open_picture(path: Path, svg_width: int = 256) -> Image.Image:
    """Open a picture as RGBA: SVG at `svg_width` pixels, everything else at its own size."""
    if path.suffix in {".svg", ".svgz"}:
        return render_svg(path.read_bytes(), svg_width)
    with Image.open(path) as picture:
        return picture.convert("RGBA")


def on_white(picture: Image.Image, longest: int) -> Image.Image | None:
    """Crop an RGBA picture to what is visible, shrink it to fit, and lay it on white.

    Parameters
    ----------
    picture
        An RGBA picture.
    longest
        The longest side allowed, in pixels; a smaller picture is not enlarged.

    Returns
    -------
    An RGB picture; None when nothing is visible.
    """
    visible = picture.getchannel("A").getbbox()
    if visible is None:
        return None
    picture = picture.crop(visible)
    factor = longest / max(picture.size)
    if factor < 1:
        width, height = (max(1, round(side * factor)) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    flat = Image.new("RGB", picture.size, "white")
    flat.paste(picture, (0, 0), picture)
    return flat


def save(picture: Image.Image, path: Path) -> None:
    """Write a picture whole or not at all, so that an interrupted fetch leaves no half file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name("part-" + path.name)
    picture.save(part, quality=90)
    part.replace(path)
