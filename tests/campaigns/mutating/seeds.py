"""Valid small files of every format that is read, made on the spot and the same each time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache


@dataclass(frozen=True)
class Seed:
    """A valid file, and what lies beside it.

    Attributes
    ----------
    name : str
        What tells it from others of its format; ends as its file does.
    format : str
        What is attacked: a row of the table.
    content : bytes
    beside : dict
        Files that it names, by their names.
    """

    name: str
    format: str
    content: bytes
    beside: dict[str, bytes] = field(default_factory=dict)

    @property
    def suffix(self) -> str:
        return self.name.rpartition(".")[2]


@cache
def seeds() -> tuple[Seed, ...]:
    """All of them, in an order that does not change."""
    # Libraries are loaded when seeds are made: who lists the parts of a campaign needs none.
    from tests.campaigns.mutating import (
        document_seeds,
        film_seeds,
        object_seeds,
        picture_seeds,
        sound_seeds,
    )

    def found() -> Iterator[Seed]:
        for module in (picture_seeds, sound_seeds, film_seeds, document_seeds, object_seeds):
            yield from module.seeds()

    return tuple(found())
