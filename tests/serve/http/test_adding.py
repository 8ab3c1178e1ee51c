"""Media that are sent, files of the server, and the jobs that add them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sensorium import Collection
from sensorium.serve.batching import EndingError
from sensorium.serve.jobs import Job, Jobs
from sensorium.serve.settings import Limits
from sensorium.serve.uploads import safe_name
from tests.collection.disks import disk
from tests.serve.conftest import SAMPLE, Serve

API = "/api/collections/library"
PHOTOS = sorted(SAMPLE.glob("x_*.jpg"))


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A collection of two photos."""
    path = tmp_path / "own" / "library.sensorium"
    path.parent.mkdir()
    with Collection(path) as made:
        made.add(*PHOTOS[:2])
    return path


def send(client: httpx.Client, *files: tuple[str, bytes], **query: Any) -> dict[str, Any]:
    form = [("files", (name, content)) for name, content in files]
    answer = client.post(f"{API}/items", files=form, params=query)
    assert answer.status_code in (200, 202), answer.text
    body: dict[str, Any] = answer.json()
    return body


def ended(client: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    """The last state of a job, which its events end with."""
    told = list(events(client, job["id"]))
    assert [name for name, _ in told[:-1]] == ["progress"] * (len(told) - 1)
    name, last = told[-1]
    assert name == "end"
    assert client.get(f"/api/jobs/{job['id']}").json() == last
    return last


def events(client: httpx.Client, job: str) -> Iterator[tuple[str, dict[str, Any]]]:
    with client.stream("GET", f"/api/jobs/{job}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        name = ""
        for line in stream.iter_lines():
            kind, _, value = line.partition(": ")
            if kind == "event":
                name = value
            elif kind == "data":
                yield name, json.loads(value)


def test_what_is_sent_is_found(serve: Serve, library: Path) -> None:
    client = serve(library)
    photo = PHOTOS[5].read_bytes()
    sent = send(
        client, ("castle.jpg", photo), ("known.jpg", PHOTOS[0].read_bytes()), ("empty.jpg", b""),
        ("rows.csv", b"path\n/etc/passwd\n"), ("a.exe", b"MZ"), ("broken.jpg", b"\xff\xd8\xffxx"),
    )  # fmt: skip
    by_name = {one["name"]: one for one in sent["files"]}
    assert by_name["castle.jpg"]["stored"] == "castle.jpg"
    assert by_name["known.jpg"]["item"] == 1 and by_name["known.jpg"]["stored"] is None
    assert "empty" in by_name["empty.jpg"]["reason"]
    assert "tables name files" in by_name["rows.csv"]["reason"]
    assert ".exe" in by_name["a.exe"]["reason"]
    last = ended(client, sent["job"])
    assert last["state"] == "done", last
    assert (last["report"]["added"], last["done"], last["total"]) == (1, 2, 2)
    (skipped,) = last["report"]["skipped"]
    assert skipped["path"].endswith("broken.jpg") and skipped["reason"]
    uploads = library.parent / "library-uploads"
    assert (uploads / "castle.jpg").read_bytes() == photo
    hit = client.post(f"{API}/search", json={"query": "x", "k": 1, "where": "id = 3"}).json()
    assert hit["hits"][0]["path"] == str(uploads / "castle.jpg")
    again = send(client, ("castle.jpg", photo))
    assert again["job"] is None and again["files"][0]["item"] == 3


def test_nothing_is_written_over(serve: Serve, library: Path) -> None:
    client = serve(library)
    contents = [photo.read_bytes() for photo in PHOTOS[3:6]]
    sent = send(client, *(("a.jpg", content) for content in contents))
    assert [one["stored"] for one in sent["files"]] == ["a.jpg", "a-2.jpg", "a-3.jpg"]
    assert ended(client, sent["job"])["report"]["added"] == 3
    uploads = library.parent / "library-uploads"
    assert [(uploads / n).read_bytes() for n in ("a.jpg", "a-2.jpg", "a-3.jpg")] == contents
    left = [path.name for path in uploads.iterdir() if path.name != ".jobs"]
    assert sorted(left) == ["a-2.jpg", "a-3.jpg", "a.jpg"]


@pytest.mark.skipif(sys.platform != "linux", reason="names are any bytes there")
def test_names_that_are_no_text_are_told(serve: Serve, library: Path, tmp_path: Path) -> None:
    """A job that names such a file ends, and the next one is done."""
    folder = tmp_path / "media"
    folder.mkdir()
    (folder / os.fsdecode(b"\xff.jpg")).write_bytes(PHOTOS[3].read_bytes())
    client = serve(library, roots=(folder,))
    for name, added in ((None, 0), ("a.jpg", 1)):
        if name is not None:
            (folder / name).write_bytes(PHOTOS[3].read_bytes())
        job = client.post(f"{API}/index", json={"paths": [str(folder)]}).json()["job"]
        last = ended(client, job)
        assert last["state"] == "done" and last["report"]["added"] == added
        assert "not valid UTF-8" in last["report"]["skipped"][0]["reason"]


def test_the_end_of_a_job_is_told_when_it_cannot_be_noted(tmp_path: Path) -> None:
    """As on a full disk, which may be what ended it."""
    folder = tmp_path / "jobs"

    def work(job: Job, tell: Any, stop: Any) -> None:
        (lock,) = folder.glob("*.lock")
        (folder / f".{job['id']}.json.{lock.stem}").mkdir()  # where it is written first
        raise EndingError

    jobs = Jobs({"library": folder}, work, 4)
    job = jobs.submit("library", paths=[])
    deadline = time.monotonic() + 30
    while jobs.get(job["id"])["ended"] is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert jobs.get(job["id"])["state"] == "interrupted"
    jobs.close()


def test_jobs_whose_folder_was_removed(serve: Serve, library: Path) -> None:
    client = serve(library)
    for number in (3, 4):
        sent = send(client, ("a.jpg", PHOTOS[number].read_bytes()))
        assert ended(client, sent["job"])["state"] == "done"
        shutil.rmtree(library.parent / "library-uploads")


def test_true_is_no_item(serve: Serve, library: Path) -> None:
    """It would be the first one."""
    client = serve(library)
    refused = client.request("DELETE", f"{API}/items", json={"ids": [True]})
    assert refused.status_code == 422 and "a number" in refused.text
    assert client.get(f"{API}/items").json()["total"] == 2


def test_what_a_killed_server_left_is_removed(serve: Serve, library: Path) -> None:
    uploads = library.parent / "library-uploads"
    uploads.mkdir()
    old, young = uploads / ".0123456789abcdef.part", uploads / ".fedcba9876543210.part"
    for part in (old, young):
        part.write_bytes(b"x")
    os.utime(old, (0, 0))
    send(serve(library), ("a.exe", b"MZ"))
    assert not old.exists() and young.exists()


def test_deleting_takes_files_only_when_asked(serve: Serve, library: Path) -> None:
    client = serve(library)
    sent = send(client, ("a.jpg", PHOTOS[3].read_bytes()), ("b.jpg", PHOTOS[4].read_bytes()))
    ended(client, sent["job"])
    uploads = library.parent / "library-uploads"
    answer = client.request("DELETE", f"{API}/items", json={"ids": [3]})
    assert answer.json() == {"deleted": 1, "files": 0} and (uploads / "a.jpg").exists()
    answer = client.request("DELETE", f"{API}/items?files=true", json={"ids": [1, 4]})
    assert answer.json() == {"deleted": 2, "files": 1}
    assert not (uploads / "b.jpg").exists() and PHOTOS[0].exists()


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("../../escape.jpg", "escape.jpg"),
        ("/etc/cron.d/x.jpg", "x.jpg"),
        ("C:\\fakepath\\y.jpg", "y.jpg"),
        (".hidden.jpg", "hidden.jpg"),
        ("..", ""),
        ("a\r\nSet-Cookie: b=c.jpg", "a__Set-Cookie_ b=c.jpg"),
        ("<img src=x onerror=alert(1)>.jpg", "_img src=x onerror=alert(1)_.jpg"),
        ("nul\0.jpg", "nul_.jpg"),
        ("e\u0301.jpg", "é.jpg"),
        ("gpj.\u202eexe", "gpj._exe"),
        ("猫" * 200 + ".jpg", "猫" * 65 + ".jpg"),
    ],
)
def test_names(name: str, stored: str) -> None:
    assert safe_name(name) == stored
    assert safe_name(stored) == stored


