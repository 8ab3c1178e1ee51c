"""``sensorium train``: one command for each kind of training."""

from __future__ import annotations

import typer

from sensorium.cli.train.hash import train_hash

train_app = typer.Typer(
    help="Train encoders, classifiers and hash codes on your own media.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

train_app.command("hash")(train_hash)
