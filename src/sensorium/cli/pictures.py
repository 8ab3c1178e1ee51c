"""What commands that find things in pictures share: what is told of each, and drawn on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from sensorium.cli import output
from sensorium.cli.streaming import Stream
from sensorium.errors import MediaError
from sensorium.media.skipped import Skipped

if TYPE_CHECKING:
    import PIL.Image

    from sensorium.media import Image


class Seen(Protocol):
    """What was found in a picture."""

    @property
    def path(self) -> str: ...

    @property
    def error(self) -> str: ...


T = TypeVar("T", bound=Seen)


def targets_of(draw: Path | None, pictures: Sequence[Path]) -> Iterator[Path | None]:
    """Where each picture is drawn; nowhere without `draw`.

    Raises
    ------
    UsageError
        When it cannot be: see `sensorium.tasks.drawing.drawing_paths`.
    """
    if draw is None:
        return repeat(None)
    from sensorium.tasks.drawing import drawing_paths

    return iter(drawing_paths(draw, [str(path) for path in pictures]))


def tell_each(
    stream: Stream,
    found: Iterable[T],
    targets: Iterator[Path | None],
    table: output.GrowingTable,
    rows: Callable[[T], list[tuple[str, ...]]],
) -> Iterator[tuple[T, Path | None]]:
    """Tell what was found in each picture, and what could not be read.

    Parameters
    ----------
    stream : Stream
    found : iterable
        In the order of `targets`.
    targets : iterator of Path or None
    table : GrowingTable
    rows : callable
        What the table has of one.

    Yields
    ------
    one : T
        What was told and is no error.
    target : Path or None
        Where it is to be drawn.
    """
    for one in stream.each(found):
        target = next(targets)
        if one.error:
            stream.skip(Skipped(one.path, one.error))
            continue
        stream.tell(one, partial(table.add, one.path, rows(one)))
        yield one, target


def save_drawn(path: str, drawn: Callable[[Image], PIL.Image.Image], target: Path) -> None:
    """Draw on a picture; where it is gone by then, that is said."""
    from sensorium.media import Image
    from sensorium.tasks.drawing import save_drawing

    try:
        save_drawing(drawn(Image(path)), target)
    except MediaError as error:  # it was there a moment ago
        output.notices.print(f"{path}: {error.reason}", soft_wrap=True)