def test_names_over_the_wire(serve: Serve, library: Path) -> None:
    client = serve(library)
    sent = send(client, ("../../../escape.jpg", PHOTOS[3].read_bytes()))
    assert sent["files"][0]["stored"] == "escape.jpg"
    ended(client, sent["job"])
    item = client.get(f"{API}/items/3").json()
    assert item["path"] == str(library.parent / "library-uploads" / "escape.jpg")


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b"{}", 400),
        ("multipart/form-data", b"", 400),
        ("multipart/form-data; boundary=x", b"garbage", 400),
        ("multipart/form-data; boundary=x", b"--x--\r\n", 400),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="files"; '
         b'filename="a.jpg"\r\n\r\nabc', 400),
    ],
)  # fmt: skip
def test_broken_forms(serve: Serve, library: Path, kind: str, body: bytes, status: int) -> None:
    client = serve(library)
    answer = client.post(f"{API}/items", content=body, headers={"Content-Type": kind})
    assert answer.status_code == status, answer.text
    uploads = library.parent / "library-uploads"
    assert not uploads.exists() or not list(uploads.iterdir())


@pytest.mark.parametrize(
    ("part", "count", "told"),
    [
        (b'--x\r\nContent-Disposition: form-data; name="f"\r\n\r\na\r\n', 10_000, "no files"),
        (b'--x\r\nContent-Disposition: form-data; filename="a.jpg"\r\n\r\na\r\n', 10_000, "1000"),
        (b"--x\r\nX-Long: " + bytes(4 << 20) + b"\r\n\r\na\r\n", 1, "header"),
        (b"--x\r\n" + b"X-Many: a\r\n" * 100_000 + b"\r\na\r\n", 1, "header"),
    ],
)
def test_forms_of_too_many_parts(
    serve: Serve, library: Path, part: bytes, count: int, told: str
) -> None:
    client = serve(library)
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    body = part * count + b"--x--\r\n"
    answer = client.post(f"{API}/items", content=body, headers=kind)
    assert answer.status_code == 400 and told in answer.json()["error"]["message"]
    assert not list((library.parent / "library-uploads").iterdir())


