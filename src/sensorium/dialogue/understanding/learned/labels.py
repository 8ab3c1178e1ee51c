"""What is learned about a request: one class of each head, and a tag for each unit."""

from __future__ import annotations

from typing import get_args

from sensorium.dialogue.plan import Intent

KINDS = ("", "image", "video", "audio", "text", "mesh")

NO_YES = ("", "yes")

HEADS: dict[str, tuple[str, ...]] = {
    "intent": get_args(Intent),
    "reference": (
        "", "it", "those", "two", "ordinal", "last", "middle", "first", "last few", "except",
        "kind", "others", "other", "before", "next", "turn", "citation", "given",
    ),
    "reference kind": KINDS,
    "kind": KINDS,
    "order": ("", "newest", "oldest", "largest", "smallest", "longest", "shortest"),
    "than": (
        "", "older", "newer", "day before", "day after", "same day", "same month", "same year",
    ),
    "fact": (
        "", "date", "place", "size", "length", "author", "camera", "license", "name", "page",
        "similar", "which", "apart",
    ),
    "when": ("", "at", "after", "before", "start", "end"),
    "page": ("", "number", "last"),
    "widened": ("", "date", "kind", "excluded"),
    "goes on": ("", "goes on", "adds"),
    "number": NO_YES,
    "dated": NO_YES,
    "second": NO_YES,
    "given": NO_YES,
    "definite": NO_YES,
    "but one": NO_YES,
    "wrong": NO_YES,
}  # fmt: skip
"""Classes of each head; the first is what most requests are where nothing is said of it."""

SPANS = ("subject", "excluded", "item")

TAGS = ("", *(f"{place}-{span}" for span in SPANS for place in "BI"))
"""Tags of units (Ramshaw and Marcus 1995): beginnings and insides of spans."""
