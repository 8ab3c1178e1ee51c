"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
