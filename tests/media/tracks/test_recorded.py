"""When and where films were recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensorium import Video
from sensorium.media.tracks.recorded import place, taken
from tests.media.films import write_film

APPLE = "com.apple.quicktime.creationdate"


@pytest.mark.parametrize(
    ("tags", "time"),
    [
        ({"creation_time": "2024-05-01T10:00:00.000000Z"}, "2024-05-01T10:00:00+00:00"),
        ({"creation_time": "2024-05-01T10:00:00.250000Z"}, "2024-05-01T10:00:00.25+00:00"),
        (
            {"creation_time": "2024-05-01T10:00:00.000000Z", APPLE: "2024-05-01T12:00:00+0200"},
            "2024-05-01T12:00:00+02:00",
        ),
        ({APPLE: "no date", "creation_time": "2024-05-01T10:00:00Z"}, "2024-05-01T10:00:00+00:00"),
        ({"creation_time": "2003-03-10 15:04:43"}, "2003-03-10T15:04:43"),
        ({"creation_time": "1904-01-01T00:00:00.000000Z"}, None),
        ({"creation_time": "1970-01-01T00:00:00.000000Z"}, None),
        ({"creation_time": "yesterday"}, None),
        ({}, None),
    ],
)
def test_time(tags: dict[str, str], time: str | None) -> None:
    assert taken(tags) == time


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("+48.1374+011.5755+519.000/", (48.1374, 11.5755, 519)),
        ("+48.1374-122.5755/", (48.1374, -122.5755)),
        ("-4830.0+01130.0/", (-48.5, 11.5)),
        ("+483036+0113036-010.5/", (48.51, 11.51, -10.5)),
        ("+00.0000+000.0000/", ()),
        ("+98.0000+011.0000/", ()),
        ("+8.0+011.0000/", ()),
        ("Munich", ()),
    ],
)
def test_place(text: str, found: tuple[float, ...]) -> None:
    assert tuple(place({"location": text}).values()) == pytest.approx(found)


def test_of_a_telephone(tmp_path: Path) -> None:
    path = tmp_path / "a.mov"
    metadata = {
        "creation_time": "2024-05-01T10:00:00Z",
        APPLE: "2024-05-01T12:00:00+0200",
        "com.apple.quicktime.location.ISO6709": "+48.1374+011.5755+519.000/",
    }
    write_film(path, [("red", 0.2)], metadata=metadata)
    facts = Video(path).metadata()
    assert facts["taken"] == "2024-05-01T12:00:00+02:00"
    assert (facts["latitude"], facts["longitude"], facts["altitude"]) == (48.1374, 11.5755, 519)


def test_of_other_containers(tmp_path: Path) -> None:
    for suffix in ("mp4", "mkv"):
        path = tmp_path / f"a.{suffix}"
        write_film(path, [("red", 0.2)], metadata={"creation_time": "2024-05-01T10:00:00Z"})
        assert Video(path).metadata()["taken"] == "2024-05-01T10:00:00+00:00"
        write_film(path, [("red", 0.2)])
        assert "taken" not in Video(path).metadata()
