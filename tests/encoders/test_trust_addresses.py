"""Addresses that a stranger gives, by redirects or in files, are not followed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorium import Collection, load_encoder
from sensorium.errors import EncoderError, SensoriumError
from tests.cli.conftest import run as run  # a fixture
from tests.encoders.strangers import Server
from tests.encoders.strangers import collection as collection
from tests.encoders.strangers import elsewhere as elsewhere
from tests.encoders.strangers import home as home
from tests.encoders.strangers import server as server
from tests.media.small_pictures import encode, red_blue

# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["port", "host", "same"])
def test_redirects_are_not_followed(
    status: int, where: str, server: Server, elsewhere: Server
) -> None:
    """Neither where the models are listed nor where texts are sent."""
    target = {
        "port": elsewhere.url,
        "host": elsewhere.url.replace("127.0.0.1", "localhost"),
        "same": server.url.replace("/v1", "/v2"),
    }[where]
    for path, name in (("models", server.url), ("embeddings", server.name)):
        server.sends_on = (status, f"{target}/{path}")
        server.requests.clear()
        with pytest.raises(EncoderError, match="sends on to") as caught:
            load_encoder(name)
        assert target in str(caught.value)
        assert [request[1] for request in server.requests] == [f"/v1/{path}"]
        assert server.requests[0][2]["Authorization"] == "Bearer secret"
    assert elsewhere.requests == []


# Media that a stranger's file names


def test_paths_of_a_collection_are_never_fetched(
    run: Any, server: Server, collection: Path, tiny: Path, other_tiny: Path, tmp_path: Path
) -> None:
    links = [f"{server.url}/{name}" for name in ("a.png", "b.mp4", "c.mp3", "d.glb", "e.pdf")]
    links += [link.replace("http", "HTTP") for link in links]
    with Collection(collection) as library:
        library.add_vectors(np.eye(len(links), 48), links)
    sheet = tmp_path / "sheet.png"
    done = run("search", "dog", "-c", collection, "-k", 20, "--sheet", sheet)
    assert done.code == 0 and sheet.exists() and links[0] in done.out
    assert run("duplicates", "-c", collection).code in (0, 1)
    assert len(run("prune", "-c", collection, "--dry-run").lines) == 0
    assert run("reembed", "--encoder", other_tiny, "-c", collection).code == 1
    assert server.requests == []


def test_playlists_and_objects_fetch_nothing(server: Server, tmp_path: Path) -> None:
    pytest.importorskip("av")
    pytest.importorskip("trimesh")
    from sensorium import Audio, Video
    from sensorium.media import Mesh

    playlist = (
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXT-X-MEDIA-SEQUENCE:0\n"
        f"#EXTINF:10,\n{server.url}/part.ts\n#EXT-X-ENDLIST\n"
    )
    for name in ("film.mp4", "film.m3u8", "film.mkv"):
        (tmp_path / name).write_text(playlist)
        for source in (tmp_path / name, playlist.encode()):
            for kind in (Video, Audio):
                with pytest.raises(SensoriumError):
                    list(kind(source).segments())
    link = f"{server.url}/data.bin"
    (tmp_path / "a.gltf").write_text(
        json.dumps({"asset": {"version": "2.0"}, "buffers": [{"uri": link, "byteLength": 36}]})
    )
    (tmp_path / "a.obj").write_text(
        f"mtllib {link}\nv 0 0 0\nv 1 0 0\nv 0 1 0\nusemtl x\nf 1 2 3\n"
    )
    with pytest.raises(SensoriumError):
        list(Mesh(tmp_path / "a.gltf").segments())
    list(Mesh(tmp_path / "a.obj").segments())
    assert server.requests == []


def test_tables_fetch_nothing(server: Server, tmp_path: Path, tiny: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("scipy")
    from sensorium.training.fusion import FusionClassifier

    (tmp_path / "a.png").write_bytes(encode(red_blue(), "PNG"))
    (tmp_path / "t.csv").write_text(f"photo\na.png\n{server.url}/b.png\n")
    model = FusionClassifier(columns={"photo": "image"}, encoder=str(tiny))
    encoded = model.encode(tmp_path / "t.csv")
    (skipped,) = encoded.skipped
    assert skipped.reason.startswith("URLs in a table are not fetched: download the file")
    assert server.requests == []
