"""What shards find is what one process finds: the same hits, scores and probabilities."""

from __future__ import annotations

import shutil
import socket
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorium import Collection, Image, Question
from sensorium.collection.opening import LancePath
from sensorium.collection.results import Results
from sensorium.encoders import FolderEncoder
from sensorium.errors import UsageError
from sensorium.scale.shards import replica as replicas
from sensorium.scale.shards import shard as shards_shard
from sensorium.scale.shards import shards as asking
from sensorium.scale.shards.link import LinkError
from sensorium.scale.shards.shards import ShardError, Shards
from tests.scale.shards.conftest import TOKEN, Divide, Replica, add, fill, unit

ASKED: tuple[dict[str, Any], ...] = (
    {"query": "a red cat"},
    {"query": "a red cat", "k": 400},
    {"query": "the green dog", "k": 7, "offset": 5},
    {"query": "blue square", "where": "width > 50"},
    {"query": "blue square", "where": "width > 98 AND modality = 'image'", "k": 30},
    {"query": "blue square", "where": "width > 1000"},
    {"query": "a photo of the cat", "modality": "text"},
    {"query": "cat", "modality": "mesh", "k": 200},
    {"query": "cat dog red", "mode": "words", "k": 20},
    {"query": "cat dog red", "mode": "hybrid", "k": 20},
    {"query": "green", "mode": "hybrid", "k": 60, "where": "width < 50"},
    {"query": "a red cat", "without": "dog", "k": 40},
    {"query": "a red cat", "unlike": [3, 200], "k": 300},
    {"query": "red", "like": [12, 720], "mode": "hybrid"},
    {"query": "red", "diversity": 0.5, "k": 15},
    {"query": Image(np.full((32, 32, 3), (200, 30, 30), np.uint8)), "k": 30},
    {"query": Image(np.full((32, 32, 3), (0, 90, 30), np.uint8)), "like": 12, "unlike": 13},
)  # fmt: skip


def told(found: Results) -> tuple[Any, ...]:
    """All that an answer says, to the bit."""
    return found.nothing_matches, [(hit, hit.score, hit.probability) for hit in found]


def assert_same(one: Collection, many: Collection) -> None:
    for asked in ASKED:
        found, expected = told(many.search(**asked)), told(one.search(**asked))
        differ = [both for both in zip(found[1], expected[1], strict=False) if both[0] != both[1]]
        assert found == expected, (asked, differ[:1])
    rng = np.random.default_rng(5)
    for vectors in (unit(rng, 4), one.segments().vectors[[3, 300, 900, -1]]):
        assert many.search_vectors(vectors, k=25) == one.search_vectors(vectors, k=25)
        assert many.search(vectors[0], k=5) == one.search(vectors[0], k=5)


