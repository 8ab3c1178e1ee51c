"""Files and small pictures of items, as browsers and players ask for them."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import PIL.Image
import pytest

from sensorium import Collection
from sensorium.serve.settings import Settings
from tests.media.pdfs import text_pdf
from tests.serve.conftest import SAMPLE, Live

ITEMS = "/api/collections/library/items"
MARKUP = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo, a PDF, a sound, pages that hold a program, and those of a scan."""
    folder = tmp_path_factory.mktemp("kept")
    shutil.copy(SAMPLE / "x_dog.jpg", folder / "a 'dog' & \"cat\".jpg")
    (folder / "b.pdf").write_bytes(text_pdf("the first page", "another page"))
    shutil.copy(SAMPLE.parent / "audio" / "a_bell.ogg", folder / "c.ogg")
    (folder / "d.html").write_text(f"<title>x</title><p>{MARKUP} some words here</p>", "utf-8")
    red, *others = (PIL.Image.new("RGB", (90, 60), one) for one in ("red", "green", "blue"))
    red.save(folder / "e.tiff", save_all=True, append_images=others)
    return folder


@pytest.fixture(scope="module")
def client(kept: Path) -> Iterator[httpx.Client]:
    path = kept / "library.sensorium"
    with Collection(path, "mini+ear") as library:
        library.add(kept, metadata={"caption": MARKUP})
        assert [item.modality for item in library.items()] == [
            "image",
            "text",
            "audio",
            "text",
            "image",
        ]
    with (
        Live(Settings({"library": path})) as url,
        httpx.Client(base_url=url, timeout=60) as asking,
    ):
        yield asking


