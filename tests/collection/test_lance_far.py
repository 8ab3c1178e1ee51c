"""Collections in object stores: moto's S3 server and Azurite stand for such, where installed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sensorium import Collection
from sensorium.collection.captioned_items import captioned_items, names_collection
from sensorium.collection.lance_store import ASKED_SECONDS, LanceStore
from sensorium.collection.opening import LINK, location_of
from sensorium.data.captioned import read_captioned
from sensorium.data.sources import open_all
from sensorium.encoders import Encoder
from sensorium.errors import CollectionError, UsageError
from tests.collection.pictures import png, write
from tests.collection.stores import DIMENSION, embedded, space
from tests.collection.test_bulk import some

SIGNED = "AWS4-HMAC-SHA256 Credential=x/20200101/us-east-1/s3/aws4_request"


AZURITE = (
    "devstoreaccount1",
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
)
"""The account that Azurite has, and its key, which everybody knows."""


@pytest.fixture(scope="module", params=["s3", "az"])
def bucket(request: pytest.FixtureRequest) -> Iterator[str]:
    """A bucket of a server of its own: one, as Lance looks once how Azure is reached."""
    program, lacking = {
        "s3": ("moto_server", "pip install 'moto[server]>=5.2'"),
        "az": ("azurite-blob", "npm install --global azurite"),
    }[request.param]
    server = shutil.which(program)
    if server is None:
        pytest.skip(f"needs {program}: {lacking}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    make = {"s3": s3_bucket, "az": azure_container}[request.param]
    options = {
        "s3": ["-p", str(port)],
        "az": [
            "--blobPort", str(port), "--inMemoryPersistence", "--disableTelemetry",
            "--skipApiVersionCheck",
        ],
    }[request.param]  # fmt: skip
    process = subprocess.Popen(
        [server, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    monkeypatch = pytest.MonkeyPatch()
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(make(port, monkeypatch)).read()
                break
            except OSError:
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.2)
        yield f"{request.param}://bucket"
    finally:
        monkeypatch.undo()
        process.kill()
        process.wait()


def s3_bucket(port: int, monkeypatch: pytest.MonkeyPatch) -> urllib.request.Request:
    """What makes a bucket; how it is reached is set for Lance."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT": f"http://127.0.0.1:{port}", "AWS_ALLOW_HTTP": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    return urllib.request.Request(
        f"http://127.0.0.1:{port}/bucket", method="PUT", headers={"Authorization": SIGNED}
    )


def azure_container(port: int, monkeypatch: pytest.MonkeyPatch) -> urllib.request.Request:
    """The same of Azure, whose requests are signed (Shared Key, version 2021-08-06)."""
    account, key = AZURITE
    for name, value in {
        "AZURE_STORAGE_ACCOUNT_NAME": account, "AZURE_STORAGE_ACCOUNT_KEY": key,
        "AZURE_STORAGE_ENDPOINT": f"http://127.0.0.1:{port}/{account}", "AZURE_ALLOW_HTTP": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    told = {
        "x-ms-date": f"{datetime.now(UTC):%a, %d %b %Y %H:%M:%S GMT}",
        "x-ms-version": "2021-08-06",
    }
    lines = "".join(f"{name}:{value}\n" for name, value in told.items())
    text = f"PUT{chr(10) * 12}{lines}/{account}/{account}/bucket\nrestype:container"
    digest = hmac.digest(base64.b64decode(key), text.encode(), hashlib.sha256)
    signed = f"SharedKey {account}:{base64.b64encode(digest).decode()}"
    return urllib.request.Request(
        f"http://127.0.0.1:{port}/{account}/bucket?restype=container", method="PUT",
        headers={**told, "Authorization": signed, "Content-Length": "0"},
    )  # fmt: skip


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


def test_what_is_not_reached_says_how_it_would_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ACCOUNT_NAME", "ACCOUNT_KEY", "CONNECTION_STRING", "USE_EMULATOR"):
        monkeypatch.delenv(f"AZURE_STORAGE_{name}", raising=False)
    with pytest.raises(CollectionError, match=r"environment says: AZURE_STORAGE_ACCOUNT_NAME, "):
        Collection("az://bucket/c.lance")
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", str(tmp_path / "none.json"))
    with pytest.raises(CollectionError, match=r"environment says: GOOGLE_SERVICE_ACCOUNT, "):
        Collection("gs://bucket/c.lance")


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


def test_pairs_to_train_with(bucket: str, tmp_path: Path, tiny: Path) -> None:
    """A table of pictures with captions, and a collection whose metadata hold captions."""
    import lance
    import pyarrow

    columns = {"image": [png(0), png(1)], "caption": ["a cat", "a dog"]}
    lance.write_dataset(pyarrow.table(columns), f"{bucket}/pairs.lance")
    assert not names_collection(f"{bucket}/pairs.lance")
    found = read_captioned(f"{bucket}/pairs.lance")
    assert found.texts == [["a cat"], ["a dog"]]
    assert [picture.load().size for picture in open_all(found.sources)] == [(8, 8), (8, 8)]
    with Collection(f"{bucket}/photos", tiny) as library:
        library.add(write(tmp_path / "1.png", 1), metadata={"caption": "a dog"})
    assert names_collection(f"{bucket}/photos")
    assert captioned_items(f"{bucket}/photos").texts == [["a dog"]]
    with pytest.raises(UsageError, match="cannot be read as a Lance table"):
        read_captioned(f"{bucket}/none")
