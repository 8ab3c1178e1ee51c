"""What every model that captions pictures offers to its training and to its use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sensorium.data.sources import Picture
from sensorium.folders import Format
from sensorium.media.progress import Progress
from sensorium.media.skipped import Skipped

if TYPE_CHECKING:
    from sensorium.training.generation.decoding import Search


CAPTIONER = Format(
    "captioner.json", "captioner", "give the folder that `sensorium train caption` wrote",
    kind="captioner",
)  # fmt: skip

Candidates = list[list[tuple[str, float]]]
"""For each picture its texts with their scores, best first."""


@dataclass(frozen=True)
class Found:
    """Captions of pictures that could be read.

    Attributes
    ----------
    names : list of str
    candidates : list of list of (str, float), one for each name
        Texts and scores, best first.
    skipped : list of Skipped
    """

    names: list[str]
    candidates: Candidates
    skipped: list[Skipped]


class CaptionModel(Protocol):
    """Something that captions pictures."""

    tokenizer: Any

    @property
    def module(self) -> Any:
        """What is trained: ``module(**batch)`` gives a loss."""
        ...

    def caption(
        self, pictures: Mapping[str, Picture], search: Search, progress: Progress | None = None
    ) -> Found:
        """Caption picture files; one that cannot be read is skipped and named."""
        ...

    def save(self, folder: Path) -> dict[str, Any]:
        """Write files and return what ``captioner.json`` is to say of them."""
        ...
