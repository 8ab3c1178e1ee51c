"""Collections in an object store: moto's S3 server stands for one, where it is installed."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sensorium import Collection
from sensorium.collection.lance_store import ASKED_SECONDS, LanceStore
from sensorium.collection.opening import LINK, location_of
from sensorium.encoders import Encoder
from sensorium.errors import CollectionError
from tests.collection.stores import DIMENSION, embedded, space
from tests.collection.test_bulk import some

SIGNED = "AWS4-HMAC-SHA256 Credential=x/20200101/us-east-1/s3/aws4_request"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of a server of its own."""
    server = shutil.which("moto_server")
    if server is None:
        pytest.skip("needs moto_server: pip install 'moto[server]>=5.2'")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name, value in {
        "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT": f"http://127.0.0.1:{port}", "AWS_ALLOW_HTTP": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    process = subprocess.Popen(
        [server, "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    make = urllib.request.Request(
        f"http://127.0.0.1:{port}/bucket", method="PUT", headers={"Authorization": SIGNED}
    )
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(make).read()
                break
            except OSError:
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.2)
        yield "s3://bucket"
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], LanceStore]:
    def opened(name: str, uri: str) -> LanceStore:
        monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path / name))
        return LanceStore(location_of(uri), uri)

    return opened


def test_where_it_is() -> None:
    """The address stays what it was; a path between has lost a slash."""
    link = location_of("s3://bucket/folder/photos.lance")
    assert link.name.startswith("photos-lance-") and link.suffix == LINK
    assert link.read_text("utf-8") == "s3://bucket/folder/photos.lance"
    assert location_of(Path("s3://bucket/folder/photos.lance")) == link
    assert location_of("gs://bucket/folder/photos.lance") != link
    assert location_of(link) == link
    link.write_text("rm -rf", "utf-8")
    try:
        with pytest.raises(CollectionError, match="holds no address of a collection"):
            Collection(link)
    finally:
        link.unlink()


@pytest.mark.slow
def test_two_machines_and_an_object_store(
    bucket: str, machine: Callable[[str, str], LanceStore]
) -> None:
    uri = f"{bucket}/folder/c.lance"
    with pytest.raises(CollectionError, match="no such collection"):
        LanceStore(location_of(uri), uri, create=False)
    stores = [machine(name, uri) for name in "ab"]

    def write(name: str, store: LanceStore) -> None:
        for n in range(6):
            store.write(space(), encoder="one", embedded=[embedded(f"{name}{n}", caption="dog")])

    threads = [threading.Thread(target=write, args=pair) for pair in zip("ab", stores, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stores[0].tidy()
    time.sleep(ASKED_SECONDS)
    for store in (*stores, machine("c", uri)):
        assert {path for _, path in store.paths()} == {f"{m}{n}" for m in "ab" for n in range(6)}
        assert store.vectors(DIMENSION)[0].tolist() == list(range(1, 13))
        assert len(store.match_words("dog", 20)) == 12
        store.close()


@pytest.mark.slow
def test_a_collection_in_an_object_store(bucket: str, encoder: Encoder) -> None:
    rows = some(20)
    with Collection(f"{bucket}/c.lance", encoder) as library:
        library.add_vectors(rows, [f"{n}" for n in range(20)], metadata={"year": 1999})
        (hit, *_) = library.search(rows[3], where="year = 1999")
        assert (hit.path, hit.score) == ("3", pytest.approx(1, abs=1e-5))
        assert library.delete(hit) == 1
    with Collection(f"{bucket}/c.lance", create=False) as again:
        assert len(again) == 19 and again.encoder.space == encoder.space
