"""Text as media: a query, a label, a caption."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sensorium.errors import MediaError, NothingGivenError
from sensorium.media.segments import Modality, Segment


class Text:
    """A text.

    Parameters
    ----------
    text : str
        The words. ``Text("cat.jpg")`` is these seven characters, never the file.

    Raises
    ------
    MediaError
        For what is no text, and a `NothingGivenError` when there is nothing in it but white space.
    """

    modality = Modality.TEXT

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise MediaError(f"Text takes a str, got {type(text).__name__}: {text!r:.80}")
        if not text.strip():
            raise NothingGivenError(f"the text is empty ({text!r:.40}): give at least one word")
        # A lone surrogate (a broken file name, a cut UTF-16 string) has no UTF-8 form, and the
        # tokenizer needs one; "?" keeps the rest of the text.
        self.notes: list[str] = []
        self.text = text.encode("utf-8", "replace").decode("utf-8")

    def metadata(self) -> dict[str, Any]:
        """Return an empty dict: a bare text says nothing of itself."""
        return {}

    def segments(self) -> Sequence[Segment]:
        """Return the text as one segment."""
        return [Segment(self)]

    def __repr__(self) -> str:
        return f"Text({self.text!r})"
