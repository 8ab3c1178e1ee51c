"""``sensorium serve``: collections over HTTP, with a page to look at."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from sensorium.cli import output
from sensorium.collection.opening import location_of
from sensorium.encoders import DEFAULT_ENCODER
from sensorium.errors import MissingExtraError, UsageError
from sensorium.home import default_collection_path, index_command

TOKEN = "SENSORIUM_TOKEN"

CollectionsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME=]FILE",
        help="Collections to serve; without any $SENSORIUM_COLLECTION or your default library.",
        show_default=False,
    ),
]


def serve(
    collections: CollectionsArgument = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; all but this machine's own need a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.", min=0, max=65535)] = 8100,
    create_in: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder in which whoever may add makes collections, and whoever may delete "
            "deletes those; served beside the named ones, or alone.",
            show_default=False,
        ),
    ] = None,
    root: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FOLDER", help="Folder whose files may be added by path.", show_default=False
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Tokens, one a line, each with its scopes (read, judge, add, delete) behind it.",
        ),
    ] = None,
    uploads: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder that media which are sent are kept in, one in it for each collection.",
            show_default="NAME-uploads beside the collection",
        ),
    ] = None,
    fetch: Annotated[
        bool,
        typer.Option("--fetch", help="Fetch media behind public addresses that requests name."),
    ] = False,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TASK=NAME",
            help="Model of a task, as its command takes it: translate=..., caption=...; requests "
            "name none but those that come with the library.",
            show_default=False,
        ),
    ] = None,
    encoder: Annotated[
        str, typer.Option(help="Encoder of /v1/embeddings where a request names none.")
    ] = DEFAULT_ENCODER,
    limits: Annotated[
        Path | None,
        typer.Option(
            metavar="JSON", help="File with other limits than the usual (docs/serve/http.md)."
        ),
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Let nobody change anything.")
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Another name that the server is called by, behind a proxy.",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes that answer.", min=1, max=64)] = 1,
    proxy: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESSES",
            help="Proxies whose word is taken for who asks and by which scheme, with commas.",
            show_default=False,
        ),
    ] = None,
    shards: Annotated[
        int,
        typer.Option(help="Processes of this machine that hold the vectors, each a part.", min=0),
    ] = 0,
    replicas: Annotated[
        int, typer.Option(help="Processes for each part: if one dies, another answers.", min=1)
    ] = 1,
    shard: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST:PORT,...",
            help="Where `sensorium shard` holds the next part, with all its replicas; one for "
            "each part, in their order.",
            show_default=False,
        ),
    ] = None,
    log: Annotated[bool, typer.Option("--log", help="Print a line for each request.")] = False,
) -> None:
    """Serve collections over HTTP, with a page to look at."""
    try:
        import uvicorn

        from sensorium.serve.app import SETTINGS
        from sensorium.serve.faults import show_faults
        from sensorium.serve.settings import Limits, Settings, read_limits, read_tokens
    except ImportError as error:
        raise MissingExtraError(error.name or "uvicorn", "serve") from error
    tokens = {}
    if token_file is not None:
        try:
            tokens = read_tokens(token_file.read_text("utf-8"), str(token_file))
        except OSError as error:
            raise UsageError(f"{token_file} cannot be read ({error.strerror})") from error
    if given := os.environ.get(TOKEN):
        tokens |= read_tokens(given, f"${TOKEN}")
    if read_only:
        tokens = {digest: [one for one in s if one == "read"] for digest, s in tokens.items()}
    given_collections = named(collections or [str(default_collection_path())] * (create_in is None))
    settings = Settings(
        given_collections,
        create_in=None if create_in is None else create_in.expanduser().resolve(),
        roots=tuple(folder.expanduser().resolve() for folder in root or []),
        tokens=tokens,
        open_scopes=("read",) if read_only else Settings.open_scopes,
        host=host,
        port=port,
        hosts=tuple(allow_host or []),
        uploads=None if uploads is None else uploads.expanduser().absolute(),
        fetch=fetch,
        models=models_of(model or []),
        encoder=encoder,
        limits=Limits() if limits is None else read_limits(limits),
    )
    show_faults()
    with divided(given_collections, shards, replicas, shard or []) as addresses:
        os.environ[SETTINGS] = replace(settings, shards=addresses).to_json()
        shown = f"[{host}]" if ":" in host else host
        output.notices.print(f"http://{shown}:{port}  (Ctrl-C ends it)", soft_wrap=True)
        uvicorn.run(
            "sensorium.serve.app:app_from_environment", factory=True, host=host, port=port,
            workers=workers, log_level="info" if log else "warning", access_log=log,
            server_header=False, timeout_graceful_shutdown=10,
            http="sensorium.serve.connections:BoundedConnection",
            proxy_headers=proxy is not None, forwarded_allow_ips=proxy,
        )  # fmt: skip


@contextmanager
def divided(
    collections: Mapping[str, Path], shards: int, replicas: int, given: Sequence[str]
) -> Iterator[dict[str, list[list[str]]]]:
    """Addresses of the shards of each collection, which are started here where none are given.

    Raises
    ------
    UsageError
        For shards that are started and given, for those of several collections, without a token.
    """
    from sensorium.scale.shards.link import address_of
    from sensorium.scale.shards.processes import ShardProcesses
    from sensorium.scale.shards.shards import TOKEN

    if given:
        if shards or len(collections) != 1:
            raise UsageError("--shard names the parts of one collection, which are not started")
        if not os.environ.get(TOKEN):
            raise UsageError(f"set ${TOKEN} to the token that the shards were started with")
        parts = [part.split(",") for part in given]
        for address in (address for part in parts for address in part):
            address_of(address)
        yield dict.fromkeys(collections, parts)
        return
    if replicas > 1 and not shards:
        raise UsageError("--replicas are of --shards: name how many")
    if not shards:
        yield {}
        return
    # One token for all, which processes of the server's own find there, too.
    token = os.environ[TOKEN] = secrets.token_urlsafe()
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                ShardProcesses(path, shards, replicas=replicas, token=token)
            ).addresses
            for name, path in collections.items()
        }


def models_of(given: list[str]) -> dict[str, str]:
    """Models by task, as the option names them.

    Raises
    ------
    UsageError
        For a task that takes none.
    """
    from sensorium.serve.talks import CHAT
    from sensorium.serve.tasks import BUILT_IN

    tasks = (*BUILT_IN, CHAT)
    found = {}
    for one in given:
        task, equals, name = one.partition("=")
        if task not in tasks or not equals or not name:
            raise UsageError(f"--model is TASK=NAME with one of {', '.join(tasks)}; got {one!r}")
        found[task] = name
    return found


def named(collections: list[str]) -> dict[str, Path]:
    """Collections by the names that they are served under: given ones, else those of the files.

    Raises
    ------
    UsageError
        When a file is missing, or two have one name.
    """
    found: dict[str, Path] = {}
    for given in collections:
        name, equals, file = given.partition("=")
        if not equals or name.endswith("?version") or Path(given).exists():
            name, file = Path(given.partition("?version=")[0]).stem, given
        path = location_of(file)
        if not path.exists():
            raise UsageError(f"{path}: no such collection; `{index_command(path)}` makes one")
        if name in found:
            raise UsageError(
                f"two collections are called {name!r}: name them, as {name}1={found[name]}"
            )
        found[name] = path
    return found


def mcp(
    collections: CollectionsArgument = None,
    write: Annotated[
        bool, typer.Option("--write", help="Let hits be judged, too; else nothing can be changed.")
    ] = False,
) -> None:
    """Let a language model search collections: MCP over standard input and output."""
    try:
        from sensorium.serve.faults import show_faults
        from sensorium.serve.mcp.server import make_server
        from sensorium.serve.served import Served
        from sensorium.serve.settings import Settings
    except ImportError as error:
        raise MissingExtraError(error.name or "mcp", "serve") from error
    show_faults()
    with Served(Settings(named(collections or [str(default_collection_path())]))) as served:
        make_server(served, write=write).run("stdio")
