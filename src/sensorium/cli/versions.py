"""``sensorium versions``: earlier states of a collection in Lance."""

from __future__ import annotations

from typing import Annotated

import typer

from sensorium.cli import output
from sensorium.cli.options import CollectionOption, JsonOption, opened
from sensorium.cli.terminal import print_json, print_line


def versions(
    collection: CollectionOption = None,
    keep: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Give it as it is now a name, and keep it for that."),
    ] = None,
    forget: Annotated[
        float | None,
        typer.Option(metavar="DAYS", help="Delete those that are older and have no name."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List earlier states of a collection in Lance; `?version=` behind its address opens one."""
    with opened(collection) as library:
        if keep is not None:
            library.keep_version(keep)
        if forget is not None:
            freed = library.forget_versions(forget)
            output.notices.print(f"{freed / 1e6:,.1f} MB are free now")
        found = library.versions()
    if as_json:
        print_json([
            {"version": one.number, "written": one.written.isoformat(), "names": one.names}
            for one in found
        ])  # fmt: skip
        return
    for one in found:
        print_line(str(one.number), f"{one.written:%Y-%m-%d %H:%M:%S}", ", ".join(one.names))
