"""No pickle is ever loaded, wherever one may lie: not even one that would do no harm."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorium import Collection, load_encoder
from sensorium.collection.exchange import export_collection, import_collection
from sensorium.encoders.background import background
from sensorium.errors import EncoderError, SensoriumError
from sensorium.index.coding import HashCoder, load_coder
from sensorium.index.exact import ExactIndex
from sensorium.index.hash import HashIndex
from sensorium.index.kinds import load_index
from sensorium.index.learned import ANY, LearnedCoder
from sensorium.tasks.classification import VectorClassifier, load_vector_classifier
from tests.planted import Planted, plant_array
from tests.tiny_encoder import make_tiny_encoder

SOURCE = Path(__file__).parent.parent / "src"


def calls(path: Path) -> list[tuple[str, ast.Call]]:
    tree = ast.parse(path.read_text("utf-8"))
    return [(ast.unparse(n.func), n) for n in ast.walk(tree) if isinstance(n, ast.Call)]


def test_nothing_in_the_source_can_load_one() -> None:
    """One file calls ``from_pretrained``, every `np.load` says no, and `torch.load` is not called.

    The torch modules that are loaded by their libraries are tried below.
    """
    for path in SOURCE.rglob("*.py"):
        for name, call in calls(path):
            where = f"{path.name}:{call.lineno}"
            assert name not in ("torch.load", "pickle.load", "pickle.loads", "joblib.load"), where
            if name == "np.load":
                said = {key.arg: ast.unparse(key.value) for key in call.keywords}
                assert said.get("allow_pickle") == "False", where
            if name.endswith(".from_pretrained"):
                assert path.name == "pretrained.py", where
        assert "import pickle" not in path.read_text("utf-8"), path


# Arrays


def index(folder: Path, tiny: Path) -> Callable[[], object]:
    """Hash codes with copies of the vectors; checksums beside them are no secret."""
    vectors = np.random.default_rng(0).normal(size=(60, 48)).astype(np.float32)
    HashIndex.build(vectors, bits=32, method="lsh", rerank=5).save(folder)
    return lambda: load_index(folder, "hash", {})


def exact(folder: Path, tiny: Path) -> Callable[[], object]:
    ExactIndex(np.eye(3, 48, dtype=np.float32)).save(folder)
    return lambda: load_index(folder, "exact", {})


def exported(folder: Path, tiny: Path) -> Callable[[], object]:
    with Collection(folder / "c.sensorium", tiny) as library:
        library.add_vectors(np.eye(3, 48), ["/a", "/b", "/c"])
        export_collection(library, folder / "export")

    def read() -> None:
        (folder / "new.sensorium").unlink(missing_ok=True)
        with Collection(folder / "new.sensorium") as library:
            import_collection(library, folder / "export")

    return read


def classifier(folder: Path, tiny: Path) -> Callable[[], object]:
    arrays = {"weights": np.eye(2, 48), "bias": np.zeros(2)}
    space = load_encoder(tiny).space
    made = VectorClassifier(["a", "b"], space, str(tiny), "linear-probe", "image", arrays)
    made.save(folder)
    return lambda: load_vector_classifier(folder)


def coder(folder: Path, tiny: Path) -> Callable[[], object]:
    vectors = np.random.default_rng(0).normal(size=(200, 48)).astype(np.float32)
    HashCoder.fit({"image": vectors}, bits=32).save(folder / "itq.npz")
    return lambda: load_coder(folder / "itq.npz")


def learned(folder: Path, tiny: Path) -> Callable[[], object]:
    rng = np.random.default_rng(0)
    means, weights = {ANY: rng.normal(size=48)}, {ANY: rng.normal(size=(48, 64))}
    LearnedCoder.of(means, weights, space="abc", training={}).save(folder / "learned.npz")
    return lambda: load_coder(folder / "learned.npz")


def memory(folder: Path, tiny: Path) -> Callable[[], object]:
    memory_of = pytest.importorskip("sensorium.tasks.captions.memory").Memory
    memory_of(np.eye(2, 48, dtype=np.float16), ["a", "b"], ["a", "b"]).save(folder / "memory.npz")
    return lambda: memory_of.load(folder / "memory.npz")


def ordinary(folder: Path, tiny: Path) -> Callable[[], object]:
    import json

    make_tiny_encoder(folder, seed=7)
    config = json.loads((folder / "encoder.json").read_text())
    (folder / "encoder.json").write_text(json.dumps(config | {"background": "background.npy"}))
    np.save(folder / "background.npy", np.eye(2, 48, dtype=np.float16))

    def read() -> object:
        from sensorium.encoders import background as module

        module._known.clear()
        return background(load_encoder(folder))

    return read


def features(folder: Path, tiny: Path) -> Callable[[], object]:
    pytest.importorskip("torch")
    from sensorium.media import Modality
    from sensorium.models.towers import load_tower
    from sensorium.training.tower_features import tower_features

    tower = load_tower(str(tiny), Modality.TEXT, made=folder / "made")
    return lambda: tower_features(tower, ["a cat", "a dog"], folder)


@pytest.mark.parametrize(
    "make", [index, exact, exported, classifier, coder, learned, memory, ordinary, features]
)
def test_arrays_of_objects_are_not_loaded(
    make: Callable[[Path, Path], Callable[[], object]], tiny: Path, tmp_path: Path
) -> None:
    read = make(tmp_path, tiny)
    read()  # it can be, as it was written
    arrays = [p for p in tmp_path.rglob("*") if p.suffix in (".npy", ".npz")]
    assert arrays
    for path in arrays:
        real = path.with_name(f"{path.name}.real")
        shutil.copy(path, real)
        plant_array(path, tmp_path / "mark")
        try:
            read()
        except SensoriumError as error:
            assert str(path.parent) in str(error) or path.name in str(error)
        except ValueError:  # of an index: the collection then goes without it
            assert make in (index, exact)
        assert not (tmp_path / "mark").exists(), path
        real.replace(path)


# Models


def hub_encoder(folder: Path) -> Callable[[], object]:
    from tests.encoders import tiny_hub

    tiny_hub.bert(folder)
    return lambda: load_encoder(folder)


def encoder_with_a_layer(folder: Path) -> Callable[[], object]:
    """Whose projection is a module of sentence-transformers, which loads its own weights."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Dense, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    from tests.encoders import tiny_hub

    bert = Transformer(str(tiny_hub.bert(folder.with_name("bert"))))
    SentenceTransformer(modules=[bert, Pooling(32), Dense(32, 8)], device="cpu").save(str(folder))
    return lambda: load_encoder(folder)