def test_conditions_and_ranges(client: httpx.Client, kept: Path) -> None:
    content = (SAMPLE / "x_dog.jpg").read_bytes()
    whole = client.get(f"{ITEMS}/1/media")
    tag = whole.headers["etag"]
    assert whole.content == content and whole.headers["accept-ranges"] == "bytes"
    part = client.get(f"{ITEMS}/1/media", headers={"Range": "bytes=10-19"})
    assert part.status_code == 206 and part.content == content[10:20]
    assert part.headers["content-range"] == f"bytes 10-19/{len(content)}"
    for said in (tag, f'"x", W/{tag}', "*"):
        for more in ({}, {"Range": "bytes=0-9"}):
            known = client.get(f"{ITEMS}/1/media", headers={"If-None-Match": said, **more})
            assert known.status_code == 304 and known.headers["etag"] == tag and not known.content
    same = client.get(f"{ITEMS}/1/media", headers={"Range": "bytes=0-9", "If-Range": tag})
    assert same.status_code == 206
    other = client.get(f"{ITEMS}/1/media", headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert other.status_code == 200 and other.content == content
    beyond = client.get(f"{ITEMS}/1/media", headers={"Range": f"bytes={len(content)}-"})
    assert beyond.status_code == 416
    head = client.head(f"{ITEMS}/1/media")
    assert head.status_code == 200 and not head.content
    assert head.headers["content-length"] == str(len(content))


def test_ranges_are_not_compressed(client: httpx.Client, kept: Path) -> None:
    """A part of a compressed file is no part of the file."""
    for item, name in ((1, "a 'dog' & \"cat\".jpg"), (4, "d.html")):
        content = (kept / name).read_bytes()
        for asked in ({"Range": "bytes=10-39"}, {}):
            answer = client.get(
                f"{ITEMS}/{item}/media", headers={"Accept-Encoding": "gzip", **asked}
            )
            assert "content-encoding" not in answer.headers
            assert answer.content == (content[10:40] if asked else content)
            assert answer.headers["content-length"] == str(len(answer.content))


def test_thousands_of_ranges_are_one_file(client: httpx.Client) -> None:
    """The answer never is larger than the file, and never made of parts that overlap."""
    length = int(client.head(f"{ITEMS}/1/media").headers["content-length"])
    for ranges in (",".join(f"{n}-{n}" for n in range(0, 6000, 2)), ",".join(["0-"] * 90)):
        answer = client.get(f"{ITEMS}/1/media", headers={"Range": f"bytes={ranges}"})
        assert answer.status_code in (200, 206) and len(answer.content) <= length + 1000
    for odd in ("bytes=abc", "bytes=9-2", "lines=1-2", "bytes=-0", "bytes=" + "9" * 5000 + "-"):
        assert client.get(f"{ITEMS}/1/media", headers={"Range": odd}).status_code < 500


def test_programs_are_not_shown(client: httpx.Client) -> None:
    page = client.get(f"{ITEMS}/4/media")
    assert page.headers["content-type"] == "application/octet-stream"
    assert page.headers["content-disposition"].startswith("attachment")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    facts = client.get(f"{ITEMS}/4")
    assert facts.headers["content-type"] == "application/json"
    assert facts.json()["metadata"]["caption"] == MARKUP
    name = client.get(f"{ITEMS}/1/media").headers["content-disposition"]
    assert "\n" not in name and '"' not in name.partition("''")[2]


def picture(client: httpx.Client, item: int, **asked: object) -> PIL.Image.Image:
    answer = client.get(f"{ITEMS}/{item}/thumbnail", params=asked)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/webp"
    return PIL.Image.open(io.BytesIO(answer.content)).convert("RGB")


def test_a_page_looks_like_itself(client: httpx.Client) -> None:
    first, second = picture(client, 2), picture(client, 2, page=2)
    assert first.size == (256, 128) and first.size == second.size  # the page is 400 by 200
    assert np.asarray(first).max() == 255 and np.asarray(first).min() < 150  # black on white
    assert np.abs(np.asarray(first, int) - np.asarray(second, int)).max() > 50
    missing = client.get(f"{ITEMS}/2/thumbnail", params={"page": 3})
    assert missing.status_code == 422 and "2 pages" in missing.text


def test_a_page_of_a_scan(kept: Path, client: httpx.Client) -> None:
    red, green, blue = (
        picture(client, 5, page=n).resize((1, 1)).getpixel((0, 0)) for n in (1, 2, 3)
    )
    assert max(red) == red[0] and max(green) == green[1] and max(blue) == blue[2]


def test_a_sound_is_a_wave(client: httpx.Client) -> None:
    wave = np.asarray(picture(client, 3, side=128))
    assert wave.shape == (64, 128, 3)
    heights = (wave[:, :, 0] < 160).sum(axis=0)
    assert heights[: len(heights) // 3].mean() > heights[-len(heights) // 3 :].mean()  # it fades


def test_small_pictures_are_known(client: httpx.Client) -> None:
    answer = client.get(f"{ITEMS}/1/thumbnail")
    again = client.get(f"{ITEMS}/1/thumbnail", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert client.head(f"{ITEMS}/1/thumbnail").status_code == 200
    for asked in ({"side": 0}, {"side": 10_000}, {"at": "nan"}, {"at": "inf"}, {"page": 0}):
        assert client.get(f"{ITEMS}/1/thumbnail", params=asked).status_code == 422
    assert client.get(f"{ITEMS}/99/thumbnail").status_code == 404
    assert client.get(f"{ITEMS}/{1 << 70}/thumbnail").status_code == 422


def test_a_file_that_is_gone(client: httpx.Client, kept: Path) -> None:
    (kept / "d.html").rename(kept / "moved")
    (kept / "d.html").mkdir()
    try:
        assert client.get(f"{ITEMS}/4/media").status_code == 404
        (kept / "d.html").rmdir()
        assert client.get(f"{ITEMS}/4/media").status_code == 404
        assert client.get(f"{ITEMS}/4/thumbnail").status_code == 404
    finally:
        (kept / "moved").rename(kept / "d.html")


def test_places_that_an_item_has_not_are_one_picture(client: httpx.Client) -> None:
    """Else whoever counts through them fills the disk."""
    tags = {
        client.get(f"{ITEMS}/1/thumbnail", params=asked).headers["etag"]
        for asked in ({}, {"at": 1.5}, {"at": 1e300}, {"view": 3}, {"page": 1})
    }
    assert len(tags) == 1
