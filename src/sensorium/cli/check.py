"""``sensorium check``: whether a collection is as it was written."""

from __future__ import annotations

from typing import Annotated

import typer

from sensorium.cli import EXIT_PARTLY, output
from sensorium.cli.options import CollectionOption, JsonOption
from sensorium.cli.terminal import print_json
from sensorium.collection import Collection
from sensorium.home import default_collection_path, short_path
from sensorium.media.skipped import Skipped, group_skipped


def check(
    collection: CollectionOption = None,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair", help="Forget what is damaged, so that the next index reads it again."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare all that a collection stores with its checksums, and say what to do."""
    from sensorium.collection.checking import check as check_collection

    path = collection or default_collection_path()
    with Collection(path, create=False) as library:
        report = check_collection(library, repair=repair)
    if as_json:
        print_json(report)
    else:
        damages = [
            Skipped(short_path(damage.path), f"{damage.what}; {damage.mend}")
            for damage in report.damages
        ]
        for line in group_skipped(damages):
            output.console.print(line, soft_wrap=True)
        what = f"{len(damages)} damaged" if damages else "all is as it was written"
        done = ", and forgotten: index the files again" * report.repaired
        unknown = f" ({report.without_checksum} without a checksum)" * bool(report.without_checksum)
        output.console.print(
            f"{report.items} items, {report.vectors} vectors{unknown}: {what}{done} "
            f"({report.seconds:.1f} s)",
            soft_wrap=True,
        )
    if report.damages and not report.repaired:
        raise typer.Exit(EXIT_PARTLY)
