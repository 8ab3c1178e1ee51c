"""What a server serves, to whom, and how much of it."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from sensorium.errors import UsageError

Scope = Literal["read", "judge", "add", "delete"]
"""What somebody may do: look and search; say which hits are right; bring media; take them away."""

SCOPES: frozenset[Scope] = frozenset(get_args(Scope))

LONGEST_NAME = 120
"""Bytes of a new collection's name: files called after it have longer ones."""

LEAST_TOKEN = 16
"""Characters of a token: shorter ones can be guessed."""


@dataclass(frozen=True)
class Limits:
    """How much one server takes at once.

    Attributes
    ----------
    body_bytes : int
        Of one request that brings no media: questions, judgements, texts.
    upload_bytes : int
        Of one request that brings media.
    requests_per_minute : int
        Of one client: a token, or an address where there are none. 0 sets no limit.
    requests : int
        Requests that are worked on at once.
    waiting : int
        Segments that wait to be encoded; what comes then is told to come again (503).
    jobs : int
        Jobs that wait or run.
    tasks, tasks_waiting : int
        Heavy requests that are worked on at once, and those that may wait for that; what comes then
        is told to come again (503).
    results : int
        Hits of one answer.
    text_characters : int
        Of one text that is encoded: others wait as long as that takes.
    thumbnail_megabytes : int
        Of all small pictures that are kept, in units of 2**20 bytes; the latest that were asked for
        stay.
    """

    body_bytes: int = 1 << 20
    upload_bytes: int = 512 << 20
    requests_per_minute: int = 0
    requests: int = 64
    waiting: int = 256
    jobs: int = 16
    tasks: int = 2
    tasks_waiting: int = 32
    results: int = 1000
    text_characters: int = 40_000
    thumbnail_megabytes: int = 2048


@dataclass(frozen=True)
class Settings:
    """A server's settings: plain values, so that workers of their own get the same.

    Attributes
    ----------
    collections : mapping of str to Path
        Collections by the names that they are served under; the first is the usual one.
    create_in : Path or None
        Folder in which collections are made and deleted while the server runs, each in a folder of
        its name; None where none are.
    roots : tuple of Path
        Folders whose files may be added by path; none unless named.
    uploads : Path or None
        Folder that uploaded media are kept in, in a folder for each collection; None takes
        ``NAME-uploads`` beside the collection.
    tokens : mapping of str to list of str
        By the SHA-256 (hex) of a token, its scopes. Without any, whoever reaches the server may do
        what `open_scopes` says.
    open_scopes : tuple of str
        Scopes without a token, where there are no tokens.
    host, port : str, int
    hosts : tuple of str
        Names beside `host` by which the server may be called.
    encoder : str
        What ``/v1/embeddings`` encodes with where a request names no other.
    fetch : bool
        Whether media behind public addresses in requests are fetched.
    models : mapping of str to str
        Models that tasks use, by the name of the task: what a client names is never loaded.
    shards : mapping of str to list of list of str
        By the name of a collection, ``host:port`` of each replica of each of its shards, which are
        asked with the token in ``$SENSORIUM_SHARD_TOKEN``.
    limits : Limits
    """

    collections: Mapping[str, Path]
    create_in: Path | None = None
    roots: tuple[Path, ...] = ()
    uploads: Path | None = None
    tokens: Mapping[str, Sequence[Scope]] = field(default_factory=dict)
    open_scopes: tuple[Scope, ...] = ("read", "judge", "add", "delete")
    host: str = "127.0.0.1"
    port: int = 8100
    hosts: tuple[str, ...] = ()
    encoder: str = "mini"
    fetch: bool = False
    models: Mapping[str, str] = field(default_factory=dict)
    shards: Mapping[str, Sequence[Sequence[str]]] = field(default_factory=dict)
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        if not self.tokens and not is_loopback(self.host):
            raise UsageError(
                f"{self.host} can be reached by others, who would need no token: give one "
                "(--token-file, or $SENSORIUM_TOKEN), or serve on 127.0.0.1"
            )
        owners: dict[Path, str] = {}
        for name, path in self.collections.items():
            require_name(name)
            other = owners.setdefault(self.uploads_of(name), name)
            if path.absolute() != self.collections[other].absolute():
                raise UsageError(
                    f"{self.collections[other]} and {path} would keep what is sent in one folder, "
                    f"{self.uploads_of(name)}: give each its own with --uploads FOLDER"
                )

    @property
    def names(self) -> frozenset[str]:
        """Host names by which the server may be called; any where it listens on all addresses."""
        own = {self.host.strip("[]").lower(), *(name.lower() for name in self.hosts)}
        if is_loopback(self.host):
            own |= {"localhost", "127.0.0.1", "::1"}
        return frozenset(own)

    def paths(self) -> dict[str, Path]:
        """All collections that there are just now, by name: those given, and those made since."""
        found = dict(self.collections)
        if self.create_in is not None and self.create_in.is_dir():
            for name in sorted(one.name for one in self.create_in.iterdir()):
                if name not in found and (path := self.path_of(name)) is not None:
                    found[name] = path
        return found

    def path_of(self, name: str) -> Path | None:
        """The file of a collection; None where there is none of this name."""
        if name in self.collections:
            return self.collections[name]
        if self.create_in is None or not _is_name(name) or name.startswith("."):
            return None
        try:
            path = self.place_of(name)
            return path if path.is_file() else None
        except (OSError, ValueError):  # longer than any file's name; half of a letter
            return None

    def place_of(self, name: str) -> Path:
        """Where a collection is, or would be made.

        Raises
        ------
        KeyError
            For one that was not given, where none are made.
        """
        if name in self.collections or self.create_in is None:
            return self.collections[name]
        return self.create_in / name / f"{name}.sensorium"

    def require_free(self, name: str) -> None:
        """Refuse a name that no new collection can have.

        Raises
        ------
        UsageError
        """
        require_name(name)
        if name.startswith(".") or name != name.strip() or len(name.encode()) > LONGEST_NAME:
            raise UsageError(
                f"{name!r:.80}: a new collection's name begins with no dot, begins and ends with "
                f"no space, and has at most {LONGEST_NAME} bytes"
            )
        if name in self.collections:
            raise UsageError(f"there is a collection {name!r} already")

    def uploads_of(self, name: str) -> Path:
        """Folder that uploaded media of a collection are kept in."""
        path = self.place_of(name)
        return self.uploads / name if self.uploads else path.with_name(f"{path.stem}-uploads")

    @property
    def lets_write(self) -> bool:
        """Whether anybody may change anything."""
        given = {scope for scopes in self.tokens.values() for scope in scopes}
        return bool((given if self.tokens else {*self.open_scopes}) - {"read"})

    def scopes_of(self, token: str) -> frozenset[Scope]:
        """What a token allows; nothing where it is none."""
        digest = digest_of(token)
        for known, scopes in self.tokens.items():
            if hmac.compare_digest(known, digest):
                return frozenset(scopes)
        return frozenset()

    def to_json(self) -> str:
        """Write the settings down, for a process of its own."""
        return json.dumps(asdict(self), default=os.fspath)

    @classmethod
    def from_json(cls, written: str) -> Settings:
        """Read what `to_json` wrote."""
        found: dict[str, Any] = json.loads(written)
        found["collections"] = {n: Path(p) for n, p in found["collections"].items()}
        found["create_in"] = Path(found["create_in"]) if found["create_in"] else None
        found["roots"] = tuple(map(Path, found["roots"]))
        found["uploads"] = Path(found["uploads"]) if found["uploads"] else None
        found["open_scopes"], found["hosts"] = tuple(found["open_scopes"]), tuple(found["hosts"])
        found["limits"] = Limits(**found["limits"])
        return cls(**found)


