"""Pictures to index, an encoder of a few kilobytes, and what the local path makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sensorium.encoders import FolderEncoder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where pictures are written."""
    (tmp_path / "pictures").mkdir()
    return tmp_path / "pictures"


@pytest.fixture(scope="session")
def encoder(tiny: Path) -> FolderEncoder:
    return FolderEncoder(tiny)


@pytest.fixture
def two_machines() -> Iterator[tuple[Any, Any]]:
    """A cluster of two nodes of one processor; the second is the one to be killed."""
    ray = pytest.importorskip("ray", reason="needs the extra scale")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    second = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    ray.init(address=cluster.address, log_to_driver=False, logging_level="error")
    try:
        yield cluster, second
    finally:
        ray.shutdown()
        cluster.shutdown()
