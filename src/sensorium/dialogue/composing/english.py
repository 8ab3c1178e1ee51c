"""The English of replies."""

from __future__ import annotations

from sensorium.collection.telling import clock
from sensorium.dialogue.composing.wording import Words

YEAR = 365.25
"""Days."""

KINDS = {
    "image": ("picture", "pictures"), "video": ("film", "films"),
    "audio": ("recording", "recordings"), "text": ("document", "documents"),
    "mesh": ("3-D object", "3-D objects"), "": ("item", "items"),
}  # fmt: skip


def kind(modality: str, count: int) -> str:
    """A kind of media, one or several."""
    return KINDS[modality][count != 1]


def sought(subject: str, excluded: tuple[str, ...], after: str, before: str) -> str:
    """What was looked for, in words."""
    told = f"\u201c{subject}\u201d" if subject else ""
    if excluded:
        told += f" without {' and '.join(excluded)}"
    if after and before:
        told += f" from {after} up to, not including, {before}"
    elif after or before:
        told += f" from {after} on" if after else f" before {before}"
    return told.strip()


def apart(days: int) -> str:
    """How far two dates lie apart, in years as well where it is more than one."""
    told = f"{days:,} day{'' if days == 1 else 's'}"
    years = round(days / YEAR)
    if years:
        told = f"{years} year{'' if years == 1 else 's'} ({told})"
    return f"They are {told} apart."


WORDS = Words(
    kind=kind,
    sought=sought,
    sentences={
        "found": "{count} {kind} {of}{sought}:|{count} {kind}:",
        "found more": "{count} {kind} {of}{sought}, the first {shown}:"
        "|{count} {kind}, the first {shown}:",
        "likely": "Perhaps {sought}:|Perhaps:",
        "nothing": "Nothing here matches {sought}.|Nothing here matches.",
        "nearest": "The nearest are:",
        "counted": "{count} {kind} {of}{sought}:|{count} {kind}:",
        "none counted": "None: nothing here matches {sought}.|None.",
        "no more": "There are no more of {sought}.|There are no more.",
        "picked": "This is {name} {mark}.",
        "described": "{name} {mark}: {said}",
        "described by names": "{name} {mark} most likely shows {said}.",
        "described not": "{name} {mark}: nothing is said of what it shows.",
        "yes": "Yes, {name} {mark} most likely shows {label} ({probability}).",
        "no": "No, {name} {mark} most likely does not show {label} ({probability}).",
        "cannot tell": "I cannot tell whether {name} {mark} shows {label} ({probability}).",
        "unseen": "I cannot see whether {name} shows {label}: no picture of it is stored.",
        "written": "On {name} is written:",
        "unwritten": "No writing was found on {name}.",
        "said": "In {name} is said:",
        "unheard": "No speech about that was understood in {name}.",
        "unsaid": "Nothing that is said here is about {sought}.",
        "told": "About {sought} is said:|That is said:",
        "moment": "In {name}, at {places} {marks}.",
        "no moment": "{sought} was not found in {name}.",
        "which in": "{name} is in {other}, at {places} {marks}.",
        "not among": "None of them was found in {name}.",
        "fact date": "{name} {mark} is from {date}.",
        "fact place": "{name} {mark} is from {place}.",
        "fact size": "{name} {mark} has {size}.",
        "fact length": "{name} {mark} lasts {length}.",
        "fact": "{name} {mark}: {facts}.",
        "unknown fact": "Nothing says that of {name}.",
        "undated": "Nothing here says when it is from, so I cannot tell what is older or newer.",
        "explained": "{name} {mark} is near to \u201c{query}\u201d because of {because}.",
        "near": "{name} {mark} is the nearest of all to what you gave.",
        "ranked": "{name} {mark}:",
        "alike": "Most alike are {pair} (cosine {cosine}).",
        "answered": "{answer} {mark}",
        "unanswered": "The texts and transcripts here do not say it.",
        "labelled": "Remembered for \u201c{query}\u201d: {names}.",
        "holds": "This collection holds {held}.",
        "which": "Which one do you mean?",
        "too few": "Only {shown} were shown: which one do you mean?",
        "nothing shown": "Nothing was shown yet: what do you mean?",
        "none given": "You gave nothing of that kind in this conversation: what do you mean?",
        "given gone": "What you gave is no longer at {path}: give it again.",
        "what": "What shall I look for?",
        "help": (
            "Ask for what is in your files: \u201cphotos of castles\u201d, \u201chow many\u201d, "
            "\u201cthe second one\u201d, \u201cwhat is written on it\u201d, \u201cwhat is said "
            "about the harvest\u201d, \u201cwhen does the giraffe appear in the film\u201d."
        ),
        "thanks": "You are welcome.",
    },
    place=lambda page, start, end: (
        f"page {page}" if page is not None else f"{clock(start)}-{clock(end)}"
    ),
    apart=apart,
    joined=lambda parts: " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]])),
)
