"""Models of a hub are fetched by the command alone; every loader names it with the size."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sentence_transformers", reason="needs the extra hub: make hub")

import transformers
from huggingface_hub import constants, scan_cache_dir

from sensorium import fetch_model, load_encoder
from sensorium.encoders import fetching
from sensorium.encoders.hub_cache import snapshot_of, storage_of, whole_mark
from sensorium.encoders.pretrained import load_pretrained
from sensorium.errors import (
    EncoderError,
    NotAtHandError,
    SensoriumWarning,
    UnknownModelError,
    UsageError,
)
from sensorium.tasks.origin import Origin, origin_of_pretrained
from tests.encoders import tiny_hub
from tests.encoders.hub_server import HubServer, Repository, asked_here, shell

TEXTS = ["a red cat", "dog"]
NAME = "org/model"
NEEDED = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"]
UNNEEDED = [
    "pytorch_model.bin", "tf_model.h5", "flax_model.msgpack", "model.fp16.safetensors",
    "onnx/model.onnx", "onnx/config.json", "openvino/openvino_model.bin", "README.md", "run.py",
    "trainer_state.json", "checkpoint-9/model.safetensors",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository as they are: the same weights in several formats, and what training left."""
    folder = tiny_hub.bert(tmp_path_factory.mktemp("repository") / "model")
    for name in UNNEEDED:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * 50_000)
    return folder


