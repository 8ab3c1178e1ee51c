"""What a stranger's file names gets no request, question or key until somebody here names it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sensorium import Collection, load_encoder
from sensorium.checksums import with_checksum
from sensorium.collection.exchange import export_collection, import_collection
from sensorium.encoders import trust
from sensorium.encoders.endpoint import EndpointEncoder
from sensorium.encoders.registry import load_recorded
from sensorium.errors import EncoderError, SensoriumError
from sensorium.tasks.classification import (
    VectorClassifier,
    load_classifier,
    load_vector_classifier,
)
from tests.encoders.strangers import Server, another_process, rename
from tests.encoders.strangers import collection as collection
from tests.encoders.strangers import home as home
from tests.encoders.strangers import server as server
from tests.media.small_pictures import encode, red_blue

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