def test_too_much(serve: Serve, library: Path) -> None:
    client = serve(library, limits=Limits(upload_bytes=100_000))
    head = b'--x\r\nContent-Disposition: form-data; name="f"; filename="a.jpg"\r\n\r\n'
    endless = (head if n == 0 else b"\0" * 50_000 for n in range(1000))
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    assert client.post(f"{API}/items", content=endless, headers=kind).status_code == 413
    assert not list((library.parent / "library-uploads").iterdir())


def test_what_a_full_disk_has_no_room_for(serve: Serve, library: Path, tmp_path: Path) -> None:
    """It is told so, harms no file beside it, and what was taken is kept and found."""
    kept = tmp_path / "kept"
    small, other = PHOTOS[3].read_bytes(), PHOTOS[4].read_bytes()
    with disk(kept, 1024):
        client = serve(library, uploads=kept)
        sent = send(
            client, ("a.jpg", small), ("large.jpg", small + bytes(2 << 20)), ("b.jpg", other)
        )
        assert [one["stored"] for one in sent["files"]] == ["a.jpg", None, "b.jpg"]
        assert sent["files"][1]["reason"] == "the server's disk is full"
        assert ended(client, sent["job"])["report"]["added"] == 2
        with pytest.raises(OSError, match="space"), (kept / "full").open("wb", 0) as file:
            while True:
                file.write(bytes(4096))
        refused = send(client, ("c.jpg", PHOTOS[5].read_bytes()))
        assert refused["job"] is None and "disk is full" in refused["files"][0]["reason"]
        assert client.get("/health").status_code == 503
        assert client.get(f"{API}/items").json()["total"] == 4
        assert (kept / "library" / "a.jpg").read_bytes() == small
        assert (kept / "library" / "b.jpg").read_bytes() == other
        (kept / "full").unlink()
        again = send(client, ("c.jpg", PHOTOS[5].read_bytes()))
        assert ended(client, again["job"])["report"]["added"] == 1