@pytest.fixture
def hub(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with asked_here(tmp_path / "cache", monkeypatch) as server:
        server.add(NAME, folder)
        yield server


@pytest.fixture
def repository(hub: HubServer) -> Repository:
    return hub.repositories[NAME]


def size_of(repository: Repository) -> str:
    return fetching.megabytes(repository.bytes_of(*NEEDED))


def load_all(name: str) -> None:
    """Every way by which a model of the hub is loaded."""
    for load in (
        lambda: load_encoder(name),
        lambda: load_pretrained(transformers.AutoTokenizer, name),
        lambda: load_pretrained(transformers.AutoModel, name, use_safetensors=True),
    ):
        with pytest.raises(NotAtHandError) as caught:
            load()
        errors.append(str(caught.value))


errors: list[str] = []


def test_what_is_not_at_hand_is_named_with_its_size_and_nothing_is_fetched(
    hub: HubServer, repository: Repository, tmp_path: Path
) -> None:
    errors.clear()
    load_all(NAME)
    told = (
        f"{NAME} is not on this machine: `sensorium models --get {NAME}` fetches it "
        f"({size_of(repository)}, apache-2.0)"
    )
    assert {*errors} == {told}
    assert not hub.contents_asked and not (tmp_path / "cache").exists()
    with pytest.raises(NotAtHandError, match=rf"--get {NAME} --revision v2` "):
        repository.commits["v2"] = "b" * 40
        load_encoder(f"{NAME}?revision=v2")
    assert not hub.contents_asked
    assert not any("torch" in agent for agent in hub.agents)  # tells nothing of what is installed


def test_what_was_fetched_loads_without_a_network(
    hub: HubServer, repository: Repository, folder: Path
) -> None:
    lines: list[str] = []
    snapshot = fetch_model(NAME, report=lines.append)
    commit = repository.commits["main"]
    assert lines[0] == f"{NAME} at {commit[:12]}: {size_of(repository)}, apache-2.0"
    assert sorted(path.name for path in snapshot.iterdir()) == sorted(NEEDED)
    assert snapshot.name == commit and snapshot == snapshot_of(NAME)
    for name in NEEDED:
        assert (snapshot / name).read_bytes() == (folder / name).read_bytes()
    hub.asked.clear()
    wanted = load_encoder(tiny_hub.bert(folder.parent / "plain")).encode(TEXTS)
    np.testing.assert_array_equal(load_encoder(NAME).encode(TEXTS), wanted)
    load_pretrained(transformers.AutoModel, NAME, use_safetensors=True)
    assert origin_of_pretrained(NAME) == Origin(NAME, commit, "hub")
    assert hub.asked == []  # what is here asks nobody
    (known,) = scan_cache_dir(constants.HF_HUB_CACHE).repos  # the hub's own client understands it
    assert known.repo_id == NAME and {*known.refs} == {"main"}
    lines.clear()
    assert fetch_model(NAME, report=lines.append) == snapshot
    assert len(lines) == 1 and not hub.contents_asked


def test_a_revision_is_pinned_and_told(hub: HubServer, repository: Repository) -> None:
    repository.commits["v2"] = "b" * 40
    assert fetch_model(NAME, "v2").name == "b" * 40
    assert load_encoder(f"{NAME}?revision=v2").space.dimension == tiny_hub.WIDTH
    commit = repository.commits["main"]
    with pytest.raises(NotAtHandError):
        load_encoder(NAME)
    assert fetch_model(NAME, commit).name == commit
    with pytest.raises(NotAtHandError):  # a commit is no branch
        load_encoder(NAME)
    load_pretrained(transformers.AutoModel, f"{NAME}?revision={commit}")
    # Whoever fetched it keeps that state, until it is fetched again.
    fetch_model(NAME)
    repository.commits["main"] = "c" * 40
    hub.asked.clear()
    load_pretrained(transformers.AutoModel, NAME)
    assert origin_of_pretrained(NAME).revision == commit and hub.asked == []
    assert fetch_model(NAME).name == "c" * 40 == origin_of_pretrained(NAME).revision
    assert origin_of_pretrained(f"{NAME}?revision=v2").revision == "b" * 40
    assert not [one for one in hub.contents_asked if "model" in one]  # the contents are the same


def test_a_fetch_that_was_cut_off_goes_on(
    hub: HubServer, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)  # what is written at a time
    whole = repository.bytes_of("model.safetensors")
    hub.faults.cut_after = whole // 2
    with pytest.raises(EncoderError, match=r"cannot be fetched from .* now .*: try again"):
        fetch_model(NAME)
    commit = repository.commits["main"]
    for revision in (None, commit):  # what is there is no model
        with pytest.raises(NotAtHandError, match="of them to fetch"):
            hub.faults.is_down = False
            load_encoder(NAME if revision is None else f"{NAME}?revision={revision}")
    hub.faults.cut_after = None
    hub.asked.clear()
    fetch_model(NAME)
    begun = [one for one in hub.contents_asked if "cdn" in one]
    assert len(begun) == 1 and begun[0].endswith(f" bytes={whole // 2000 * 1000}-")  # the rest
    assert load_encoder(NAME).encode(TEXTS).shape == (2, tiny_hub.WIDTH)
    assert not list(storage_of(NAME).rglob("*.unfinished"))


def test_what_is_damaged_on_its_way_is_not_kept(hub: HubServer) -> None:
    hub.faults.damaged = True
    with pytest.raises(EncoderError, match=r"config.json came as .*damaged on its way; try again"):
        fetch_model(NAME)
    assert snapshot_of(NAME) is None
    hub.faults.damaged = False
    assert fetch_model(NAME).is_dir()


def test_a_model_of_which_files_are_missing_is_none(hub: HubServer, repository: Repository) -> None:
    """Other programs fetch file by file: a word or two of it may be all that is there."""
    snapshot = fetch_model(NAME)
    (snapshot / "model.safetensors").resolve().unlink()
    with pytest.raises(NotAtHandError, match=rf"--get {NAME}` fetches it .* of them to fetch"):
        load_encoder(NAME)
    fetch_model(NAME)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (snapshot / name).resolve().unlink()
        (snapshot / name).unlink()
    whole_mark(NAME, snapshot.name).unlink()  # as if somebody else had fetched it
    for _ in range(2):
        with pytest.raises(NotAtHandError, match=r"fetches it \(.* of them to fetch"):
            load_encoder(NAME)
    fetch_model(NAME)
    whole_mark(NAME, snapshot.name).unlink()
    hub.asked.clear()
    load_encoder(NAME)
    load_encoder(NAME)
    assert hub.asked == [f"GET /api/models/{NAME}/revision/{snapshot.name}"]  # once
    hub.faults.is_down = True
    whole_mark(NAME, snapshot.name).unlink()
    load_encoder(NAME)  # what cannot be compared is taken as it is


def test_weights_in_parts_are_whole_or_not_there(
    hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parted = tiny_hub.bert(tmp_path / "parted")
    model = transformers.AutoModel.from_pretrained(parted)
    (parted / "model.safetensors").unlink()
    model.save_pretrained(parted, max_shard_size="20KB")
    parts = sorted(parted.glob("model-*.safetensors"))
    assert len(parts) > 2
    hub.add("org/parted", parted)
    snapshot = fetch_model("org/parted")
    load_encoder("org/parted")
    (snapshot / parts[1].name).resolve().unlink()
    with pytest.raises(NotAtHandError):
        load_encoder("org/parted")


def test_pickles_are_refused_before_anything_is_fetched(hub: HubServer, tmp_path: Path) -> None:
    pickled = tiny_hub.bert(tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    hub.add("org/pickled", pickled)
    for load in (fetch_model, load_encoder):
        with pytest.raises(EncoderError, match=r"pickles \(pytorch_model.bin\), which may hold"):
            load("org/pickled")
    assert not hub.contents_asked


def test_what_the_hub_refuses_is_said(hub: HubServer, repository: Repository) -> None:
    for load in (fetch_model, load_encoder):
        with pytest.raises(EncoderError, match=r"has no model org/nosuch, or it is private: look"):
            load("org/nosuch")
    with pytest.raises(EncoderError, match=r"org/model has no revision 'v9': a branch, a tag"):
        fetch_model(NAME, "v9")
    with pytest.raises(EncoderError, match=r"org/model has no revision 'v9'"):
        load_encoder(f"{NAME}?revision=v9")
    repository.gated = True
    with pytest.raises(EncoderError, match=r"who accepted its conditions: do so on .*/org/model,"):
        fetch_model(NAME)
    hub.faults.is_down = True
    with pytest.raises(EncoderError, match="cannot be fetched from"):
        fetch_model(NAME)


def test_a_hub_lists_no_file_outside_of_a_model(
    hub: HubServer, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = repository.siblings()
    for one in listed:
        if one["rfilename"] == "config.json":
            one["blobId"] = "../" * 9 + "x"
    monkeypatch.setattr(Repository, "siblings", lambda self: listed)
    with pytest.raises(EncoderError, match="which is no file of a model"):
        fetch_model(NAME)
    assert not hub.contents_asked


def test_there_has_to_be_room(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        free = 1000

    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda path: Full)
    with pytest.raises(EncoderError, match=r"takes 0.1 MB, but .* has room for 0.1 MB"):
        fetch_model(NAME)
    assert not hub.contents_asked


def test_a_variable_lets_loads_fetch(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(fetching.ALLOWED, "1")
    with pytest.warns(SensoriumWarning, match=r"SENSORIUM_FETCH is set: fetching org/model \(0"):
        load_encoder(NAME)
    hub.asked.clear()
    load_encoder(NAME)
    assert not hub.asked


def test_an_adapter_names_what_it_is_laid_over(hub: HubServer, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text('{"base_model_name_or_path": "org/model"}')
    (adapter / "adapter_model.safetensors").write_bytes(b"x" * 100)
    hub.add("org/adapter", adapter)
    fetch_model("org/adapter")
    hub.asked.clear()
    with pytest.raises(NotAtHandError, match=r"^org/model is not on this machine"):
        load_encoder("org/adapter")
    assert not hub.contents_asked


def test_names_without_an_organisation(hub: HubServer, folder: Path) -> None:
    """Old ids are known once they were fetched; any other such name is a mistyped one of ours."""
    hub.add("old-model", folder)
    for load in (load_encoder, lambda name: load_pretrained(transformers.AutoModel, name)):
        with pytest.raises(UnknownModelError, match=r"there is no .* 'old-model'"):
            load("old-model")
    assert hub.asked == []
    fetch_model("old-model")
    assert load_encoder("old-model").encode(TEXTS).shape == (2, tiny_hub.WIDTH)
    load_pretrained(transformers.AutoModel, "old-model")
    with pytest.raises(UnknownModelError, match=r"'wisper-base'; did you mean 'whisper-base'\?"):
        fetch_model("wisper-base")
    for name in ("mini", "./nothing", "http://127.0.0.1:9/v1#x"):
        with pytest.raises(UsageError):
            fetch_model(name)


@pytest.mark.slow
def test_in_the_shell(hub: HubServer, repository: Repository, tmp_path: Path) -> None:
    environment = {**os.environ, "SENSORIUM_HOME": str(tmp_path / "home")}
    (tmp_path / "a.txt").write_text("a red cat")
    index = ("index", tmp_path / "a.txt", "-c", tmp_path / "c", "--encoder", NAME)
    done = shell(*index, environment=environment)
    told = f"sensorium models --get {NAME}` fetches it ({size_of(repository)}, apache-2.0)"
    assert done.returncode == 3 and told in done.stderr, done.stderr
    assert not hub.contents_asked
    done = shell("models", "--get", NAME, environment=environment)
    assert done.returncode == 0, done.stderr
    assert re.match(rf"{NAME} at \w{{12}}: {size_of(repository)}", done.stderr)
    assert done.stdout == f"{NAME} is in {snapshot_of(NAME)}\n"
    hub.asked.clear()
    done = shell(*index, environment={**environment, "HF_HUB_OFFLINE": "1"})
    assert done.returncode == 0 and not hub.asked, done.stderr
