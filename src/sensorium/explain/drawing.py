"""Explanations as pictures: heat over a picture, a wave or a text, with the question above."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageDraw

from sensorium.data.files import stored_path
from sensorium.errors import MediaError, UsageError, WriteError
from sensorium.explain.explanation import Explained, Explanation, Place
from sensorium.folders import named_file
from sensorium.media import Audio, Image, Media, Text, open_media
from sensorium.media.lettering import text_width, write_line
from sensorium.media.segments import Segment

SIDE = 480
"""Pixels of a picture's longer side."""

GAP, LINE, SIZE, TITLE = 12, 24, 16, 22

COLD, HOT = (47, 111, 196), (230, 74, 25)
"""Against and for the question: blue and orange, which nearly all people tell apart."""

STRONGEST = 0.62
"""Share of colour over the part that weighs most: what is below stays visible."""

DRAWN_RATE = 8000

Pixels = npt.NDArray[np.float64]


def draw(explanation: Explanation, path: str | os.PathLike[str]) -> None:
    """Write an explanation as PNG; see `Explanation.draw`."""
    target = Path(path)
    if target.suffix.lower() != ".png":
        raise UsageError(f"explanations are drawn as PNG: {target} does not end in .png")
    picture = drawn(explanation)
    try:
        with named_file(target) as part:
            picture.save(part, "PNG")
    except WriteError as error:
        raise UsageError(str(error)) from error


