"""Errors that nobody foresaw: whoever runs a server reads where they come from, no client does."""

from __future__ import annotations

import logging

FAULT = "the server has a fault, which is none of the request's: its log says more"

LOG = logging.getLogger("sensorium.serve")


def show_faults() -> None:
    """Let standard error have them: the shell keeps it free of what other libraries log."""
    for name in (LOG.name, "mcp"):  # the SDK logs those of tools itself
        shown = logging.StreamHandler()
        shown.setLevel(logging.ERROR)
        logging.getLogger(name).addHandler(shown)
