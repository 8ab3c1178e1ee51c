"""Changes to what is written as text: objects, pages, XML, values in JSON."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Mapping
from typing import Any

from tests.campaigns.mutating.byte_mutators import Mutator, boundary

MANY = 10_000
LONGEST = 3_000_000
"""Bytes up to which a text is made longer."""

_BRACKETS = re.compile(rb"[][(){}<>\"'`*_|]")
_NUMBERS = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_MARKS = (
    b"<div>", b"<b>", b"</", b"<!--", b"<table><tr><td>", b"<svg>", b"<select>", b"&", b"&#x41;",
    b"[", b"](", b"![", b"(", b"{", b"`", b"*a", b"_", b"> ", b"- ", b"#", b"|", b"~~", b"[^1]",
    b"\\", b"\"", b"'", b"=", b"\0", b"\t", b"\r", b"/", b".", b"0", b"1 ", b"-1 ", b"nan ",
    b"\xe2\x80\x8b", b"\xef\xbf\xbd", b"\xcc\x81",
)  # fmt: skip


def _lines(content: bytes) -> list[bytes]:
    return content.splitlines(keepends=True) or [content]


def repeat_line(content: bytes, chance: random.Random) -> bytes:
    lines = _lines(content)
    at = chance.randrange(len(lines))
    times = min(chance.choice([2, 100, MANY]), max(2, LONGEST // max(1, len(lines[at]))))
    return b"".join([*lines[:at], lines[at] * times, *lines[at:]])


def repeat_mark(content: bytes, chance: random.Random) -> bytes:
    """What opens, joins or quotes, many times in one place."""
    at, mark = chance.randrange(len(content) + 1), chance.choice(_MARKS)
    times = chance.choice([1, 50, MANY, 20 * MANY])
    return content[:at] + mark * min(times, LONGEST // len(mark)) + content[at:]


def repeat_all(content: bytes, chance: random.Random) -> bytes:
    times = min(chance.choice([2, 100, MANY]), LONGEST // max(1, len(content)) + 1)
    return chance.choice([b"", b" ", b"\n"]).join([content] * times)


def delete_brackets(content: bytes, chance: random.Random) -> bytes:
    places = [found.start() for found in _BRACKETS.finditer(content)]
    gone = set(chance.sample(places, min(len(places), chance.choice([1, 2, 10]))))
    return bytes(byte for at, byte in enumerate(content) if at not in gone)


def change_numbers(content: bytes, chance: random.Random) -> bytes:
    places = [*_NUMBERS.finditer(content)]
    for found in sorted(
        chance.sample(places, min(len(places), chance.choice([1, 1, 3, 20]))),
        key=lambda one: -one.start(),
    ):
        number = chance.choice([
            b"0", b"-1", b"1e999", b"-1e38", b"nan", b"inf", b"1e-320", b"0x7f", b"", b"1/0",
            str(boundary(32, chance)).encode(), str(-boundary(63, chance)).encode(),
            b"100000", b"1048576", b"100000000", b"9" * chance.choice([5, 30, 4500]),
        ])  # fmt: skip
        content = content[: found.start()] + number + content[found.end() :]
    return content


def join_lines(content: bytes, chance: random.Random) -> bytes:
    return chance.choice([b"", b" ", b"\r"]).join(content.splitlines())


def shuffle_lines(content: bytes, chance: random.Random) -> bytes:
    lines = _lines(content)
    chance.shuffle(lines)
    return b"".join(lines)


def delete_lines(content: bytes, chance: random.Random) -> bytes:
    lines = _lines(content)
    for _ in range(chance.choice([1, 1, 3])):
        del lines[chance.randrange(len(lines))]
        if not lines:
            return b"\n"
    return b"".join(lines)


def strange_letters(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content) + 1)
    some = "".join(chr(chance.choice([
        chance.randrange(32), chance.randrange(0x80, 0xA0), 0x202E, 0x200B, 0xFEFF, 0xFFFF,
        0x1F600, chance.randrange(0x300, 0x370), 0x4E00,
    ])) for _ in range(chance.choice([1, 5, 2000])))  # fmt: skip
    return content[:at] + some.encode() + content[at:]


TEXTS: Mapping[str, Mutator] = {
    "a line repeated": repeat_line, "a mark repeated": repeat_mark, "all repeated": repeat_all,
    "brackets deleted": delete_brackets, "numbers changed": change_numbers,
    "lines joined": join_lines, "lines shuffled": shuffle_lines, "lines deleted": delete_lines,
    "strange letters": strange_letters,
}  # fmt: skip


def reworded(content: bytes, chance: random.Random) -> bytes:
    """One change of a text of any kind."""
    return chance.choice(list(TEXTS.values()))(content or b" ", chance)


def change_value(content: bytes, chance: random.Random) -> bytes:
    """JSON in which some values are others, of other types, gone, or many."""
    document = copy.deepcopy(json.loads(content))
    for _ in range(chance.choice([1, 1, 2, 5])):
        holders = [*_holders(document)]
        holder, key = chance.choice(holders)
        _change(holder, key, chance)
        if not document:
            break
    return json.dumps(document).encode()


def _holders(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    keys = value if isinstance(value, dict) else range(len(value))
    for key in keys:
        found.append((value, key))
        if isinstance(value[key], (dict, list)):
            found += _holders(value[key])
    return found


def _change(holder: Any, key: Any, chance: random.Random) -> None:
    value = holder[key]
    if chance.random() < 0.2:
        del holder[key]
        return
    others: list[Any] = [
        None, True, "", "a" * 5000, [], {}, [[[[]]]], -1, 0, 1, 1.5, 1e308, -boundary(32, chance),
        boundary(32, chance), boundary(63, chance), "../../a", "data:,a",
    ]  # fmt: skip
    if isinstance(value, (int, float)) and chance.random() < 0.8:
        others = [-1, 0, value + 1, value * 2, value * 1000, -value, 0.5, 1e308,
                  boundary(31, chance), boundary(32, chance), boundary(63, chance)]  # fmt: skip
    elif isinstance(value, list) and value and chance.random() < 0.6:
        others = [value * 2, value * 100, value[:1], value[::-1], [*value, None]]
    holder[key] = chance.choice(others)
