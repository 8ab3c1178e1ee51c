"""Captioned pictures as captioners are trained on them: gathered by picture, kept in groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sensorium.data.captioned import CaptionedPictures
from sensorium.data.sources import Picture
from sensorium.errors import UsageError


@dataclass(frozen=True)
class Captioned:
    """Pictures with their captions.

    Attributes
    ----------
    pictures : dict of str to Picture
    captions : dict of str to list of str
        Of each picture, one or more.
    groups : dict of str to str
        Pictures of one group are kept together when some are held out, and none counts as the
        neighbour of another.
    """

    pictures: dict[str, Picture]
    captions: dict[str, list[str]]
    groups: dict[str, str]

    @classmethod
    def of(cls, data: CaptionedPictures, groups: Mapping[str, str] | None = None) -> Captioned:
        """Name pictures by themselves.

        Parameters
        ----------
        data : CaptionedPictures
        groups : mapping of str to str, optional
            Group of each picture by its name; without it, the same first caption makes one.

        Raises
        ------
        UsageError
            When two pictures have one name, or a picture has no group.
        """
        found = cls({}, {}, {})
        for picture, captions in zip(data.pictures, data.captions, strict=True):
            if picture.name in found.pictures:
                raise UsageError(f"two pictures are called {picture.name}: give them two names")
            if groups is not None and picture.name not in groups:
                raise UsageError(f"the picture {picture.name} has no group")
            found.pictures[picture.name] = picture
            found.captions[picture.name] = captions
            own = captions[0].casefold() if groups is None else groups[picture.name]
            found.groups[picture.name] = own
        return found

    def take(self, names: Sequence[str]) -> Captioned:
        """Some of the pictures."""
        return Captioned(
            {name: self.pictures[name] for name in names},
            {name: self.captions[name] for name in names},
            {name: self.groups[name] for name in names},
        )

    def __len__(self) -> int:
        return len(self.pictures)
