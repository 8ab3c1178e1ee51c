"""Options that several commands have, and the collection that they name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from sensorium.collection import Collection, Part, Question
from sensorium.data.questions import weighted
from sensorium.home import default_collection_path
from sensorium.media import Text

CollectionOption = Annotated[
    Path | None,
    typer.Option(
        "--collection",
        "-c",
        metavar="FILE",
        help="Collection to use; without it $SENSORIUM_COLLECTION or your default library.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]
WhereOption = Annotated[
    str | None,
    typer.Option(
        help="SQL condition on metadata, e.g. \"taken >= '2024-01-01' AND camera LIKE 'Canon%'\"."
    ),
]
LikeOption = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE", help="An example of what is sought.", show_default=False),
]
UnlikeOption = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE", help="An example of what is not.", show_default=False),
]
WithoutOption = Annotated[
    list[str] | None,
    typer.Option(metavar="WORDS", help="What is not wanted.", show_default=False),
]


def opened(
    collection: Path | None, *, encoder: str | None = None, create: bool = False
) -> Collection:
    """The collection that a command is about: the one named, or the default library."""
    # A command is over before an index could be built in the background.
    return Collection(
        collection or default_collection_path(), encoder, create=create, auto_optimize=False
    )


def asked(
    sought: Sequence[str],
    like: Sequence[str],
    unlike: Sequence[str],
    without: Sequence[str],
    *,
    literally: bool,
) -> Question:
    """The question that words of a command line ask.

    Parameters
    ----------
    sought, like, unlike, without : sequence of str
    literally : bool
        Whether what is sought are words, as they stand.

    Raises
    ------
    UsageError
        When nothing is sought, or a weight is none.
    """
    alone = len(sought) + len(like) + len(unlike) + len(without) == 1
    parts = []
    for given in sought:
        # A single part counts for all there is: "16:9" and "10:30" are words then.
        part = Part(given) if alone or literally else _weighted(given)
        parts.append(Part(Text(part.what), part.weight) if literally else part)
    return Question(
        *parts,
        like=[_weighted(given) for given in like],
        unlike=[_weighted(given) for given in unlike],
        without=[Part(given) if literally else _weighted(given) for given in without],
    )


def _weighted(given: str) -> Part:
    """A part with the weight before its colon, where it has one and no file is called so."""
    weight, what = weighted(given, os.path.exists)
    return Part(what, weight)