def _is_name(name: str) -> bool:
    return not (name in ("", ".", "..") or set(name) & set("/\\") or not name.isprintable())


def require_name(name: str) -> None:
    """Refuse a name that an address cannot have, or that leads out of the folder of uploads.

    Raises
    ------
    UsageError
    """
    if not _is_name(name):
        raise UsageError(
            f"{name!r:.80}: a collection is served under a name that is a folder's, too: "
            "without slashes, other than . and .."
        )


def read_limits(path: Path) -> Limits:
    """Limits out of a JSON file: those that it names, all others as usual.

    Raises
    ------
    UsageError
        For a file that cannot be read, an unknown limit, and a value that is no count.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read ({error})") from error
    known = {one.name for one in fields(Limits)}
    if not isinstance(found, dict):
        raise UsageError(f'{path}: limits are a JSON object, such as {{"jobs": 4}}')
    for name, value in found.items():
        if name not in known:
            raise UsageError(f"{path}: no limit {name!r:.40}; there are {', '.join(sorted(known))}")
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise UsageError(f"{path}: {name} is a number from 0, got {value!r:.40}")
    return Limits(**found)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def digest_of(token: str) -> str:
    """What is kept of a token: SHA-256 as hex."""
    return hashlib.sha256(token.encode()).hexdigest()


def read_tokens(text: str, where: str) -> dict[str, list[Scope]]:
    """Tokens out of a file: a token a line, with its scopes behind it; without any it has all.

    Raises
    ------
    UsageError
        For a token that is too short, and for an unknown scope. No token is told.
    """
    tokens: dict[str, list[Scope]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        # A # within a token is of it: a remark begins a word.
        told = re.split(r"(?:^|\s)#", line, maxsplit=1)[0]
        token, *said = told.replace(",", " ").split() or [""]
        if not token:
            continue
        if not token.isascii():
            raise UsageError(f"{where}, line {number}: a token is ASCII, as headers are")
        if len(token) < LEAST_TOKEN:
            raise UsageError(
                f"{where}, line {number}: a token has at least {LEAST_TOKEN} characters, this has "
                f"{len(token)}; `python -c 'import secrets; print(secrets.token_urlsafe())'` makes "
                "one"
            )
        if unknown := sorted(set(said) - SCOPES):
            raise UsageError(
                f"{where}, line {number}: there is no scope {unknown[0]!r}; there are "
                f"{', '.join(get_args(Scope))}"
            )
        tokens[digest_of(token)] = [one for one in get_args(Scope) if one in said or not said]
    return tokens
