"""What several tests of encoders share."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def unshared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every model is loaded anew, whoever holds its like."""

    class Forgetful(dict[Any, Any]):
        def get(self, *_: object) -> None:
            return None

    monkeypatch.setattr("sensorium.encoders.runtime._HELD", Forgetful())