@pytest.mark.parametrize("coded", [False, True], ids=["compared", "coded"])
def test_the_same_is_found(
    library: Path, tiny_folder: FolderEncoder, divide: Divide, coded: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if coded:
        monkeypatch.setattr(shards_shard, "LEAST_ROWS", 50)
    shards, held = divide(library, 3)
    one = Collection(library, tiny_folder)
    with one, Collection(library, tiny_folder, shards=shards) as many:
        assert_same(one, many)
        kinds = {type(some[0].shard.held.finder).__name__ for some in held if some[0].shard.held}
        assert kinds == {"FourBitIndex" if coded else "ExactIndex"}
        sizes = [len(some[0].shard.held.segment_ids) for some in held if some[0].shard.held]
        assert min(sizes) > 100 and sum(sizes) == len(one.segments().ids)


@pytest.mark.slow
def test_tables_of_lance_are_divided(
    tmp_path: Path, tiny_folder: FolderEncoder, divide: Divide
) -> None:
    pytest.importorskip("lance", reason="extra `lance` is not installed")
    path = LancePath(tmp_path / "library.lance")
    fill(path, tiny_folder)
    shards, _ = divide(path, 2)
    with Collection(path, tiny_folder, shards=shards) as many:
        with Collection(path, tiny_folder) as one:
            assert_same(one, many)
            one.delete(*range(20, 60))
        add(path, tiny_folder, first=3, count=10, name="picture")
        with Collection(path, tiny_folder) as one:
            assert_same(one, many)
            shards.follow()
            assert_same(one, many)


def test_unwanted_parts_reach_as_far_down_as_they_must(
    library: Path, tiny_folder: FolderEncoder, divide: Divide, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where what is best is unwanted, more is asked for than shards gave at first."""
    monkeypatch.setattr("sensorium.collection.asking_parts.DEPTHS", (50,))
    shards, _ = divide(library, 3)
    questions = [
        Question("a red cat", without="a red cat photo"),
        Question("red", unlike=[*range(1, 40)]),
    ]
    one = Collection(library, tiny_folder)
    with one, Collection(library, tiny_folder, shards=shards) as many:
        for question in questions:
            before = sum(shards.questions)
            assert told(many.search(question, k=45)) == told(one.search(question, k=45))
            assert sum(shards.questions) - before >= 3
        found = many.search("a red cat", k=5)
        assert told(found.judge(found[0])) == told(one.search("a red cat", k=5).improved())


def test_what_is_added_and_removed_is_seen_at_once(
    library: Path, tiny_folder: FolderEncoder, divide: Divide
) -> None:
    shards, held = divide(library, 2)
    with Collection(library, tiny_folder, shards=shards) as many:
        view = (many.search("cat"), shards.view)[1]
        add(library, tiny_folder, first=0, count=200)
        add(library, tiny_folder, first=3, count=10, name="picture")  # in the place of others
        with Collection(library, tiny_folder) as one:
            one.delete(*range(20, 60), *range(900, 930))
            assert_same(one, many)
            assert shards.view == view  # nobody had to take anything in
            shards.follow()
            assert_same(one, many)
        assert shards.view > view
        with Collection(library, tiny_folder) as one:
            assert_same(one, many)
            one.delete(*range(100, 140))
            one.optimize(kind="ivf")  # which cuts the log of what was removed
            one.optimize(kind="exact")
            assert_same(one, many)
        rows = sum(len(some[0].shard.held.segment_ids) for some in held if some[0].shard.held)
        assert rows == len(many.segments().ids)


def test_much_that_is_new_is_taken_in(
    library: Path, tiny_folder: FolderEncoder, divide: Divide
) -> None:
    shards, _ = divide(library, 2)
    with Collection(library, tiny_folder, shards=shards) as many:
        view = (many.search("cat"), shards.view)[1]
        add(library, tiny_folder, first=0, count=600)
        many.search("cat")
        deadline = time.monotonic() + 60
        while shards.view == view:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with Collection(library, tiny_folder) as one:
            assert told(many.search("cat", k=900)) == told(one.search("cat", k=900))


def test_a_collection_that_is_empty_at_first(
    tmp_path: Path, tiny_folder: FolderEncoder, divide: Divide
) -> None:
    path = tmp_path / "empty.sensorium"
    Collection(path, tiny_folder).close()
    shards, _ = divide(path, 2)
    with Collection(path, tiny_folder, shards=shards) as many:
        assert many.search("cat") == []
        fill(path, tiny_folder, pictures=100)
        with Collection(path, tiny_folder) as one:
            assert told(many.search("cat")) == told(one.search("cat")) != (True, [])


def test_another_file_in_its_place(
    library: Path, tmp_path: Path, tiny_folder: FolderEncoder, divide: Divide
) -> None:
    """Shards that hold what lay there before are not believed, and read what lies there now."""
    shards, held = divide(library, 2)
    with Collection(library, tiny_folder, shards=shards) as many:
        many.search("cat")
    fill(tmp_path / "other.sensorium", tiny_folder, seed=1)
    (tmp_path / "other.sensorium").replace(library)
    addresses = [[one.address for one in some] for some in held]
    one = Collection(library, tiny_folder)
    with one, Collection(library, tiny_folder, shards=Shards(addresses, TOKEN)) as many:
        assert_same(one, many)


def test_a_replica_that_dies_costs_a_retry(
    library: Path, tiny_folder: FolderEncoder, divide: Divide
) -> None:
    shards, held = divide(library, 2, replicas=2)
    with Collection(library, tiny_folder, shards=shards) as many:
        many.search("a red cat")
        # What is started anew holds other rows than what was there before.
        add(library, tiny_folder, first=0, count=5)
        with Collection(library, tiny_folder) as one:
            one.delete(5)
            expected = told(one.search("a red cat", k=50))
        for dying in (0, 1):
            held[0][dying].end()
            assert told(many.search("a red cat", k=50)) == expected
            assert not shards.check()
            port = held[0][dying].port
            held[0][dying] = Replica(library, (0, 2), port)
            deadline = time.monotonic() + 30
            while shards.lost:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        assert sum(shards.retries) >= 1
        with Collection(library, tiny_folder) as one:
            assert_same(one, many)
        for some in held[0]:
            some.end()


def test_the_newest_are_removed_and_a_replica_is_started_anew(
    library: Path, tiny_folder: FolderEncoder, divide: Divide
) -> None:
    """It has read all there is, though it knows of no segment that is as new as those were."""
    shards, held = divide(library, 2)
    with Collection(library, tiny_folder, shards=shards) as many:
        many.search("cat")
        with Collection(library, tiny_folder) as one:
            one.delete(*range(1000, 1031))
        held[0][0].end()
        held[0][0] = Replica(library, (0, 2), held[0][0].port)
        with Collection(library, tiny_folder) as one:
            assert told(many.search("cat", k=60)) == told(one.search("cat", k=60))


def test_shards_of_a_later_state(
    library: Path, tmp_path: Path, tiny_folder: FolderEncoder, divide: Divide,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """What they have more is passed over; where they lack something, nothing is answered."""
    earlier = Path(shutil.copy(library, tmp_path / "earlier.sensorium"))
    add(library, tiny_folder, first=0, count=30)
    shards, held = divide(library, 2)
    with (
        Collection(earlier, tiny_folder) as one,
        Collection(earlier, tiny_folder, shards=shards) as many,
    ):
        assert_same(one, many)
    with Collection(library, tiny_folder) as one:
        one.delete(3)
    monkeypatch.setattr(asking, "PATIENCE_SECONDS", 0.5)
    shards = Shards([[one.address for one in some] for some in held], TOKEN)
    shards_shard.Shard.follow(held[0][0].shard)
    with (
        Collection(earlier, tiny_folder, shards=shards) as many,
        pytest.raises(ShardError, match="it holds a later state of the collection"),
    ):
        many.search("cat")


def test_a_process_that_stops_while_it_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not waited for as long as reading may take."""
    monkeypatch.setattr(replicas, "ALIVE_SECONDS", 0.05)
    monkeypatch.setattr(replicas, "ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(LinkError, match=r"no answer within 0\.2 s"):
            replicas.Replica(address, TOKEN).follow()


def test_a_shard_that_nobody_holds_is_named(
    library: Path, tiny_folder: FolderEncoder, divide: Divide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "PATIENCE_SECONDS", 0.3)
    shards, held = divide(library, 2)
    with Collection(library, tiny_folder, shards=shards) as many:
        many.search("cat")
        assert shards.check() == {}
        held[1][0].end()
        with pytest.raises(ShardError, match=r"shard 2 of 2 of .*library.sensorium: no replica "):
            many.search("cat")
        with pytest.raises(ShardError, match=held[1][0].address):
            many.search("cat dog", mode="hybrid")
        assert many.search("cat", mode="words")  # which no shard is asked for
        assert list(shards.check()) == [shards.name(1)]
        held[1][0] = Replica(library, (1, 2), held[1][0].port)
        deadline = time.monotonic() + 30
        while shards.check():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        with Collection(library, tiny_folder) as one:
            assert told(many.search("cat")) == told(one.search("cat"))


def test_what_is_no_shard_of_it(
    library: Path, tiny_folder: FolderEncoder, divide: Divide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "PATIENCE_SECONDS", 0.5)
    _, held = divide(library, 2)
    first, second = (some[0].address for some in held)
    for addresses, token, wrong in (
        ([[second], [first]], TOKEN, "holds part 2/2, not 1/2"),
        ([[first], [second], [first]], TOKEN, "not 1/3"),
        ([[first], [second]], "a wrong one", "401: a shard is asked with the token"),
    ):
        shards = Shards(addresses, token)
        many = Collection(library, tiny_folder, shards=shards)
        with many, pytest.raises(ShardError, match=wrong):
            many.search("cat")
    for addresses, wrong in (([], "at least one"), ([[]], "at least one"), ([["x"]], "HOST:PORT"),
                             ([["x:0"]], "HOST:PORT")):  # fmt: skip
        with pytest.raises(UsageError, match=wrong):
            Shards(addresses, TOKEN)
    monkeypatch.delenv("SENSORIUM_SHARD_TOKEN", raising=False)
    with pytest.raises(UsageError, match="SENSORIUM_SHARD_TOKEN"):
        Shards([[first]])


def test_shards_are_of_one_collection(
    library: Path, tmp_path: Path, tiny_folder: FolderEncoder, divide: Divide
) -> None:
    """Another one would be told what this one holds."""
    shards, _ = divide(library, 1)
    other = Path(shutil.copy(library, tmp_path / "other.sensorium"))
    with Collection(library, tiny_folder, shards=shards) as many:
        with pytest.raises(UsageError, match="asked by a collection already"):
            Collection(other, tiny_folder, shards=shards)
        assert many.search("cat")
    with pytest.raises(UsageError, match="or were closed with it"):
        Collection(library, tiny_folder, shards=shards)
    wrong: Any = 2
    with pytest.raises(UsageError, match=r"scale\.Shards; got 2"):
        Collection(library, tiny_folder, shards=wrong)
