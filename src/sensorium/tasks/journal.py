"""What has been understood of a long recording so far, so that a killed run need not hear it again.

One line of JSON for each chunk: when it begins, how many samples it has, what is said in it, and
the CRC-32 of these three. Lines of earlier versions have none.
"""

from __future__ import annotations

import contextlib
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sensorium.errors import CollectionError
from sensorium.folders import read_bytes
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
            lines = read_bytes(path).splitlines()
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            raise CollectionError(f"{path}: cannot be read ({error}); remove it") from error
        for line in lines:
            try:
                start, length, said, *checksum = json.loads(line)
                if checksum and checksum != [_checksum(start, length, said)]:
                    continue  # damaged: it is heard again
                self._chunks[float(start), int(length)] = [_segment(*one) for one in said]
            except (ValueError, TypeError, IndexError, RecursionError):
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
        start = round(start, 3)
        line = json.dumps([start, length, rows, _checksum(start, length, rows)], ensure_ascii=False)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.is_symlink():  # it came with a collection from elsewhere
                self.path.unlink()
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


def _checksum(start: float, length: int, said: list[Any]) -> int:
    return zlib.crc32(json.dumps([start, length, said]).encode("ascii"))


def _segment(text: str, span: list[float], details: dict[str, Any]) -> Segment:
    return Segment(Text(str(text)), (float(span[0]), float(span[1])), dict(details))


def _words(segment: Segment) -> str:
    assert isinstance(segment.media, Text)
    return segment.media.text