def test_only_below_roots(serve: Serve, library: Path, tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "root-beside"
    for folder in (root, outside):
        folder.mkdir()
    (root / "in.jpg").write_bytes(PHOTOS[3].read_bytes())
    (outside / "out.jpg").write_bytes(PHOTOS[4].read_bytes())
    (root / "link.jpg").symlink_to(outside / "out.jpg")
    (root / "way").symlink_to(outside)
    (root / "table.csv").write_text(f"path,kind\n{outside / 'out.jpg'},x\nin.jpg,castle\n")
    client = serve(library, roots=(root,))
    for path in (outside, root / "link.jpg", root / "way", root / ".." / "root-beside", "in.jpg",
                 "/etc/passwd", f"{root}\0", "file:///etc/passwd", "~"):  # fmt: skip
        answer = client.post(f"{API}/index", json={"paths": [str(root), str(path)]})
        assert answer.status_code == 403, path
        is_relative = not str(path).startswith("/")
        assert ("from / on" in answer.json()["error"]["message"]) == is_relative, path
        assert "--root" in answer.json()["error"]["message"]
    answer = client.post(f"{API}/index", json={"paths": [str(root), str(root / "table.csv")]})
    assert answer.status_code == 202, answer.text
    last = ended(client, answer.json()["job"])
    assert last["report"]["added"] == 1
    assert {one["path"] for one in last["report"]["skipped"]} == {
        str(root / "link.jpg"), str(root / "way" / "out.jpg"), str(outside / "out.jpg")
    }  # fmt: skip
    assert client.get(f"{API}/items/3").json()["metadata"]["kind"] == "castle"
    missing = client.post(f"{API}/index", json={"paths": [str(root / "no.jpg")]}).json()
    assert "no such file" in ended(client, missing["job"])["report"]["skipped"][0]["reason"]


def test_scopes(serve: Serve, library: Path) -> None:
    client = serve(library, open_scopes=("read",))
    photo = PHOTOS[3].read_bytes()
    assert client.post(f"{API}/items", files={"files": ("a.jpg", photo)}).status_code == 403
    assert client.post(f"{API}/index", json={"paths": ["/"]}).status_code == 403
    assert client.delete("/api/jobs/0123").status_code == 403
    assert client.get("/api/jobs/0123").status_code == 404
    assert client.get("/api/jobs/..%2f..%2fx").status_code == 404


def test_a_watcher_who_leaves_frees_everything(serve: Serve, library: Path) -> None:
    """And the job goes on."""
    client = serve(library, roots=(SAMPLE,), limits=Limits(jobs=1))
    job = client.post(f"{API}/index", json={"paths": [str(SAMPLE)]}).json()["job"]
    full = client.post(f"{API}/index", json={"paths": [str(SAMPLE)]})
    assert full.status_code == 503 and int(full.headers["retry-after"]) > 0

    def running() -> float:
        text = client.get("/metrics").text
        (line,) = (one for one in text.splitlines() if one.startswith("sensorium_requests_running"))
        return float(line.split()[1])

    alone = running()
    for _ in range(3):
        with client.stream("GET", f"/api/jobs/{job['id']}/events") as stream:
            lines = stream.iter_lines()  # which closes the connection when it is collected
            assert next(lines) == "event: progress"
            assert running() == alone + 1
        deadline = time.monotonic() + 30
        while running() != alone:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    cancelled = client.delete(f"/api/jobs/{job['id']}").json()
    assert cancelled["state"] in ("running", "queued", "cancelled")
    last = ended(client, job)
    assert last["state"] == "cancelled" and last["ended"] is not None
    if last["report"] is not None:  # else it had not begun to read
        assert last["report"]["stopped"]
        held = client.get("/api/collections/library").json()["items"]
        assert sum(held.values()) == 2 + last["report"]["added"]
    again = client.post(f"/api/jobs/{job['id']}").json()["job"]
    assert again["paths"] == job["paths"] and again["id"] != job["id"]
    client.delete(f"/api/jobs/{again['id']}")
    ended(client, again)


def started(library: Path, *options: str) -> tuple[subprocess.Popen[bytes], httpx.Client]:
    """The shell's own server, in a process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "sensorium", "serve", f"library={library}", "--port", str(port),
         *options], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
    deadline = time.monotonic() + 300
    while True:
        try:
            if client.get("/api/session").status_code == 200:
                return process, client
        except httpx.TransportError:
            if process.poll() is not None or time.monotonic() > deadline:
                process.terminate()
                raise
            time.sleep(0.05)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_killed_and_ended(library: Path) -> None:
    """A kill loses nothing that was acknowledged; SIGTERM ends job and watcher in good order."""
    process, client = started(library, "--root", str(SAMPLE))
    sent = send(client, ("a.jpg", PHOTOS[3].read_bytes()))
    job = client.post(f"{API}/index", json={"paths": [str(SAMPLE)]}).json()["job"]
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    client.close()
    process, client = started(library, "--root", str(SAMPLE))
    assert (library.parent / "library-uploads" / "a.jpg").read_bytes() == PHOTOS[3].read_bytes()
    states = {one["id"]: one["state"] for one in client.get("/api/jobs").json()["jobs"]}
    assert states[job["id"]] == "interrupted"
    assert states[sent["job"]["id"]] in ("interrupted", "done")
    if states[sent["job"]["id"]] == "interrupted":
        again = client.post(f"/api/jobs/{sent['job']['id']}").json()["job"]
        assert ended(client, again)["state"] == "done"
    assert "a.jpg" in client.get(f"{API}/items", params={"where": "path LIKE '%a.jpg'"}).text
    job = client.post(f"/api/jobs/{job['id']}").json()["job"]
    for _, told in events(client, job["id"]):
        if told["state"] == "running" and process.poll() is None:
            process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert process.wait(60) in (0, -signal.SIGTERM)
    assert time.monotonic() - began < 30
    client.close()
    with Collection(library) as made:
        assert len(made) >= 3


def test_what_is_cancelled_before_it_begins_never_does(serve: Serve, library: Path) -> None:
    """Whoever is told that it was cancelled is told so for ever, however close it was."""
    client = serve(library, roots=(SAMPLE,))
    picture = str(sorted(SAMPLE.glob("x_*.jpg"))[0])
    for _ in range(10):
        jobs = [
            client.post(f"{API}/index", json={"paths": [picture]}).json()["job"] for _ in range(3)
        ]
        last = [client.delete(f"/api/jobs/{job['id']}").json() for job in reversed(jobs)]
        for job in last:
            seen = ended(client, job)
            assert job["state"] != "cancelled" or seen == job
