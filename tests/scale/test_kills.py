"""A worker and a machine are killed in the middle: every file is stored once, as if nothing was."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.sleeping import SleepingEncoder, asked
from sensorium import Collection
from sensorium.collection.checking import check
from tests.collection.pictures import write_many
from tests.scale.stored import assert_same

ray = pytest.importorskip("ray", reason="needs the extra scale")
from ray.cluster_utils import Cluster  # noqa: E402

from sensorium import scale  # noqa: E402
from sensorium.scale import embedder  # noqa: E402

FILES = int(os.environ.get("SENSORIUM_KILLED_FILES", "300"))
SECONDS = 30 / FILES  # for each file: there is time to kill

pytestmark = pytest.mark.slow


def count(done: dict[tuple[int, str], list[float]]) -> int:
    return sum(map(len, done.values()))


class Killer(threading.Thread):
    """Kills a process once some files were encoded, then the second node with all that is there."""

    def __init__(self, cluster: Cluster, second: Any, log: Path) -> None:
        super().__init__(daemon=True)
        self.cluster, self.second, self.log = cluster, second, log
        self.killed: list[str] = []
        self.over = False

    def run(self) -> None:
        while not self.over and len(self.killed) < 2:
            time.sleep(0.05)
            done = asked(self.log)
            if count(done) < FILES // 6:
                continue
            there = {node for _, node in done}
            if not self.killed:
                os.kill(next(iter(done))[0], signal.SIGKILL)
                self.killed.append("worker")
            elif count(done) > FILES // 3 and self.second.node_id in there:
                self.cluster.remove_node(self.second, allow_graceful=False)
                self.killed.append("node")


@pytest.mark.parametrize("kind", ["lance", "sqlite"])
def test_kills_cost_time_alone(
    kind: str,
    two_machines: tuple[Cluster, Any],
    folder: Path,
    tmp_path: Path,
    tiny: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(embedder, "COMMIT_SECONDS", 1.0)
    write_many(folder, range(FILES))
    (folder / "bad.png").write_bytes(b"bad")
    log = tmp_path / "log"
    log.mkdir()
    with Collection(tmp_path / "here.sensorium", tiny) as library:
        library.add(folder)
    place = tmp_path / "far.lance" if kind == "lance" else tmp_path / "far.sensorium"
    address = f"lance://{place}" if kind == "lance" else place
    killer = Killer(*two_machines, log)
    killer.start()
    report = scale.index(folder, address, encoder=SleepingEncoder(tiny, SECONDS, log))
    killer.over = True
    killer.join()
    assert killer.killed == ["worker", "node"]
    assert len(asked(log)) >= 3  # one took the place of the one that was killed
    assert report.added == FILES and len(report.skipped) == 1
    assert_same(tmp_path / "here.sensorium", place)
    before = count(asked(log))
    assert before > FILES  # what was in hand was done again
    again = scale.index(folder, address, encoder=SleepingEncoder(tiny, SECONDS, log))
    assert (again.added, again.unchanged) == (0, FILES)
    assert count(asked(log)) == before
    with Collection(place, SleepingEncoder(tiny, 0, log)) as library:
        assert not check(library).damages and len(library) == FILES
