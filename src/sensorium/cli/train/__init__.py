"""``sensorium train``: one command for each kind of training."""

from __future__ import annotations

import typer

from sensorium.cli.train.caption import caption
from sensorium.cli.train.classifier import classifier
from sensorium.cli.train.contrastive import contrastive
from sensorium.cli.train.fusion import train_fusion
from sensorium.cli.train.hash import train_hash
from sensorium.cli.train.translation import translation

train_app = typer.Typer(
    help="Train encoders, classifiers, fusion, hash codes, captions, translations on your media.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

train_app.command()(caption)
train_app.command()(classifier)
train_app.command()(contrastive)
train_app.command("fusion")(train_fusion)
train_app.command("hash")(train_hash)
train_app.command()(translation)
