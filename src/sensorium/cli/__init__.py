"""The command line: the same calls as in Python, in words."""

from __future__ import annotations

import io
import sys

from sensorium.errors import SensoriumError, UsageError

EXIT_DONE = 0
EXIT_PARTLY = 1  # nothing found, or some inputs were skipped
EXIT_USAGE = 2
EXIT_FAILED = 3
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def main() -> None:
    """Run ``sensorium`` and turn Sensorium's own errors into one line and an exit code."""
    from sensorium.cli.app import app

    # File names that are not UTF-8 leave as the bytes they are, for xargs and the like.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")
    try:
        app()
    except SensoriumError as error:
        print(f"sensorium: {error}", file=sys.stderr)
        sys.exit(EXIT_USAGE if isinstance(error, UsageError) else EXIT_FAILED)
