"""``sensorium plan``: what a collection of many items will cost."""

from __future__ import annotations

from typing import Annotated

import typer

from sensorium.cli import output
from sensorium.cli.options import JsonOption
from sensorium.cli.terminal import print_json
from sensorium.encoders import DEFAULT_ENCODER, load_encoder
from sensorium.errors import UsageError


def plan(
    rows: Annotated[
        str, typer.Option(metavar="N", help="Items: 250000, 1e8. A film is one a segment.")
    ],
    encoder: Annotated[str, typer.Option(help="What encodes them.")] = DEFAULT_ENCODER,
    modality: Annotated[str, typer.Option(help="What they are.")] = "image",
    workers: Annotated[int, typer.Option(help="Machines like this one that encode.")] = 1,
    seconds: Annotated[
        float | None,
        typer.Option(help="For one item on one of them.", show_default="measured here"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what many items will cost: hours to encode, disk, memory, and time of a question."""
    from sensorium.scale.planning import as_dict, measured, told
    from sensorium.scale.planning import plan as planned

    one = planned(
        _count(rows), lambda: load_encoder(encoder), modality, workers=workers, seconds_each=seconds
    )
    if as_json:
        print_json(as_dict(one))
        return
    for what, value in told(one):
        output.console.print(f"{what:<28}{value}", soft_wrap=True, highlight=False)
    known = measured()
    far = "within" if one.is_measured else "beyond"
    output.notices.print(
        f"{far} what was measured (to {known.points[-1].rows:,} items, {known.about}); at "
        f"{known.held_out[0].rows:,}, which the plan has not seen, it says "
        + ", ".join(f"{ratio:.2f} of the {name}" for name, ratio in one.off.items()),
        soft_wrap=True, highlight=False,
    )  # fmt: skip


def _count(rows: str) -> int:
    """A number of items, as people write large ones: 1e8, 100_000, 2,000,000."""
    try:
        value = float(rows.replace(",", "").replace("_", ""))
    except ValueError:
        value = float("nan")
    if value != value or value in (float("inf"), float("-inf")):
        raise UsageError(f"--rows takes a number of items such as 250000 or 1e8, got {rows!r}")
    return round(value)
