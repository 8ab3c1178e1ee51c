"""The OpenAPI description is true: whatever is asked, the answer is one that it names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from sensorium import Collection
from sensorium.serve.settings import Settings
from tests.serve.conftest import SAMPLE, Live

schemathesis = pytest.importorskip("schemathesis")

from schemathesis.checks import not_a_server_error  # noqa: E402
from schemathesis.specs.openapi.checks import (  # noqa: E402
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    path = tmp_path_factory.mktemp("described") / "library.sensorium"
    with Collection(path) as library:
        library.add(*sorted(SAMPLE.glob("x_*.jpg"))[:4])
    with Live(Settings({"library": path})) as url:
        yield schemathesis.openapi.from_url(f"{url}/openapi.json")


def test_every_answer_is_described(described: Any) -> None:
    """Each address, asked for whatever its description allows, a few times."""
    faults, asked = [], 0
    for found in described.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=4, deadline=None, derandomize=True, database=None,
            phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            nonlocal asked
            asked += 1
            case.call_and_validate(checks=CHECKS, timeout=60)

        try:
            ask()
        except Exception as error:
            faults.append(f"{operation.method} {operation.path}: {error}")
    assert asked > 100
    assert not faults, "\n\n".join(faults)[:10_000]


def test_every_address_says_what_it_gives(described: Any) -> None:
    paths = described.raw_schema["paths"]
    assert len(paths) > 30
    for path, methods in paths.items():
        for method, one in methods.items():
            assert one["summary"] and one["description"], (method, path)
            assert "503" in one["responses"], (method, path)
