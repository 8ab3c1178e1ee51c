"""``--help`` says all that is written for it: nothing of it is taken for markup."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
import typer

from sensorium.cli.app import app
from tests.cli.conftest import Run


def _commands(
    command: click.Command, *names: str
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield names, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from _commands(inner, *names, name)


COMMANDS = dict(_commands(typer.main.get_command(app)))


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_help_swallows_nothing(run: Run, names: tuple[str, ...]) -> None:
    done = run(*names, "--help")
    assert done.code == 0
    told = " ".join(done.out.replace("│", " ").split())
    command = COMMANDS[names]
    assert " ".join((command.help or "").split()) in told
    for parameter in command.params:
        words = " ".join((getattr(parameter, "help", None) or "").split())
        assert words in told
        default = getattr(parameter, "show_default", None)
        if isinstance(default, str):
            assert " ".join(default.split()) in told
        assert "[default" not in words  # drawn by itself; in a text it would be markup
