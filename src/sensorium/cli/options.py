"""Options that several commands have, and the collection that they name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sensorium.collection import Collection
from sensorium.home import default_collection_path

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


def opened(
    collection: Path | None, *, encoder: str | None = None, create: bool = False
) -> Collection:
    """The collection that a command is about: the one named, or the default library."""
    # A command is over before an index could be built in the background.
    return Collection(
        collection or default_collection_path(), encoder, create=create, auto_optimize=False
    )
