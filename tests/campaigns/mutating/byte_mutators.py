"""Changes that can be made to the bytes of any file, whatever they mean."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Mapping

Mutator = Callable[[bytes, random.Random], bytes]

HEADER = 1024
"""Bytes at a file's beginning where most of its numbers stand."""

LONGEST = 1 << 16
"""Bytes that a block that is inserted or repeated adds."""

LARGE = (
    200, 1_000, 4_096, 10_000, 13_000, 16_384, 20_000, 30_000, 65_500, 100_000, 1_000_000,
    1_048_576, 16_000_000, 100_000_000,
)  # fmt: skip

_WIDTHS = {2: "H", 4: "I", 8: "Q"}


def place(content: bytes, chance: random.Random) -> int:
    """A place in the file, mostly in its header."""
    size = len(content)
    return chance.randrange(max(1, min(size, HEADER) if chance.random() < 0.7 else size))


def block(content: bytes, chance: random.Random) -> tuple[int, int]:
    """Where a part of the file begins and ends; short ones are likelier."""
    start = place(content, chance)
    size = min(len(content) - start, int(2 ** chance.uniform(0, 14)))
    return start, start + max(1, size)


def boundary(bits: int, chance: random.Random) -> int:
    """A number at which programs err: none, one, the largest, where signs change, a power.

    Or one that is large, but may be meant: of pixels, samples, rows.
    """
    most = 1 << bits
    if chance.random() < 0.3:
        return chance.choice([number for number in LARGE if number < most] or [1])
    return chance.choice([
        0, 1, 2, most - 1, most - 2, most >> 1, (most >> 1) - 1, (most >> 1) + 1, 0x7F, 0x80, 0xFF,
        1 << chance.randrange(bits), (1 << chance.randrange(bits)) - 1, chance.randrange(most),
    ]) % most  # fmt: skip


def flip_bits(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 4, 16])):
        changed[place(content, chance)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def fill_run(content: bytes, chance: random.Random) -> bytes:
    start, stop = block(content, chance)
    fill = chance.choice([b"\0", b"\xff", b"\x80", b"A", bytes([chance.randrange(256)])])
    return content[:start] + fill * (stop - start) + content[stop:]


def scatter_run(content: bytes, chance: random.Random) -> bytes:
    start, stop = block(content, chance)
    return content[:start] + chance.randbytes(stop - start) + content[stop:]


def cut_off(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(1, max(2, len(content)))]


def cut_beginning(content: bytes, chance: random.Random) -> bytes:
    return content[chance.randrange(1, 64) :] or content


def insert_block(content: bytes, chance: random.Random) -> bytes:
    start, size = place(content, chance), int(2 ** chance.uniform(0, 12))
    what = chance.choice([bytes(size), b"\xff" * size, chance.randbytes(size)])
    return content[:start] + what + content[start:]


def repeat_block(content: bytes, chance: random.Random) -> bytes:
    start, stop = block(content, chance)
    times = min(chance.choice([1, 1, 2, 16, 4096]), max(1, LONGEST // (stop - start)))
    return content[:stop] + content[start:stop] * times + content[stop:]


def delete_block(content: bytes, chance: random.Random) -> bytes:
    start, stop = block(content, chance)
    return content[:start] + content[stop:]


def swap_blocks(content: bytes, chance: random.Random) -> bytes:
    (a, b), (c, d) = sorted([block(content, chance), block(content, chance)])
    b = min(b, c)
    return content[:a] + content[c:d] + content[b:c] + content[a:b] + content[d:]


def set_number(content: bytes, chance: random.Random) -> bytes:
    width = chance.choice([1, 2, 2, 4, 4, 4, 8])
    if len(content) <= width:
        return flip_bits(content, chance)
    start = min(place(content, chance), len(content) - width)
    if chance.random() < 0.6:
        start -= start % width  # most numbers of headers are aligned
    number = boundary(8 * width, chance)
    packed = number.to_bytes(width, chance.choice(["little", "big"]))
    return content[:start] + packed + content[start + width :]


def shift_number(content: bytes, chance: random.Random) -> bytes:
    """Change what stands there a little, or to a multiple."""
    width = chance.choice([2, 4, 8])
    if len(content) <= width:
        return flip_bits(content, chance)
    start = min(place(content, chance), len(content) - width)
    form = chance.choice("<>") + _WIDTHS[width]
    (number,) = struct.unpack_from(form, content, start)
    number = chance.choice([number + 1, number - 1, number * 2, number // 2, -number, number ^ 255])
    packed = struct.pack(form, number % (1 << 8 * width))
    return content[:start] + packed + content[start + width :]


def set_length(content: bytes, chance: random.Random) -> bytes:
    """Give a number that is the length of something that follows another value."""
    likely = []
    for width in (2, 4):
        for form in ("<", ">"):
            letter = form + _WIDTHS[width]
            for start in range(0, min(len(content), 4096) - width, 2):
                (number,) = struct.unpack_from(letter, content, start)
                if 4 <= number <= len(content) - start:
                    likely.append((start, width, form))
    if not likely:
        return set_number(content, chance)
    start, width, form = chance.choice(likely)
    number = boundary(8 * width, chance)
    packed = struct.pack(form + _WIDTHS[width], number)
    return content[:start] + packed + content[start + width :]


BYTES: Mapping[str, Mutator] = {
    "bits flipped": flip_bits, "a run of one byte": fill_run, "a run of noise": scatter_run,
    "cut off": cut_off, "without its beginning": cut_beginning, "a block inserted": insert_block,
    "a block repeated": repeat_block, "a block deleted": delete_block,
    "blocks exchanged": swap_blocks, "a number set": set_number, "a number shifted": shift_number,
    "a length set": set_length,
}  # fmt: skip


def damaged(content: bytes, chance: random.Random) -> bytes:
    """One change of any kind."""
    return chance.choice(list(BYTES.values()))(content, chance) if content else b"\0"


def spliced(content: bytes, other: bytes, chance: random.Random) -> bytes:
    """The beginning of one file, the end of another of its format."""
    share = chance.random()
    at = int(len(content) * share)
    return content[:at] + other[chance.choice([at, int(len(other) * share)]) :]
