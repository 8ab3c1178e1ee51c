"""Captioned pictures as captioners are trained on them: gathered by picture, kept in groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sensorium.evaluation.data import Pairs


@dataclass(frozen=True)
class Captioned:
    """Pictures with their captions.

    Attributes
    ----------
    pictures : dict of str to Path
    captions : dict of str to list of str
        Of each picture, one or more.
    groups : dict of str to str
        Pictures of one group are kept together when some are held out, and none counts as the
        neighbour of another.
    """

    pictures: dict[str, Path]
    captions: dict[str, list[str]]
    groups: dict[str, str]

    @classmethod
    def of(cls, pairs: Pairs, groups: Mapping[str, str] | None = None) -> Captioned:
        """Gather the captions of each picture; without `groups`, equal captions make one."""
        captions: dict[str, list[str]] = {}
        for name, caption in pairs.captions:
            captions.setdefault(name, []).append(caption)
        own = {name: texts[0].casefold() for name, texts in captions.items()}
        return cls(
            {name: pairs.pictures[name] for name in captions},
            captions,
            {name: groups[name] if groups is not None else own[name] for name in captions},
        )

    def take(self, names: Sequence[str]) -> Captioned:
        """Some of the pictures."""
        return Captioned(
            {name: self.pictures[name] for name in names},
            {name: self.captions[name] for name in names},
            {name: self.groups[name] for name in names},
        )

    def __len__(self) -> int:
        return len(self.pictures)
