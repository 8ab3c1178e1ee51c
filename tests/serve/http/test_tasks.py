"""What a task gives over HTTP is what the shell prints."""

from __future__ import annotations

import base64
import io
import json
import wave
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from sensorium import Image, Text, load_encoder
from sensorium.cli.app import app
from sensorium.explain import Explanation
from sensorium.plain import plain_fields
from sensorium.serve.settings import Limits, Settings
from sensorium.tasks.captioning import load_captioner
from sensorium.tasks.weights import WEIGHTS
from tests.serve.conftest import SAMPLE, Live, Serve

DOG = SAMPLE / "x_dog.jpg"


@pytest.fixture(scope="module")
def asking(photos: Path) -> Iterator[httpx.Client]:
    with (
        Live(Settings({"photos": photos})) as url,
        httpx.Client(base_url=url, timeout=120) as client,
    ):
        yield client


def done(client: httpx.Client, task: str, file: Path | None = None, **options: Any) -> Any:
    if file is None:
        answer = client.post(f"/api/tasks/{task}", json=options)
    else:
        content = {"file": (file.name, file.read_bytes())}
        answer = client.post(f"/api/tasks/{task}", files=content, data=options)
    assert answer.status_code == 200, answer.text
    return answer.json()


def shell(*words: str) -> Any:
    found = CliRunner().invoke(app, [*words, "--json"])
    assert found.exit_code in (0, 1), found.output
    return json.loads(found.stdout.splitlines()[0])


