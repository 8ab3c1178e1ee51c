"""Chinese requests."""

from __future__ import annotations

import datetime

from sensorium.dialogue.plan import Plan


def understand(said: str, today: datetime.date, *, given: int = 0) -> Plan:
    """A plan for a Chinese request; see `english.understand`."""
    return Plan(intent="find", subject=said.strip(" ?？。！"), given=bool(given), question=said)
