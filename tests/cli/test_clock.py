"""Times as they are told."""

from __future__ import annotations

import pytest

from sensorium.cli.output import clock


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0:00"),
        (4.5, "0:04"),
        (4.953, "0:05"),
        (19.976, "0:20"),
        (65, "1:05"),
        (3723, "1:02:03"),
    ],
)
def test_clock(seconds: float, told: str) -> None:
    assert clock(seconds) == told