def drawn(explanation: Explanation) -> PIL.Image.Image:
    """The heat map under the question, whose words are as warm as they weigh."""
    hit = explanation.hit
    if hit.shape is not None:
        body = heated(_picture_of(explanation), hit)
    elif hit.modality == "audio":
        body = _wave(_sound_of(explanation), explanation)
    else:
        body = _text(hit, SIDE)
    width = max(body.width, SIDE) + 2 * GAP
    head = GAP + TITLE + 2 * LINE
    sheet = PIL.Image.new("RGB", (width, head + body.height + GAP), "white")
    canvas = PIL.ImageDraw.Draw(sheet)
    _title(canvas, explanation, width - 2 * GAP)
    value = f"{explanation.value} {explanation.score:.2f}"
    if explanation.probability is not None:
        value = f"{explanation.probability:.0%}"
    told = f"{value}   because of: {explanation.told()}"
    write_line(canvas, (GAP, GAP + TITLE + 8), told, SIZE - 2, width - 2 * GAP, "dimgrey")
    sheet.paste(body, ((width - body.width) // 2, head))
    return sheet


def heated(picture: PIL.Image.Image, hit: Explained) -> PIL.Image.Image:
    """A picture under the heat of its regions: orange for the question, blue against it."""
    picture = picture.convert("RGB")
    picture.thumbnail((SIDE, SIDE), PIL.Image.Resampling.LANCZOS)
    assert hit.shape is not None
    weights = hit.weights / max(float(np.abs(hit.weights).max()), 1e-12)
    grid = PIL.Image.fromarray(weights.reshape(hit.shape).astype(np.float32))
    boxes = [part.box for part in hit.parts if part.box is not None]
    left, upper = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, lower = max(box[2] for box in boxes), max(box[3] for box in boxes)
    x0, y0 = round(left * picture.width), round(upper * picture.height)
    x1, y1 = round(right * picture.width), round(lower * picture.height)
    smooth = grid.resize((max(1, x1 - x0), max(1, y1 - y0)), PIL.Image.Resampling.BICUBIC)
    heat = np.zeros((picture.height, picture.width))
    heat[y0:y1, x0:x1] = np.asarray(smooth)[: picture.height - y0, : picture.width - x0]
    return PIL.Image.fromarray(_coloured(np.asarray(picture, np.float64), heat))


def _coloured(pixels: Pixels, heat: Pixels) -> npt.NDArray[np.uint8]:
    share = STRONGEST * np.clip(np.abs(heat), 0, 1)[..., None]
    colour = np.where(heat[..., None] > 0, HOT, COLD)
    # What weighs nothing goes pale, so that the colour of the picture itself is no heat.
    grey = pixels.mean(axis=2, keepdims=True) * 0.5 + pixels * 0.25 + 63
    mixed: Pixels = (1 - share) * grey + share * colour
    return mixed.clip(0, 255).astype(np.uint8)


def warmth(share: float) -> tuple[int, int, int]:
    """The colour of a word or stretch, on white, by its share of the greatest weight (-1 to 1)."""
    strength = min(1.0, abs(share))
    end = HOT if share > 0 else COLD
    return tuple(round(255 + (one - 255) * strength) for one in end)  # type: ignore[return-value]


def _title(canvas: PIL.ImageDraw.ImageDraw, explanation: Explanation, width: int) -> None:
    question = explanation.question
    if question is None or question.text is None:
        asks_with_a_file = question is None and explanation.probability is None
        is_file = asks_with_a_file and not explanation.parts
        name = Path(explanation.query).name if is_file else explanation.query
        write_line(canvas, (GAP, GAP), name, TITLE, width, "black")
        return
    if text_width(question.text, TITLE) <= width:
        _mark(canvas, (GAP, GAP), question, TITLE)
    write_line(canvas, (GAP, GAP), question.text, TITLE, width, "black")


def _mark(
    canvas: PIL.ImageDraw.ImageDraw, where: tuple[int, int], explained: Explained, size: int
) -> None:
    """Put the colours of words behind a line of text."""
    strongest = max(float(np.abs(explained.weights).max()), 1e-12)
    text = explained.text or ""
    for part in explained.parts:
        if part.span is None:
            continue
        first = explained.parts[0].span
        assert first is not None
        start, stop = (round(place) for place in part.span)
        left = where[0] + text_width(text[:start], size)
        right = where[0] + text_width(text[:stop], size)
        box = (left - 1, where[1] - 2, right + 1, where[1] + size + 5)
        canvas.rectangle(box, fill=warmth(0.7 * part.weight / strongest))


def _text(hit: Explained, width: int) -> PIL.Image.Image:
    """The passages of a text, each as warm as it weighs, in lines."""
    strongest = max(float(np.abs(hit.weights).max()), 1e-12)
    lines: list[list[tuple[str, float]]] = [[]]
    used = 0.0
    for part in hit.parts:
        for word in (part.text or "").split() or [part.text or ""]:
            size = text_width(f"{word} ", SIZE)
            if used + size > width and lines[-1]:
                lines.append([])
                used = 0.0
            lines[-1].append((word, part.weight / strongest))
            used += size
    page = PIL.Image.new("RGB", (width, len(lines) * LINE + GAP), "white")
    canvas = PIL.ImageDraw.Draw(page)
    for number, line in enumerate(lines):
        left, top = 0.0, number * LINE + 4
        for word, share in line:
            size = text_width(f"{word} ", SIZE)
            canvas.rectangle((left, top - 2, left + size, top + LINE - 5), fill=warmth(0.7 * share))
            write_line(canvas, (round(left) + 2, top), word, SIZE, width, "black")
            left += size
    return page


def _wave(sound: Audio, explanation: Explanation, height: int = 160) -> PIL.Image.Image:
    """A sound's wave, its stretches as warm as they weigh, and seconds below."""
    hit = explanation.hit
    samples = sound.load(DRAWN_RATE)
    page = PIL.Image.new("RGB", (SIDE, height + LINE), "white")
    canvas = PIL.ImageDraw.Draw(page)
    spans = [part.span for part in hit.parts if part.span is not None]
    start, stop = spans[0][0], spans[-1][1]
    length = max(stop - start, 1e-9)
    strongest = max(float(np.abs(hit.weights).max()), 1e-12)
    for part in hit.parts:
        assert part.span is not None
        left, right = ((place - start) / length * SIDE for place in part.span)
        canvas.rectangle((left, 0, right, height), fill=warmth(0.7 * part.weight / strongest))
    heard = samples[: round(length * DRAWN_RATE)]
    columns = np.array_split(np.abs(heard), SIDE) if len(heard) >= SIDE else [np.abs(heard)]
    loudest = max(float(np.abs(heard).max(initial=0)), 1e-12)
    for x, column in enumerate(columns):
        reach = float(column.max(initial=0)) / loudest * (height / 2 - 4)
        canvas.line((x, height / 2 - reach, x, height / 2 + reach), fill="black")
    for share in (0.0, 0.5, 1.0):
        label = f"{start + share * length:.1f} s"
        left = min(max(0, share * SIDE - text_width(label, 13) / 2), SIDE - text_width(label, 13))
        write_line(canvas, (round(left), height + 6), label, 13, SIDE, "dimgrey")
    return page


def _picture_of(explanation: Explanation) -> PIL.Image.Image:
    media = _segment_media(explanation)
    if not isinstance(media, Image):
        raise MediaError("it no longer shows what was explained", explanation.path)
    return media.load(min_side=SIDE)


def _sound_of(explanation: Explanation) -> Audio:
    media = _segment_media(explanation)
    if not isinstance(media, Audio):
        raise MediaError("there is no longer the sound that was explained", explanation.path)
    return media


def _segment_media(explanation: Explanation) -> Media:
    """What was explained, read again."""
    place: Place = explanation.place
    media = open_media(stored_path(explanation.path))
    last: Segment | None = None
    for segment in media.segments():
        last = last or segment
        if segment.span == place.span and dict(segment.details) == place.details:
            return segment.media
    return last.media if last is not None else Text(explanation.query)
