"""``python -m sensorium`` is ``sensorium``."""

from sensorium.cli import main

main()
