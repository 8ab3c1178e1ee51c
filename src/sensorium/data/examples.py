"""Examples of any kind, as training, evaluation and hashing take them: not read yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from sensorium.errors import UsageError
from sensorium.media import Modality
from sensorium.media.skipped import Skipped


@dataclass(frozen=True)
class Examples:
    """What is to be learnt from or measured with, and what is known of each.

    Of what is known, a list is empty where nothing is known of any; else it has one entry for
    each example.

    Attributes
    ----------
    names : list of str
        What a report calls each one.
    sources : list
        A path, a `Picture`, a media object, or what `sensorium.media.as_media` takes.
    labels : list of str
        The class of each.
    texts : list of list of str
        What is right for each: captions of a picture, translations of a text.
    groups : list of str
        Examples of one group are held out together, and none is the neighbour of another; an
        empty name is a group of its own.
    words : dict of str to list of str
        Every class and the words that stand for it, the first of which is usual.
    modality : Modality
        Of them all.
    skipped : list of Skipped
        What could not be used, and why.
    """

    names: list[str] = field(default_factory=list)
    sources: list[Any] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    texts: list[list[str]] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    words: dict[str, list[str]] = field(default_factory=dict)
    modality: Modality = Modality.IMAGE
    skipped: list[Skipped] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.names)

    def take(self, rows: Iterable[int], skipped: Sequence[Skipped] = ()) -> Self:
        """Some of the examples; the classes stay that still have one.

        Parameters
        ----------
        rows : iterable of int
        skipped : sequence of Skipped
            Why the others are left out, where that is to be said.
        """
        rows = list(rows)

        def chosen(values: list[Any]) -> list[Any]:
            return [values[row] for row in rows] if values else []

        present = set(labels := chosen(self.labels))
        return replace(
            self,
            names=chosen(self.names),
            sources=chosen(self.sources),
            labels=labels,
            texts=chosen(self.texts),
            groups=chosen(self.groups),
            words={label: words for label, words in self.words.items() if label in present},
            skipped=[*self.skipped, *skipped],
        )

    def add(self, name: str, source: Any, texts: list[str]) -> None:
        """Put one more at the end."""
        self.names.append(name)
        self.sources.append(source)
        self.texts.append(texts)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Names with every one of their texts, in order."""
        return [
            (name, text)
            for name, texts in zip(self.names, self.texts, strict=True)
            for text in texts
        ]

    def gathered(self) -> Examples:
        """Examples with texts, each name once, with all of its texts; in the order they come."""
        texts: dict[str, list[str]] = {}
        for name, text in self.pairs:
            texts.setdefault(name, []).append(text)
        sources = dict(zip(self.names, self.sources, strict=True))
        return Examples(
            [*texts], [sources[name] for name in texts], texts=[*texts.values()],
            modality=self.modality, skipped=self.skipped,
        )  # fmt: skip

    def grouped(self, groups: Mapping[str, str] | None = None) -> Self:
        """Examples with texts in groups by name; without any, those of one first text are one.

        Raises
        ------
        UsageError
            When two have one name, or one has no group.
        """
        seen: set[str] = set()
        for name in self.names:
            if name in seen:
                raise UsageError(f"two examples are called {name}: give them two names")
            if groups is not None and name not in groups:
                raise UsageError(f"{name} has no group")
            seen.add(name)
        own = [
            texts[0].casefold() if groups is None else groups[name]
            for name, texts in zip(self.names, self.texts, strict=True)
        ]
        return replace(self, groups=own)