def tower(folder: Path) -> Callable[[], object]:
    from sensorium.media import Modality
    from sensorium.models.towers import load_tower
    from tests.encoders import tiny_hub

    tiny_hub.bert(folder)
    made = folder.with_name("made")
    return lambda: load_tower(str(folder), Modality.TEXT, made=made)


def text_classifier(folder: Path) -> Callable[[], object]:
    from sensorium.tasks.single_tower import SingleTower
    from tests.encoders import tiny_hub

    tiny_hub.bert(folder)
    return lambda: SingleTower("text", folder, ["a", "b"])


def image_classifier(folder: Path) -> Callable[[], object]:
    from sensorium.tasks.single_tower import SingleTower
    from tests.encoders import tiny_hub

    tiny_hub.vit(folder)
    return lambda: SingleTower("image", folder, ["a", "b"])


def captioner(folder: Path) -> Callable[[], object]:
    from sensorium.tasks.captioning import load_captioner
    from tests.training import tiny_generation

    tiny_generation.blip(folder)
    return lambda: load_captioner(folder)


def joined_captioner(folder: Path) -> Callable[[], object]:
    from sensorium.training.captioner_on_pixels import pretrained_captions
    from tests.training import tiny_generation

    tiny_generation.image_tower(folder / "tower")
    tiny_generation.gpt2(folder / "decoder")
    parts = {"tower": str(folder / "tower"), "decoder": str(folder / "decoder")}
    return lambda: pretrained_captions(**parts)


def translator(folder: Path) -> Callable[[], object]:
    from sensorium.tasks.translation import load_translator
    from tests.training import tiny_generation

    tiny_generation.bart(folder)
    return lambda: load_translator(folder)


def joined_translator(folder: Path) -> Callable[[], object]:
    from sensorium.training.translator import pretrained_translation
    from tests.training import tiny_generation

    tiny_generation.bert(folder / "encoder")
    tiny_generation.gpt2(folder / "decoder")
    parts = {"encoder": folder / "encoder", "decoder": folder / "decoder"}
    return lambda: pretrained_translation(**parts)


@pytest.mark.parametrize(
    "make",
    [hub_encoder, encoder_with_a_layer, tower, text_classifier, image_classifier, captioner,
     joined_captioner, translator, joined_translator],
)  # fmt: skip
def test_weights_of_a_model_are_not_unpickled(
    make: Callable[[Path], Callable[[], object]], tmp_path: Path
) -> None:
    """Neither a program nor harmless weights, which the libraries below would take."""
    torch = pytest.importorskip("torch")
    for library in ("sentence_transformers", "sacrebleu"):
        pytest.importorskip(library)
    from safetensors.torch import load_file

    load = make(tmp_path / "model")
    load()
    files = list((tmp_path / "model").rglob("*.safetensors"))
    assert files
    for path in files:
        weights = load_file(path)
        beside = path.with_name("pytorch_model.bin")
        torch.save({"weight": Planted(tmp_path / "mark")}, beside)
        load()  # what is beside the weights is not looked at
        kept = path.rename(path.with_suffix(".kept"))
        for content in ({"weight": Planted(tmp_path / "mark")}, weights):
            torch.save(content, beside)
            with pytest.raises(SensoriumError, match="safetensors"):
                load()
        beside.unlink()
        kept.rename(path)
    assert not (tmp_path / "mark").exists()


def test_an_adapter_is_not_unpickled_nor_its_base_fetched(tmp_path: Path) -> None:
    """A folder may say that it is a change to a model of the hub."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("peft")
    from peft import LoraConfig

    from tests.encoders import tiny_hub

    folder = tiny_hub.bert(tmp_path / "model")
    LoraConfig(target_modules=["query"], base_model_name_or_path=str(folder)).save_pretrained(
        str(folder)
    )
    torch.save({"weight": Planted(tmp_path / "mark")}, folder / "adapter_model.bin")
    with pytest.raises(EncoderError):
        load_encoder(folder)
    assert not (tmp_path / "mark").exists()


def test_others_may_go_on_loading_pickles(tmp_path: Path) -> None:
    """What is refused here while a model loads is no business of the caller's other threads."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("huggingface_hub")
    from concurrent.futures import ThreadPoolExecutor

    from sensorium.encoders.pretrained import safe_loading

    torch.save({"a": torch.ones(2)}, tmp_path / "own.pt")

    def own() -> Any:
        return torch.load(tmp_path / "own.pt")

    with safe_loading(), ThreadPoolExecutor(1) as threads:
        assert torch.equal(threads.submit(own).result()["a"], torch.ones(2))
        with pytest.raises(EncoderError, match="convert them to safetensors"):
            own()
    assert torch.equal(own()["a"], torch.ones(2))
