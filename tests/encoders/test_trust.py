"""What a stranger's file names gets no request, question or key until somebody here names it."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorium import Collection, load_encoder
from sensorium.checksums import with_checksum
from sensorium.collection.exchange import export_collection, import_collection
from sensorium.encoders import server as asking
from sensorium.encoders import trust
from sensorium.encoders.endpoint import EndpointEncoder
from sensorium.encoders.registry import load_recorded
from sensorium.errors import EncoderError, SensoriumError
from sensorium.tasks.classification import (
    VectorClassifier,
    load_classifier,
    load_vector_classifier,
)
from tests.cli.conftest import run as run  # a fixture
from tests.media.small_pictures import encode, red_blue


class Server(ThreadingHTTPServer):
    """An embedding server of some texts, which keeps what it is sent; or one that sends on."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.sends_on: tuple[int, str] | None = None
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"
        self.name = f"{self.url}#m"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *arguments: Any) -> None:
        pass

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append((self.command, self.path, dict(self.headers), body))
        if self.server.sends_on is not None:
            status, where = self.server.sends_on
            self.send_response(status)
            self.send_header("Location", where)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        count = len(json.loads(body)["input"]) if body else 0
        rows = [{"index": n, "embedding": [1.0, *[0.5] * 47]} for n in range(count)]
        content = json.dumps({"data": rows or [{"id": "m"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_HEAD(self) -> None:
        """Whether it is there."""
        self.send_response(200)
        self.end_headers()

    do_GET = answer  # noqa: N815
    do_POST = answer  # noqa: N815


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def elsewhere() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine where nothing was named yet, and a key that nobody else may see."""
    monkeypatch.setattr(asking, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(trust, "_named", set())
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    return tmp_path / "home"


def another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "_named", set())


def rename(collection: Path, encoder: object) -> Path:
    """Let a collection name another encoder, as its maker could."""
    with sqlite3.connect(collection) as file:
        file.execute("UPDATE meta SET value = ? WHERE key = 'encoder'", (encoder,))
    file.close()
    return collection


@pytest.fixture
def collection(tmp_path: Path, tiny: Path) -> Path:
    (tmp_path / "a.png").write_bytes(encode(red_blue(), "PNG"))
    with Collection(tmp_path / "c.sensorium", tiny) as library:
        library.add(tmp_path / "a.png")
    return tmp_path / "c.sensorium"


# What may name an encoder. Each gives something to do, with a file that names `name`.


def by_collection(name: str, folder: Path, tiny: Path) -> Callable[[], object]:
    with Collection(folder / "c", tiny) as library:
        library.add_vectors(np.eye(2, 48), ["/a", "/b"])
    rename(folder / "c", name)
    return lambda: Collection(folder / "c").search("a secret question")


def by_collection_hash(name: str, folder: Path, tiny: Path) -> Callable[[], object]:
    by_collection(name, folder, tiny)
    return lambda: Collection(folder / "c").optimize()


def by_export(name: str, folder: Path, tiny: Path) -> Callable[[], object]:
    """The imported collection is ours, the encoder's name in it is not."""
    by_collection(name, folder, tiny)
    export_collection(Collection(folder / "c"), folder / "export")  # loads no encoder

    def imported() -> None:
        library = Collection(folder / "new")
        import_collection(library, folder / "export")
        library.search("a secret question")

    return imported


def classifier(name: str, folder: Path, tiny: Path) -> Path:
    arrays = {"weights": np.eye(2, 48), "bias": np.zeros(2)}
    space = load_encoder(tiny).space
    settings = {"texts": {"a": ["a"], "b": ["b"]}, "trained": {"a": 1, "b": 1}, "prompts": None}
    return VectorClassifier(
        ["a", "b"], space, name, "linear-probe", "text", arrays, settings=settings
    ).save(folder / "classifier")


def by_classifier(name: str, folder: Path, tiny: Path) -> Callable[[], object]:
    head = load_vector_classifier(classifier(name, folder, tiny))
    return head.load_encoder


def by_loaded_classifier(name: str, folder: Path, tiny: Path) -> Callable[[], object]:
    loaded = load_classifier(classifier(name, folder, tiny))
    return lambda: loaded.classify(["a secret question"])


def by_trained_classifier(name: str, folder: Path, tiny: Path) -> Callable[[], object]:
    from sensorium.training import load_classifier

    loaded = load_classifier(classifier(name, folder, tiny))
    return lambda: loaded.predict(["a secret question"])


def by_tuned_classifier(name: str, folder: Path, tiny: Path) -> Callable[[], object]:
    """Of a method whose encoder lies beside it, if its maker did not change the name."""
    from sensorium.training import load_classifier

    path = classifier(name, folder, tiny) / "classifier.json"
    config = json.loads(path.read_text())
    config["settings"]["base"] = name
    path.write_text(json.dumps(with_checksum(config | {"method": "lora"})))
    return lambda: load_classifier(path.parent)


def by_result(name: str, folder: Path, tiny: Path) -> Callable[[], object]:
    from sensorium.evaluation import read_result, rerun_result
    from sensorium.evaluation.evaluate import evaluate_pairs
    from sensorium.evaluation.folder import write_evaluation

    table = folder / "pairs.csv"
    for n in range(2):
        (folder / f"{n}.png").write_bytes(encode(red_blue((40 + n, 40)), "PNG"))
    table.write_text("path,caption\n0.png,a cat\n1.png,a dog\n")
    result = evaluate_pairs(table, tiny)
    result.arguments["encoder"] = name
    write_evaluation(result, folder / "result")
    return lambda: rerun_result(read_result(folder / "result"))


def by_result_of_classes(name: str, folder: Path, tiny: Path) -> Callable[[], object]:
    from sensorium.evaluation import read_result, rerun_result
    from sensorium.evaluation.evaluate import evaluate_folder
    from sensorium.evaluation.folder import write_evaluation

    for n, label in enumerate(("red", "blue")):
        (folder / "classes" / label).mkdir(parents=True)
        picture = encode(red_blue((40 + n, 40)), "PNG")
        (folder / "classes" / label / "a.png").write_bytes(picture)
    result = evaluate_folder(folder / "classes", tiny)
    result.arguments["encoder"] = name
    write_evaluation(result, folder / "result")
    return lambda: rerun_result(read_result(folder / "result"))


def by_fusion(name: str, folder: Path, tiny: Path) -> Callable[[], object]:
    pytest.importorskip("torch")
    pytest.importorskip("scipy")
    from sensorium.training.fusion import SETTINGS, Fusion, FusionClassifier
    from sensorium.training.settings import Settings

    rows = [{"note": f"a {w} {n}", "kind": w} for n in range(12) for w in ("cat", "dog")]
    settings = Settings(**{**vars(SETTINGS), "epochs": 1, "patience": None})
    model = FusionClassifier(
        "early", columns={"note": "text"}, encoder=str(tiny), settings=settings, width=16, heads=2
    )
    model.fit(model.encode(rows, leave_out=["kind"]), {"kind": "category"})
    model.save(folder / "fusion")
    path = folder / "fusion" / "fusion.json"
    content = json.loads(path.read_text().replace(json.dumps(str(tiny)), json.dumps(name)))
    path.write_text(json.dumps(with_checksum(content)))
    return lambda: Fusion.load(folder / "fusion").encode([{"note": "a secret question"}])


def by_captioner(name: str, folder: Path, tiny: Path) -> Callable[[], object]:
    pytest.importorskip("torch")
    pytest.importorskip("sacrebleu")
    from sensorium.data.captioned import read_captioned
    from sensorium.tasks.captioning import load_captioner
    from sensorium.tasks.captions.visual_features import FeatureReader
    from sensorium.tasks.formats import CAPTIONER
    from sensorium.training.captioner_on_features import Design, new_captions
    from sensorium.training.new_models import Shape
    from tests.training import tiny_generation

    data = read_captioned(tiny_generation.table(folder, broken=False)).grouped()
    reader = FeatureReader(load_encoder(tiny), str(tiny))
    design = Design(vocabulary=300, shape=Shape(32, 1, 2, 0.0), neighbours=0, views=1)
    captions = new_captions(reader, reader.read(data.sources), data, design)
    target = folder / "captioner"
    target.mkdir()
    CAPTIONER.write(target, {**captions.save(target), "encoder": name})
    return lambda: load_captioner(target)


NAMING = [
    by_collection, by_collection_hash, by_export, by_classifier, by_loaded_classifier,
    by_trained_classifier, by_tuned_classifier, by_result, by_result_of_classes, by_fusion,
    by_captioner,
]  # fmt: skip


@pytest.mark.parametrize("naming", NAMING, ids=lambda naming: naming.__name__)
def test_a_file_may_not_name_a_server(
    naming: Callable[..., Callable[[], object]], server: Server, tmp_path: Path, tiny: Path
) -> None:
    use = naming(server.name, tmp_path, tiny)
    for _ in range(2):  # refusing it is not naming it
        with pytest.raises(EncoderError) as caught:
            use()
        said = str(caught.value)
        assert server.name in said and "$OPENAI_API_KEY" in said
        assert f"sensorium models --trust '{server.name}'" in said
        assert server.requests == []
    load_encoder(server.name)
    assert len(server.requests) == 1
    try:  # it is another space, but it is asked
        use()
    except SensoriumError as error:
        assert "names the encoder" not in str(error)
    assert len(server.requests) > 1


@pytest.mark.parametrize("naming", NAMING, ids=lambda naming: naming.__name__)
def test_a_file_may_not_name_a_model_of_the_hub(
    naming: Callable[..., Callable[[], object]], tmp_path: Path, tiny: Path
) -> None:
    use = naming("stranger/model", tmp_path, tiny)
    with pytest.raises(EncoderError, match="models --trust stranger/model"):
        use()


@pytest.mark.parametrize(
    "written",
    ["{url}", "{upper}", "tiny+{name}", "{tiny}+{name}", "mini+ {name}", " {name} +mini",
     "{url}?images=messages#m", "http://127.0.0.1@{host}/v1#m"],
)  # fmt: skip
def test_however_it_is_written(written: str, server: Server, collection: Path, tiny: Path) -> None:
    host = server.url.split("/")[2]
    names = {"url": server.url, "upper": server.url.replace("http", "HTTP"), "name": server.name}
    rename(collection, written.format(host=host, tiny=tiny, **names))
    with pytest.raises(EncoderError):
        Collection(collection).search("a secret question")
    assert server.requests == []


@pytest.mark.parametrize("name", [b"\xff\x00", 7, "", "\0", "a\nb/c", "x" * 5000, "\x1b[31m/x"])
def test_names_that_are_none(name: object, collection: Path) -> None:
    rename(collection, name)
    with pytest.raises(SensoriumError) as caught:
        Collection(collection).search("a secret question")
    assert "\x1b" not in str(caught.value)


def test_one_name_is_not_another(server: Server, collection: Path) -> None:
    load_encoder(server.name)
    before = len(server.requests)
    rename(collection, f"{server.url}#other")
    with pytest.raises(EncoderError, match="#other"):
        Collection(collection).search("a secret question")
    assert len(server.requests) == before


def test_naming_it_to_the_collection(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One's own collection goes on, in other processes; a copy of it elsewhere asks again."""
    with Collection(tmp_path / "own", server.name) as library:
        library.add_vectors(np.eye(2, 48), ["/a", "/b"])
    another_process(monkeypatch)
    assert Collection(tmp_path / "own").search("a question")
    another_process(monkeypatch)
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path / "another home"))
    before = len(server.requests)
    with pytest.raises(EncoderError, match="nobody has named it on this machine"):
        Collection(tmp_path / "own").search("a question")
    assert len(server.requests) == before
    assert Collection(tmp_path / "own", server.name).search("a question")
    another_process(monkeypatch)
    assert Collection(tmp_path / "own").search("a question")


def test_encoders_given_as_objects_are_named(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Collection(tmp_path / "own", EndpointEncoder(server.name)) as library:
        library.add_vectors(np.eye(2, 48), ["/a", "/b"])
    another_process(monkeypatch)
    assert Collection(tmp_path / "own").search("a question")


def test_a_home_that_cannot_be_written(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path / "file" / "home"))
    with Collection(tmp_path / "own", server.name) as library:
        library.add_vectors(np.eye(2, 48), ["/a", "/b"])
    assert Collection(tmp_path / "own").search("a question")  # in this process, at least


def test_what_is_on_this_machine_may_be_named(collection: Path, tiny: Path, home: Path) -> None:
    assert Collection(collection).search("dog")
    assert load_recorded("mini", "a file").space.name == "mini"
    assert load_recorded(f"mini+{tiny}", "a file").space.dimension > 48
    assert not (home / trust.FILE).exists()  # so there is nothing to note


def test_a_path_that_leads_to_another_machine(collection: Path, tiny: Path) -> None:
    r"""``//host/share`` is a local folder on POSIX, where it can be tried."""
    name = f"/{tiny}"
    rename(collection, name)
    for path in (name, r"\\host\share\encoder", r"\/host/share", "/net/host/encoder"):
        rename(collection, path)
        with pytest.raises(EncoderError, match="a folder on another machine"):
            Collection(collection).search("dog")
    rename(collection, name)
    load_encoder(name)
    assert Collection(collection).search("dog")


# The shell


def test_in_the_shell(
    run: Any, server: Server, collection: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename(collection, server.name)
    done = run("search", "a secret question", "-c", collection)
    assert done.code == 3 and server.name in done.err and server.requests == []
    assert run("info", "-c", collection).code == 0
    assert run("search", "a", "-c", collection, "--mode", "words").code == 0
    assert server.requests == []
    done = run("search", "a question", "-c", collection, "--encoder", server.name)
    assert "re-embed" in done.err  # another space: the server was asked, as it was named
    assert server.requests
    monkeypatch.setattr(trust, "_named", set())
    assert "names the encoder" not in run("search", "a question", "-c", collection).err


def test_trusting_in_the_shell(
    run: Any, server: Server, collection: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename(collection, server.name)
    done = run("models", "--trust", f"mini+{server.name}")
    assert (done.code, done.out) == (0, f"files may name {server.name} from now on\n")
    assert server.requests == []  # trusting asks nobody
    assert (home / trust.FILE).read_text() == f"{server.name}\n"
    monkeypatch.setattr(trust, "_named", set())
    assert "re-embed" in run("search", "a question", "-c", collection).err
    assert server.requests
    assert run("models", "--trust", "mini").code == 2


@pytest.mark.parametrize(
    "named", ["None", pytest.param("'stranger/model'", marks=pytest.mark.slow)]
)
def test_the_hub_gets_no_request(
    named: str, collection: Path, server: Server, tmp_path: Path
) -> None:
    """Unless the model is named here: then it is asked for, which shows that it could be."""
    rename(collection, "stranger/model")
    server.sends_on = (404, "")
    program = (
        "import sys; from sensorium import Collection\n"
        "from sensorium.errors import SensoriumError\n"
        f"try: Collection(sys.argv[1], {named}).search('a secret question')\n"
        "except SensoriumError as error: print(error)\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(collection)],
        env={
            **os.environ, "HF_ENDPOINT": server.url.removesuffix("/v1"), "HF_HUB_OFFLINE": "0",
            "HF_HOME": str(tmp_path / "hub"),
        },
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    if named == "None":
        assert "nobody has named it on this machine" in done.stdout
        assert "False" in done.stdout and server.requests == []
    else:
        assert "stranger/model cannot be fetched from" in done.stdout
        assert server.requests  # for the model alone; none that tells about who asks
        assert all("stranger/model" in path for _, path, _, _ in server.requests)


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
