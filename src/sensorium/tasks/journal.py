"""What has been understood of a long recording so far, so that a killed run need not hear it again.

One line of JSON for each chunk: when it begins, how many samples it has, and what is said in it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sensorium.errors import CollectionError
from sensorium.media import Segment, Text


class Journal:
    """A file of chunks that have been transcribed; it belongs to one content and one model.

    Parameters
    ----------
    path : Path
        Made with the first chunk that is written. A last line that a kill cut off is passed over.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._chunks: dict[tuple[float, int], list[Segment]] = {}
        try:
            lines = path.read_text("utf-8").splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            try:
                start, length, said = json.loads(line)
                self._chunks[start, length] = [_segment(*one) for one in said]
            except (ValueError, TypeError):
                continue

    def get(self, start: float, length: int) -> list[Segment] | None:
        """What is said in a chunk, by its beginning in seconds and its samples; None: not known."""
        return self._chunks.get((round(start, 3), length))

    def put(self, start: float, length: int, said: Sequence[Segment]) -> None:
        """Write down what is said in a chunk.

        Raises
        ------
        CollectionError
            When it cannot be written, on a full disk, say: no fault of the recording.
        """
        rows = [[_words(one), one.span, dict(one.details)] for one in said]
        line = json.dumps([round(start, 3), length, rows], ensure_ascii=False)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            raise CollectionError(f"{self.path}: cannot be written ({error})") from error

    def remove(self) -> None:
        """Forget it, when what it holds is stored."""
        self.path.unlink(missing_ok=True)
        for folder in (self.path.parent, self.path.parent.parent):
            with contextlib.suppress(OSError):  # others are in there
                folder.rmdir()


def _segment(text: str, span: list[float], details: dict[str, Any]) -> Segment:
    return Segment(Text(text), (span[0], span[1]), details)


def _words(segment: Segment) -> str:
    assert isinstance(segment.media, Text)
    return segment.media.text
