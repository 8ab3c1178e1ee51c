"""The frame of the command line: what every command stands in, and where each is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Annotated, Any

import typer

from sensorium.cli.plain_types import without_schemas

KEEPING, ASKING, FILES = "Collections", "Search and ask", "Files: see, hear, read, speak"
MODELS, SERVING = "Models", "Serve"
"""What the commands are listed under in ``sensorium --help``, in this order."""

HOMES = {
    "search": ("search", "search", ASKING),
    "classify": ("classify", "classify", ASKING),
    "answer": ("language", "answer", ASKING),
    "chat": ("chat", "chat", ASKING),
    "explain": ("explain", "explain", ASKING),
    "detect": ("detect", "detect", FILES),
    "segment": ("segment", "segment", FILES),
    "caption": ("caption", "caption", FILES),
    "transcribe": ("speech", "transcribe", FILES),
    "speak": ("speech", "speak", FILES),
    "translate": ("language", "translate", FILES),
    "summarize": ("language", "summarize", FILES),
    "check": ("check", "check", KEEPING),
    "duplicates": ("bulk", "duplicates", KEEPING),
    "import": ("bulk", "import_", KEEPING),
    "versions": ("versions", "versions", KEEPING),
    "export": ("bulk", "export", KEEPING),
    "models": ("models", "models", MODELS),
    "evaluate": ("evaluate", "evaluate", MODELS),
    "plan": ("plan", "plan", MODELS),
    "serve": ("serve", "serve", SERVING),
    "mcp": ("serve", "mcp", SERVING),
    "shard": ("shard", "shard", SERVING),
}
"""Commands by name: module of `sensorium.cli`, function, what they are listed under. The others
are in `sensorium.cli.app`."""


def app_for(words: Sequence[str]) -> typer.Typer:
    """The command line for what was called: with one command alone where that is named.

    What the others import takes longer than most answers.
    """
    if not words or words[0] not in HOMES:
        from sensorium.cli.app import app

        return app
    framed = new_app()
    add_command(framed, words[0])
    return framed


def new_app() -> typer.Typer:
    """A command line without commands."""
    without_schemas()
    framed = typer.Typer(
        help="Search and label your own media by meaning, on your own machine.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    framed.callback(invoke_without_command=True)(_version)
    return framed


def add_command(framed: typer.Typer, name: str) -> None:
    """Add one of `HOMES`."""
    module, function, panel = HOMES[name]
    command: Callable[..., Any] = getattr(import_module(f"sensorium.cli.{module}"), function)
    framed.command(name, rich_help_panel=panel)(command)


def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        from sensorium import __version__

        print(__version__)
        raise typer.Exit
