"""What all captioners have in common, and their folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sensorium.errors import MissingExtraError
from sensorium.media.progress import Progress
from sensorium.media.skipped import Skipped

try:
    from sensorium.tasks.generating import Search
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "train") from error


Candidates = list[list[tuple[str, float]]]
"""For each picture its texts with their scores, best first."""


@dataclass(frozen=True)
class Found:
    """Captions of pictures that could be read.

    Attributes
    ----------
    rows : list of int
        Which of the pictures that were given.
    candidates : list of list of (str, float), one for each row
        Texts and scores, best first.
    skipped : list of Skipped
    """

    rows: list[int]
    candidates: Candidates
    skipped: list[Skipped]

    @property
    def best(self) -> dict[int, str]:
        """The best text of each picture, by its row."""
        return {
            row: texts[0][0] if texts else ""
            for row, texts in zip(self.rows, self.candidates, strict=True)
        }


class CaptionModel(Protocol):
    """Something that captions pictures."""

    tokenizer: Any

    @property
    def module(self) -> Any:
        """What is trained: ``module(**batch)`` gives a loss."""
        ...

    def caption(
        self,
        pictures: Sequence[Any],
        names: Sequence[str],
        search: Search,
        progress: Progress | None = None,
    ) -> Found:
        """Caption pictures; one that cannot be read is skipped and named."""
        ...

    def save(self, folder: Path) -> dict[str, Any]:
        """Write files and return what ``captioner.json`` is to say of them."""
        ...
