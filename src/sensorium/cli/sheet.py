"""Contact sheets as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import PIL.Image

from sensorium.collection import Hit, Skipped
from sensorium.errors import UsageError, WriteError
from sensorium.explain.contact_sheet import contact_sheet
from sensorium.folders import named_file


def write_sheet(
    path: Path, query: str, hits: Sequence[Hit], explanations: Sequence[Any] = ()
) -> list[Skipped]:
    """Write the contact sheet of some hits as PNG; see `contact_sheet`.

    Raises
    ------
    UsageError
        When the path is no PNG or cannot be written.
    """
    require_png(path)
    sheet, unreadable = contact_sheet(query, hits, explanations)
    save_sheet(sheet, path)
    return unreadable


def require_png(path: Path) -> None:
    """Refuse any other name before anything is drawn.

    Raises
    ------
    UsageError
    """
    if path.suffix.lower() != ".png":
        raise UsageError(f"--sheet writes PNG: {path} does not end in .png")


def save_sheet(sheet: PIL.Image.Image, path: Path) -> None:
    """Write a contact sheet, and the folder it goes to.

    Raises
    ------
    UsageError
        When it is a folder, or cannot be written.
    """
    try:
        with named_file(path) as part:
            sheet.save(part, "PNG")
    except WriteError as error:
        raise UsageError(str(error)) from error
