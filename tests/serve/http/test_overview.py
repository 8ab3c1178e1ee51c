"""A collection as a whole: order, months, places, map, copies, words."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from sensorium import Collection
from sensorium.serve.settings import Settings
from tests.serve.conftest import SAMPLE, Live

API = "/api/collections/library"

SENTENCE = "The keeper of the lighthouse wrote into the log which ships had passed: " * 5


@pytest.fixture(scope="module")
def dated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Eight photos of which six are dated and two have places, one twice, and a text."""
    folder = tmp_path_factory.mktemp("dated")
    photos = sorted(SAMPLE.glob("x_*.jpg"))[:7]
    copy = Path(shutil.copy(photos[0], folder / "copy.jpg"))
    words = folder / "story.txt"
    words.write_text("A lighthouse keeper counts the ships.\n\nAt night he sleeps.", "utf-8")
    rows = [{"path": str(p), "taken": f"2024-0{9 - n}-01T10:00:00"} for n, p in enumerate(photos)]
    rows[0] |= {"latitude": 52.5, "longitude": 13.4}
    rows[1] |= {"latitude": -33.9, "longitude": 151.2}
    rows[2] |= {"latitude": 1234, "longitude": 0, "taken": "no date"}
    path = folder / "library.sensorium"
    with Collection(path) as library:
        library.add(rows, copy, words)
    with (
        Live(Settings({"library": path})) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        yield client


def ids(client: httpx.Client, **asked: object) -> list[int]:
    answer = client.get(f"{API}/items", params=asked)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


def array(written: str, kind: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(written), kind)


def test_order(dated: httpx.Client) -> None:
    added = ids(dated)
    assert added == sorted(added) and len(added) == 9
    assert ids(dated, order="-added") == added[::-1]
    oldest = ids(dated, order="taken")
    said = [dated.get(f"{API}/items/{n}").json()["metadata"].get("taken", "") for n in oldest]
    assert said == [*(f"2024-0{n}-01T10:00:00" for n in (3, 4, 5, 6, 8, 9)), "no date", "", ""]
    assert ids(dated, order="-taken", limit=2) == [added[0], added[1]]
    pages = [ids(dated, order="taken", offset=n, limit=3) for n in (0, 3, 6, 9)]
    assert [one for page in pages for one in page] == oldest
    answer = dated.get(f"{API}/items", params={"where": "taken >= '2024-08'", "limit": 1}).json()
    assert answer["total"] == 3 and len(answer["items"]) == 1  # SQL compares words: "no date", too
    assert dated.get(f"{API}/items", params={"order": "size"}).status_code == 422


def test_months(dated: httpx.Client) -> None:
    answer = dated.get(f"{API}/timeline").json()
    months = ["2024-03", "2024-04", "2024-05", "2024-06", "2024-08", "2024-09"]
    assert answer == {"months": [{"month": m, "count": 1} for m in months], "undated": 3}


def test_places(dated: httpx.Client) -> None:
    answer = dated.get(f"{API}/places").json()
    assert answer["count"] == 2
    assert array(answer["ids"], "<u4").tolist() == ids(dated)[:2]
    assert array(answer["latitudes"], "<f4") == pytest.approx([52.5, -33.9])
    assert array(answer["longitudes"], "<f4") == pytest.approx([13.4, 151.2])


def test_map(dated: httpx.Client) -> None:
    answer = dated.get(f"{API}/map")
    body, tag = answer.json(), answer.headers["etag"]
    assert answer.headers["content-encoding"] == "gzip"
    assert array(body["ids"], "<u4").tolist() == ids(dated)
    x, y = array(body["x"], "<f4"), array(body["y"], "<f4")
    assert np.abs([x, y]).max() == pytest.approx(1)
    # Equal pictures have one place.
    assert (x[0], y[0]) == pytest.approx((x[7], y[7]), abs=0.02)
    kinds = [body["modalities"][one] for one in array(body["kinds"], "u1")]
    assert kinds == ["image"] * 8 + ["text"]
    assert dated.get(f"{API}/map", headers={"If-None-Match": tag}).status_code == 304
    assert dated.get(f"{API}/map", headers={"Accept-Encoding": "identity"}).json() == body


def test_duplicates(dated: httpx.Client) -> None:
    answer = dated.get(f"{API}/duplicates", params={"pixels": False}).json()
    assert answer["count"] == 1
    (group,) = answer["groups"]
    assert group["kind"] == "copies" and group["scores"] == [1, pytest.approx(1)]
    assert [item["id"] for item in group["items"]] == [ids(dated)[0], ids(dated)[7]]


def test_text(dated: httpx.Client) -> None:
    answer = dated.get(f"{API}/items/{ids(dated)[-1]}/text").json()
    assert "lighthouse" in answer["passages"][0]["text"]
    assert answer["passages"][0]["source"] == "text" and answer["count"] >= 1
    assert dated.get(f"{API}/items/1/text").json() == {"item": 1, "count": 0, "passages": []}
    assert dated.get(f"{API}/items/99/text").status_code == 404


def test_of_a_long_text_those_around_what_was_found(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("\n\n".join(f"{SENTENCE} {n}." for n in range(40)), "utf-8")
    path = tmp_path / "long.sensorium"
    with Collection(path) as collection:
        collection.add(tmp_path / "long.txt")
    with Live(Settings({"library": path})) as url, httpx.Client(base_url=url) as client:
        address = f"{API}/items/1/text"
        all_of_it = client.get(address).json()["passages"]
        found = all_of_it[25]
        asked = {"around": found["span"][0], "limit": 5}
        assert client.get(address, params=asked).json()["passages"] == all_of_it[23:28]
        for around, there in ((0, all_of_it[:5]), (1e9, all_of_it[-5:])):
            asked |= {"around": around}
            assert client.get(address, params=asked).json()["passages"] == there
