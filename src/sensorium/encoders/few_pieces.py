"""A text cut by those pieces of a vocabulary that occur in it: reading all takes longer than it.

Of a unigram model (Kudo 2018) a piece has a say in how a text is cut only where it occurs in the
text. So the tokenizers library is given these, found in a table that was made of the tokenizer's
file before, with everything else that the file says, and cuts the text as it does with all pieces.
Where that is not certain (a special token stands in the text, or it is long), nothing is told, and
the whole vocabulary is read.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.errors import WriteError
from sensorium.folders import read_arrays, write_arrays
from sensorium.home import sensorium_home

FORM = 1
"""Of the table; another one is a file of another name."""

MOST_CHARACTERS = 400
"""Of a text: longer ones take longer to look up than a vocabulary takes to be read."""

ENOUGH = 16
"""So many texts, words in capitals among them, are cut before the vocabulary is read after all."""

LONGEST_PIECE = 64
"""Characters; a vocabulary with longer pieces has no table."""

_PLACE = '"<pieces>"'


@dataclass(frozen=True)
class Tokens:
    """How a text was cut: what is used of the library's ``Encoding``."""

    ids: list[int]
    overflowing: tuple[()] = ()


@dataclass
class FewPieces:
    """Cuts a few texts.

    Attributes
    ----------
    shell : str
        The tokenizer's file without its pieces.
    fixed : ndarray of int64, shape (f,)
        Ids of pieces that are always there, first in the order that `shell` counts them in.
    special : list of str
        In a text with one of these nothing is certain.
    hashes : ndarray of uint64, shape (n,)
        Of all pieces, ascending.
    ids : ndarray of int64, shape (n,)
        In the order of `hashes`.
    starts : ndarray of int64, shape (n + 1,)
        Where the entry of each id begins in `entries`.
    entries : bytes
        Pieces and their scores, as the file has them.
    most_tokens : int
        A longer text is not cut here.
    """

    shell: str
    fixed: npt.NDArray[np.int64]
    special: list[str]
    hashes: npt.NDArray[np.uint64]
    ids: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    entries: bytes
    longest: int
    most_tokens: int
    used: int = 0

    @classmethod
    def load(cls, tokenizer: Path, most_tokens: int) -> FewPieces | None:
        """The table of a tokenizer's file; None where there is none, or it is damaged."""
        try:
            found = read_arrays(_table(tokenizer))
            told = json.loads(found["told"].tobytes())
            return cls(
                told["shell"], found["fixed"], told["special"], found["hashes"], found["ids"],
                found["starts"], found["entries"].tobytes(), told["longest"], most_tokens,
            )  # fmt: skip
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def encode(self, text: str, add_special_tokens: bool = True) -> Tokens | None:
        """Cut a text as the whole tokenizer does; None where that is not certain."""
        self.used += 1
        if len(text) > MOST_CHARACTERS or self.used > ENOUGH:
            return None
        from tokenizers import Tokenizer

        plain = Tokenizer.from_str(self.shell.replace(_PLACE, self._entries(self.fixed)))
        plain.no_padding()
        normalized = (lambda some: some) if (n := plain.normalizer) is None else n.normalize_str
        normal = normalized(text)
        if any(one in text or normalized(one) in normal for one in self.special):
            return None
        cut = [(normal, None)]
        if plain.pre_tokenizer is not None:
            cut = plain.pre_tokenizer.pre_tokenize_str(normal)
        found = self._found(part for part, _ in cut)
        order = np.concatenate([self.fixed, np.setdiff1d(found, self.fixed)])
        few = Tokenizer.from_str(self.shell.replace(_PLACE, self._entries(order)))
        few.no_truncation()
        few.no_padding()
        ids = order[few.encode(text, add_special_tokens=add_special_tokens).ids].tolist()
        return Tokens(ids) if len(ids) <= self.most_tokens else None

    def _found(self, parts: Iterable[str]) -> npt.NDArray[np.int64]:
        """Ids of all pieces that occur in some texts."""
        within = {
            part[start:stop]
            for part in parts
            for start in range(len(part))
            for stop in range(start + 1, min(start + self.longest, len(part)) + 1)
        }
        pieces = sorted(within)
        hashes = np.array([_hash(piece) for piece in pieces], np.uint64)
        places = np.searchsorted(self.hashes, hashes)
        there = np.flatnonzero(self.hashes[np.minimum(places, len(self.hashes) - 1)] == hashes)
        found = self.ids[places[there]]
        same = [
            self._entry(number).startswith(_beginning(pieces[place]))
            for place, number in zip(there.tolist(), found.tolist(), strict=True)
        ]
        return np.asarray(found[np.array(same, bool)])

    def _entry(self, number: int) -> str:
        return self.entries[self.starts[number] : self.starts[number + 1]].decode()

    def _entries(self, ids: npt.NDArray[np.int64]) -> str:
        return f"[{','.join(map(self._entry, ids.tolist()))}]"


