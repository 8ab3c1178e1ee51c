"""``sensorium train``: one command for each kind of training."""

from __future__ import annotations

import typer

train_app = typer.Typer(
    help="Train encoders, classifiers and hash codes on your own media.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# Commands add themselves to the app when they are imported.
from sensorium.cli.train import caption as caption  # noqa: E402
from sensorium.cli.train import contrastive as contrastive  # noqa: E402
from sensorium.cli.train import translation as translation  # noqa: E402
