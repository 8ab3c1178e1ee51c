"""Conversations as Markdown, with pictures beside them."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from sensorium.collection import Hit
from sensorium.collection.previews import preview
from sensorium.dialogue.turns import Citation, Turn
from sensorium.errors import MediaError, MissingExtraError, UsageError
from sensorium.folders import named_file

SIDE = 512
"""Pixels of the longer side of a picture beside the text."""

PICTURES = 6
"""Items of a reply that have a picture."""

_MARKED = re.compile(r"([\\`*_{}\[\]<>#|~!])")


def export(path: str | os.PathLike[str], turns: Sequence[Turn], title: str) -> list[str]:
    """Write turns as Markdown, and pictures of what was shown into ``NAME_pictures``.

    Parameters
    ----------
    path : str or Path
        Of the Markdown file.
    turns : sequence of Turn
    title : str

    Returns
    -------
    list of str
        Paths of items that have no picture any more.

    Raises
    ------
    UsageError
        For a conversation of no turns.
    WriteError
        When a file cannot be written.
    """
    if not turns:
        raise UsageError("the conversation has no turns yet: there is nothing to export")
    target = Path(path).expanduser()
    pictures = _Pictures(target.with_name(f"{target.stem}_pictures"))
    lines = [f"# {_plain(title)}", ""]
    for turn in turns:
        given = [f" *({_plain(Path(name).name)})*" for name in turn.given if name]
        lines += [f"**{_plain(turn.said) or '…'}**{''.join(given)}", ""]
        lines += [f"{_plain(line)}  " for line in turn.reply.text.splitlines()]
        lines.append("")
        for hit in turn.reply.items[:PICTURES]:
            if name := pictures.of(hit):
                lines.append(f"![{_plain(Path(hit.path).name)}]({quote(name)})")
        lines += ["", *(f"- {_cited(one)}" for one in turn.reply.citations), ""]
    with named_file(target) as new:
        new.write_text("\n".join(lines), "utf-8", errors="backslashreplace")
    return pictures.unreadable


class _Pictures:
    """Pictures of items in a folder, each once; the folder is made for the first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._written: dict[tuple[int, object, str], str] = {}
        self.unreadable: list[str] = []

    def of(self, hit: Hit) -> str:
        """The path of a hit's picture from the Markdown file; "" where there is none."""
        key = (hit.id, hit.span, str(hit.details))
        if key not in self._written:
            self._written[key] = self._write(hit, len(self._written) + 1)
        return self._written[key]

    def _write(self, hit: Hit, number: int) -> str:
        try:
            picture = preview(hit, SIDE).convert("RGB")
        except (MediaError, MissingExtraError):
            self.unreadable.append(hit.path)
            return ""
        picture.thumbnail((SIDE, SIDE))
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{number}.jpg"
        with named_file(self._folder / name) as new:
            picture.save(new, "JPEG", quality=90)
        return f"{self._folder.name}/{name}"


def _cited(one: Citation) -> str:
    place = f", {one.place}" if one.place else ""
    quoted = f": “{_plain(' '.join(one.quote.split()))}”" if one.quote else ""
    return f"\\[{one.number}\\] {_plain(Path(one.path).name)}{place}{quoted}"


def _plain(text: str) -> str:
    """Text that is no markup: what media say is shown, and does nothing."""
    shown = "".join(c if c.isprintable() else " " for c in text)
    return (
        html.escape(_MARKED.sub(r"\\\1", shown), quote=False)
        .replace("\\&lt;", "&lt;")
        .replace("\\&gt;", "&gt;")
    )