def near(one: Any, other: Any) -> None:
    """Equal but for rounding, and for seconds that were taken."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one.keys() - {"path", "seconds", "source"}:
            near(one[key], other[key])
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for mine, theirs in zip(one, other, strict=True):
            near(mine, theirs)
    elif isinstance(one, float):
        assert one == pytest.approx(other, abs=2e-3)
    else:
        assert one == other


def test_classify(asking: httpx.Client) -> None:
    own = shell("classify", str(DOG), "--labels", "cat,dog")
    for found in (
        done(asking, "classify", DOG, labels="cat,dog"),
        done(asking, "classify", labels=["cat", "dog"],
             data=base64.b64encode(DOG.read_bytes()).decode()),
    ):  # fmt: skip
        near(found, own)
    assert done(asking, "classify", DOG, labels="cat,dog")["path"] == "x_dog.jpg"
    near(
        done(asking, "classify", DOG, labels="dog"), shell("classify", str(DOG), "--labels", "dog")
    )


def test_of_an_item(asking: httpx.Client) -> None:
    item = asking.get("/api/collections/photos/items/4").json()
    found = done(asking, "classify", collection="photos", item=4, labels="cat,dog,castle")
    assert found["path"] == item["path"]
    near(found, shell("classify", item["path"], "--labels", "cat,dog,castle"))


def test_caption(asking: httpx.Client) -> None:
    (own,) = load_captioner().caption([DOG])
    near(done(asking, "caption", DOG), plain_fields(own))


@pytest.mark.skipif(not WEIGHTS["ssd-coco"].is_here, reason="weights are not here")
def test_boxes_and_masks(asking: httpx.Client) -> None:
    found = done(asking, "detect", DOG)
    near(found, shell("detect", str(DOG)))
    assert found["path"] == "x_dog.jpg" and found["boxes"]
    box = ",".join(str(round(edge)) for edge in found["boxes"][0]["box"])
    near(done(asking, "segment", DOG, boxes=box), shell("segment", str(DOG), "--boxes", box))


def test_explain(asking: httpx.Client) -> None:
    path = asking.get("/api/collections/photos/items/2").json()["path"]
    found = done(asking, "explain", collection="photos", item=2, query="a dog")
    assert found.keys() == {field.name for field in fields(Explanation)} and found["path"] == path
    picture, words = load_encoder("mini").encode([Image(path), Text("a dog")])
    assert found["score"] == pytest.approx(float(picture @ words), abs=2e-3)
    assert found["hit"]["parts"] and found["question"]["parts"]
    label = done(asking, "explain", collection="photos", item=2, label="dog", labels=["dog", "cat"])
    assert 0 <= label["probability"] <= 1


@pytest.mark.slow
def test_explain_several_parts(asking: httpx.Client) -> None:
    """What is explained is the score that a search of the same parts gives."""
    parts = [
        {"text": "an animal", "weight": 1},
        {"data": base64.b64encode(DOG.read_bytes()).decode(), "weight": 0.5},
        {"item": 2, "weight": 2},
        {"text": "a street", "weight": -1},
    ]
    search = {"query": "outside", "parts": parts, "k": 1}
    (hit,) = asking.post("/api/collections/photos/search", json=search).json()["hits"]
    options = {"collection": "photos", "item": hit["id"], "query": "outside", "parts": parts}
    found = done(asking, "explain", **options)
    assert found["score"] == pytest.approx(hit["score"], abs=1e-3)
    assert [part["weight"] for part in found["parts"]] == [1, 1, 0.5, -1, 2]
    assert sum(part["score"] for part in found["parts"]) == pytest.approx(found["score"], abs=1e-6)
    alone = done(asking, "explain", DOG, parts=json.dumps([parts[0], parts[3]]))
    assert alone["value"] == "standard deviations" and len(alone["parts"]) == 2
    for wrong, told in (
        ({"parts": [{"item": 1}, {"text": "a"}], "data": parts[1]["data"]}, "name it"),
        ({"parts": [{"text": "a", "weight": -1}], "collection": "photos", "item": 1}, "sought"),
        ({"collection": "photos", "item": 1}, "words (query)"),
    ):
        answer = asking.post("/api/tasks/explain", json=wrong)
        assert answer.status_code == 400 and told in answer.json()["error"]["message"]


def test_texts(asking: httpx.Client, tmp_path: Path) -> None:
    text = tmp_path / "story.txt"
    text.write_text(
        "The lighthouse was built in 1867. It is white. Its keeper counts ships. He likes tea. "
        "At night he writes letters to his sister in Porto.", "utf-8",
    )  # fmt: skip
    near(done(asking, "summarize", text, sentences="2"), shell("summarize", str(text), "-n", "2"))
    question = "When was the lighthouse built?"
    (found,) = done(asking, "answer", text, question=question, k="1")["answers"]
    near(found, shell("answer", question, str(text)))
    assert "1867" in found["text"] and found["source"] == "story.txt"
    words = done(asking, "answer", question=question, text=text.read_text("utf-8"), k=1)
    assert words["answers"][0]["text"] == found["text"]


def test_a_path_is_words(asking: httpx.Client, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("The password of the vault is swordfish, and nobody knows it.", "utf-8")
    answer = asking.post("/api/tasks/summarize", json={"text": str(secret)})
    assert "swordfish" not in answer.text
    (tmp_path / "there.jpg").write_bytes(min(SAMPLE.glob("x_*.jpg")).read_bytes())
    for name in ("there.jpg", "not there.jpg"):  # nor is it told which files there are
        asked = {"question": str(tmp_path / name), "collection": "photos"}
        assert done(asking, "answer", **asked) == {"answers": []}


@pytest.mark.slow
@pytest.mark.skipif(not WEIGHTS["voice-joe"].is_here, reason="weights are not here")
@pytest.mark.skipif(not WEIGHTS["whisper-base"].is_here, reason="weights are not here")
def test_speak_and_transcribe(asking: httpx.Client, tmp_path: Path) -> None:
    answer = asking.post("/api/tasks/speak", json={"text": "The castle stands on a hill."})
    assert answer.status_code == 200 and answer.headers["content-type"] == "audio/wav"
    with wave.open(io.BytesIO(answer.content)) as sound:
        assert 1 < sound.getnframes() / sound.getframerate() < 5
    spoken = tmp_path / "said.wav"
    spoken.write_bytes(answer.content)
    found = done(asking, "transcribe", spoken, language="en")
    assert "castle" in found["segments"][0]["text"]
    near(found, shell("transcribe", str(spoken), "--lang", "en"))


@pytest.mark.parametrize(
    ("task", "asked", "status", "told"),
    [
        ("classify", {"labels": "cat"}, 400, "no media"),
        ("classify", {"item": 1, "labels": "cat"}, 400, "collection"),
        ("classify", {"collection": "photos", "item": 99, "labels": "cat"}, 404, "99"),
        ("classify", {"collection": "photos", "item": 1 << 70, "labels": "a"}, 422, "item: "),
        ("classify", {"collection": "photos", "item": 1}, 400, "labels"),
        (
            "classify",
            {"data": "aGk=", "labels": ["a"], "magic": 1},
            422,
            "magic",
        ),
        (
            "detect",
            {"data": "aGk=", "model": "org/model"},
            400,
            "--model detect",
        ),
        ("detect", {"collection": "photos", "item": 1, "min": 2}, 422, "min: "),
        ("segment", {"collection": "photos", "item": 1, "detector": "/etc"}, 400, "detector"),
        ("segment", {"collection": "photos", "item": 1, "points": ["x"]}, 422, "points"),
        ("caption", {"data": "aGVsbG8=", "model": "http://10.0.0.1/v1#x"}, 400, "--model caption"),
        ("caption", {"url": "http://example.org/a.jpg"}, 403, "--fetch"),
        ("caption", {"data": "!!"}, 422, "base64"),
        ("caption", {"data": "aGVsbG8=", "item": 3}, 400, "one of"),
        ("transcribe", {"collection": "photos", "item": 1}, 422, ""),
        ("explain", {"collection": "photos", "item": 1, "parts": [{"weight": "x"}]}, 422, "weight"),
        ("explain", {"collection": "photos", "item": 1, "parts": [{"text": 3}]}, 422, "0.text"),
        ("translate", {"text": "Haus"}, 400, "--model translate"),
        ("speak", {"text": "a", "speed": "NaN"}, 422, "speed"),
        ("speak", {"text": " "}, 400, ""),
        ("speak", {"text": "a", "model": "../joe"}, 400, "--model speak"),
        ("answer", {"question": " ", "text": "a"}, 400, "empty"),
        ("summarize", {}, 400, "no text"),
    ],
)
def test_errors(
    asking: httpx.Client, task: str, asked: dict[str, Any], status: int, told: str
) -> None:
    answer = asking.post(f"/api/tasks/{task}", json=asked)
    assert answer.status_code == status, answer.text
    assert told in answer.json()["error"]["message"]


@pytest.mark.parametrize("body", [b"{", b"[1]", b"\xff", b"[" * 100_000, b'{"item": NaN}'])
def test_broken_bodies(asking: httpx.Client, body: bytes) -> None:
    answer = asking.post("/api/tasks/caption", content=body)
    assert answer.status_code == 422, answer.text


def test_broken_media_are_named_as_the_client_does(asking: httpx.Client, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff" + b"x" * 100)
    answer = asking.post("/api/tasks/caption", files={"file": ("b.jpg", broken.read_bytes())})
    assert answer.status_code == 422
    assert answer.json()["error"]["message"].startswith("b.jpg: ")
    assert "/tmp" not in answer.text


def test_too_many_at_once(serve: Serve, photos: Path) -> None:
    client = serve(photos, limits=Limits(tasks=0, tasks_waiting=0))
    answer = client.post("/api/tasks/caption", json={"data": "aGVsbG8="})
    assert answer.status_code == 503 and int(answer.headers["retry-after"]) >= 1
