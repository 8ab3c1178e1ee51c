"""``sensorium shard``: a process that holds a part of a collection, for a server that asks it."""

from __future__ import annotations

import os
import re
import socket
import threading
from typing import Annotated

import typer

from sensorium.errors import MissingExtraError, UsageError

MOST_PARTS = 4096


def shard(
    collection: Annotated[
        str, typer.Argument(metavar="COLLECTION", help="As on the machine that asks.")
    ],
    part: Annotated[str, typer.Option(metavar="I/N", help="Which part of how many: 1/4, 2/4 ...")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port.", min=1, max=65535)] = 8200,
    # For who starts it as a process of its own: it ends with the standard input.
    until_eof: Annotated[bool, typer.Option("--until-eof", hidden=True)] = False,
) -> None:
    """Hold a part of a collection in memory, to be searched by `sensorium serve --shard`.

    Whoever asks sends the token in $SENSORIUM_SHARD_TOKEN, the same on all machines.
    """
    try:
        import uvicorn

        from sensorium.scale.shards.server import shard_app
    except ImportError as error:
        raise MissingExtraError(error.name or "uvicorn", "serve") from error
    from sensorium.collection.opening import location_of, open_store
    from sensorium.home import index_command
    from sensorium.scale.shards.shard import Shard
    from sensorium.scale.shards.shards import TOKEN
    from sensorium.serve.settings import LEAST_TOKEN

    token = os.environ.get(TOKEN, "")
    if len(token) < LEAST_TOKEN or not token.isascii():
        raise UsageError(
            f"${TOKEN} is what this shard is asked with, {LEAST_TOKEN} ASCII characters at least: "
            "`python -c 'import secrets; print(secrets.token_urlsafe())'` makes one"
        )
    path = location_of(collection)
    if not path.exists():
        raise UsageError(f"{path}: no such collection; `{index_command(path)}` makes one")
    if until_eof:
        threading.Thread(target=_end_with_input, daemon=True).start()
    else:  # nobody has opened it before
        open_store(path).close()
    config = uvicorn.Config(
        shard_app(Shard(path, part_of(part)), token), host=host, port=port, log_level="warning",
        server_header=False, timeout_keep_alive=3600, timeout_graceful_shutdown=5,
        http="sensorium.serve.connections:BoundedConnection",
    )  # fmt: skip
    uvicorn.Server(config).run([_listening(host, port, is_kept=until_eof)])


def part_of(written: str) -> tuple[int, int]:
    """Which part, from 0, and of how many.

    Raises
    ------
    UsageError
    """
    number, _, parts = written.partition("/")
    both = re.fullmatch(r"[0-9]{1,9}/[0-9]{1,9}", written)
    if not both or not 1 <= int(number) <= int(parts) <= MOST_PARTS:
        raise UsageError(
            f"--part is one of how many, such as 2/4, {MOST_PARTS} at most; got {written!r:.40}"
        )
    return int(number) - 1, int(parts)


def _listening(host: str, port: int, *, is_kept: bool) -> socket.socket:
    """A socket of this address; of one that is kept for this process, beside whoever keeps it."""
    own = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if is_kept and (shared := getattr(socket, "SO_REUSEPORT", None)) is not None:
        own.setsockopt(socket.SOL_SOCKET, shared, 1)
    try:
        own.bind((host, port))
    except OSError as error:
        own.close()
        raise UsageError(f"{host}:{port} cannot be listened on ({error.strerror})") from error
    return own


def _end_with_input() -> None:
    """End with whoever started this: its end closes the pipe."""
    while os.read(0, 1 << 16):
        pass
    os._exit(0)