def keep_table(tokenizer: Path) -> bool:
    """Make the table of a tokenizer's file, if it is one of pieces with scores.

    Returns
    -------
    bool
        Whether there is one now: it is no fault where none can be made, or kept.
    """
    path = _table(tokenizer)
    with contextlib.suppress(WriteError, OSError, KeyError, TypeError, ValueError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_arrays(path, _table_of(json.loads(tokenizer.read_bytes(), parse_float=_Number)))
        return True
    return False


class _Number(float):
    """A number of JSON that is written as it was read.

    Of one that is written anew, two programs may read two last digits.
    """

    def __new__(cls, text: str) -> _Number:
        number = super().__new__(cls, text)
        number.text = text
        return number

    text: str

    def __repr__(self) -> str:
        return self.text


def _table(tokenizer: Path) -> Path:
    content = hashlib.sha256(tokenizer.read_bytes()).hexdigest()[:32]
    return sensorium_home() / "tokenizers" / f"{content}-{FORM}.npz"


def _table_of(told: dict[str, Any]) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a table.

    Raises
    ------
    ValueError, KeyError, TypeError
        When the tokenizer is none that few pieces are enough for.
    """
    model, processor = told["model"], told["post_processor"]
    vocabulary: list[tuple[str, float]] = model["vocab"]
    texts = [piece for piece, _ in vocabulary]
    if model["type"] != "Unigram" or model.get("byte_fallback") or model["unk_id"] is None:
        raise ValueError("no unigram model, or one that falls back to bytes")
    if processor is not None and processor["type"] != "TemplateProcessing":
        raise ValueError("special tokens are put around a text in a way that is not known here")
    if len({*texts}) < len(texts) or max(map(len, texts)) > LONGEST_PIECE:
        raise ValueError("pieces that are there twice, or too long")
    number = {piece: place for place, piece in enumerate(texts)}
    added = [token["content"] for token in told["added_tokens"]]
    if any(number[token["content"]] != token["id"] for token in told["added_tokens"]):
        raise ValueError("special tokens that are no pieces")
    named = {} if processor is None else processor["special_tokens"]
    around = {one for token in named.values() for one in token["ids"]}
    # What no piece matches costs what the least likely of all pieces costs, and ten more.
    least = min(range(len(texts)), key=lambda place: vocabulary[place][1])
    fixed = sorted({model["unk_id"], least, *around, *(number[token] for token in added)})
    place = {one: new for new, one in enumerate(fixed)}
    model["unk_id"] = place[model["unk_id"]]
    for token in told["added_tokens"]:
        token["id"] = place[token["id"]]
    for token in named.values():
        token["ids"] = [place[one] for one in token["ids"]]
    model["vocab"] = _PLACE[1:-1]
    told["truncation"] = told["padding"] = None
    shell = json.dumps(told, ensure_ascii=False)
    if shell.count(_PLACE) != 1:
        raise ValueError("the tokenizer has a piece of our own")
    entries = [f"{_beginning(piece)}{score!r}]".encode() for piece, score in vocabulary]
    hashes = np.array([_hash(piece) for piece in texts], np.uint64)
    order = np.argsort(hashes)
    if (np.diff(hashes[order]) == 0).any():
        raise ValueError("two pieces of one hash")
    facts = {"shell": shell, "special": added, "longest": max(map(len, texts))}
    return {
        "told": np.frombuffer(json.dumps(facts).encode(), np.uint8),
        "fixed": np.array(fixed, np.int64),
        "hashes": hashes[order],
        "ids": order.astype(np.int64),
        "starts": np.concatenate([[0], np.cumsum([len(entry) for entry in entries])]),
        "entries": np.frombuffer(b"".join(entries), np.uint8),
    }


def _beginning(piece: str) -> str:
    """The entry of a piece, but for its score."""
    return f"[{json.dumps(piece, ensure_ascii=False)},"


def _hash(piece: str) -> int:
    return int.from_bytes(hashlib.blake2b(piece.encode(), digest_size=8).digest(), "little")
