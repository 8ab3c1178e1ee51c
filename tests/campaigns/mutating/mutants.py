"""A mutant for each number: a seed, and what is changed in it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.campaigns.mutating.byte_mutators import BYTES, Mutator, spliced
from tests.campaigns.mutating.format_mutators import OF_FORMAT
from tests.campaigns.mutating.seeds import Seed, seeds

LARGEST = 4_900_000
"""Bytes of a mutant: the bounds of memory and time are those of files under 5 MB."""


@dataclass(frozen=True)
class Mutant:
    """A changed file, and what lies beside it.

    Attributes
    ----------
    number : int
    name : str
        Of the file; its suffix is the seed's.
    format : str
        A row of the table.
    changes : tuple of str
        What was done to it.
    content : bytes
    beside : dict
    """

    number: int
    name: str
    format: str
    changes: tuple[str, ...]
    content: bytes
    beside: dict[str, bytes] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        """Write it into a folder of its own; returns its path."""
        own = folder / f"{self.number:06}"
        own.mkdir(parents=True)
        for name, content in self.beside.items():
            (own / name).write_bytes(content)
        path = own / self.name
        path.write_bytes(self.content)
        return path


@cache
def _by_format() -> tuple[tuple[Seed, ...], ...]:
    found: dict[str, list[Seed]] = {}
    for seed in seeds():
        found.setdefault(seed.format, []).append(seed)
    return tuple(tuple(some) for some in found.values())


def mutant(seed: int, number: int) -> Mutant:
    """The mutant of a number: the same each time. Formats take turns."""
    chance = random.Random(f"{seed}:{number}")
    families = _by_format()
    family = families[number % len(families)]
    source = chance.choice(family)
    files = {source.name: source.content, **source.beside}
    changed = source.name
    if source.beside and chance.random() < 0.4:
        changed = chance.choice(sorted(source.beside))
    whole = files[changed]
    changes: list[str] = []
    while files[changed] == whole:
        for _ in range(chance.choice([1, 1, 1, 2, 3])):
            said, content = _changed(files[changed], changed, family, chance)
            if content[:LARGEST] != files[changed]:
                changes.append(f"{said} in {changed}" if changed != source.name else said)
            files[changed] = content[:LARGEST]
    content = files.pop(source.name)
    return Mutant(number, source.name, source.format, tuple(changes), content, files)


def _changed(
    content: bytes, name: str, family: tuple[Seed, ...], chance: random.Random
) -> tuple[str, bytes]:
    suffix = name.rpartition(".")[2]
    own: dict[str, Mutator] = dict(OF_FORMAT.get(suffix, {}))
    if chance.random() < {0: 0.0, 1: 0.3}.get(len(own), 0.5):
        said = chance.choice(sorted(own))
        try:
            return said, own[said](content, chance)
        except Exception:  # a change before this one has broken the form that it keeps
            pass
    others = [one.content for one in family if one.content != content]
    if others and chance.random() < 0.1:
        return "joined with another one", spliced(content, chance.choice(others), chance)
    said = chance.choice(sorted(BYTES))
    return said, BYTES[said](content or b"\0", chance)
