"""Every file of every kind of folder, damaged in every way: a named error, or the same answer."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sensorium.encoders.folder_config import ENCODER, write_config
from sensorium.errors import SensoriumError
from sensorium.evaluation.result import read_result, write_result
from sensorium.folders import Format
from sensorium.tasks.classification import load_vector_classifier
from sensorium.tasks.formats import CAPTIONER, CLASSIFIER, FUSION, TRANSLATOR
from tests.cli.conftest import Run, run  # noqa: F401
from tests.damaged import HARMS, odd_values
from tests.kept.answers import ASKED
from tests.test_kept import KEPT, NEEDED

pytestmark = [
    pytest.mark.usefixtures("full_precision"),
    pytest.mark.skipif(os.name == "nt", reason="there are no pipes among files"),
]

FORMATS: dict[str, Format] = {
    "encoder": ENCODER,
    "contrastive": ENCODER,
    "classifier": CLASSIFIER,
    "fusion-linear": FUSION,
    "fusion-early": FUSION,
    "captioner": CAPTIONER,
    "translator": TRANSLATOR,
}


def _classifier(folder: Path) -> Any:
    """What a classifier's folder says, without the encoder below it."""
    read = load_vector_classifier(folder)
    return [read.labels, read.temperature, {n: a.tolist() for n, a in read.arrays.items()}]


ASK = {**ASKED, "classifier": _classifier}

QUICK = ("encoder", "classifier", "hash", "evaluation")

ODD_TRIED = 40
"""Values of JSON that are tried among the quick tests, drawn from all; the slow ones try 400."""

Ask = Callable[[Path], Any]


def _written_now(name: str, folder: Path) -> Path:
    """A kept folder, with the checksums that today's versions write."""
    place = folder / name
    shutil.copytree(KEPT / name, place)
    if name in ("encoder", "contrastive"):
        write_config(place, ENCODER.read(place))
    elif name in FORMATS:
        FORMATS[name].write(place, FORMATS[name].read(place))
    elif name == "evaluation":
        write_result(read_result(place), place)
    return place


def _outcome(ask: Ask, place: Path) -> Any:
    """The answer, or None for an error of ours that names what is wrong; any other goes on."""
    try:
        return ask(place)
    except SensoriumError as error:
        assert 10 < len(str(error)) < 800, error
        return None


def _names(slow: bool) -> list[Any]:
    marked = [*QUICK] if not slow else sorted({*ASKED} - {*QUICK, "collection", "fusion-number"})
    return marked


def _attack(name: str, tmp_path: Path, odd: int) -> None:
    for package in NEEDED.get(name, []):
        pytest.importorskip(package)
    whole, now = _written_now(name, tmp_path / "whole"), tmp_path / "now" / name
    rng, ask = random.Random(name), ASK[name]
    right = ask(whole)
    files = [path.relative_to(whole) for path in sorted(whole.rglob("*")) if path.is_file()]
    read = [file for file in files if file.name != "sensorium.json"]
    tried = 0
    for file in read:
        for harm, damage in HARMS.items():
            shutil.rmtree(now.parent, ignore_errors=True)
            shutil.copytree(whole, now)
            damage(now / file, rng)
            answer = _outcome(ask, now)
            assert answer is None or answer == right, (file, harm)
            tried += 1
    assert tried >= 12 * len(read)
    edits = [
        (file, where, text)
        for file in files
        if file.suffix == ".json" and (whole / file).stat().st_size < 20_000
        for where, text in odd_values(whole / file)
    ]
    for file, where, text in rng.sample(edits, min(odd, len(edits))):
        shutil.rmtree(now.parent, ignore_errors=True)
        shutil.copytree(whole, now)
        (now / file).write_text(text)
        try:
            _outcome(ask, now)  # without its checksum, what fits is believed
        except Exception as error:
            raise AssertionError(f"{file}: {where}") from error


@pytest.mark.parametrize("name", _names(slow=False))
def test_damages_are_named(name: str, tmp_path: Path) -> None:
    _attack(name, tmp_path, ODD_TRIED)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*ASKED} - {"collection", "fusion-number"}))
def test_many_damages_are_named(name: str, tmp_path: Path) -> None:
    _attack(name, tmp_path, 10 * ODD_TRIED)


def test_a_flipped_bit_of_weights_is_told_by_its_checksum(tmp_path: Path) -> None:
    for name, file in (("encoder", "image.onnx"), ("classifier", "weights.npz")):
        place = _written_now(name, tmp_path)
        content = bytearray((place / file).read_bytes())
        content[len(content) // 2] ^= 4
        (place / file).write_bytes(content)
        with pytest.raises(SensoriumError, match=f"{file}.*damaged"):
            ASK[name](place)


def test_check_names_what_is_damaged_and_what_to_do(
    tmp_path: Path,
    run: Run,  # noqa: F811
) -> None:
    for name in QUICK:
        place = _written_now(name, tmp_path)
        paths = [*place.glob("*.npz")] if name == "hash" else [place]
        result = run("check", *map(str, paths))
        assert result.code == 0, result.err
        assert result.out.count("all is as it was written") == len(paths)
        victim = next(
            path
            for path in sorted(place.iterdir())
            if path.suffix != ".json" or name == "evaluation"
        )
        content = bytearray(victim.read_bytes())
        content[len(content) // 2] ^= 1
        victim.write_bytes(content)
        result = run("check", *map(str, paths))
        assert result.code == 1, (name, result.err)
        assert victim.name in result.out + result.err and "1 damaged" in result.out + result.err
    result = run("check", str(KEPT / "encoder"))
    assert result.code == 0 and "before there were checksums" in result.out + result.err
    assert run("check", str(tmp_path)).code == 2


def test_an_export_carries_checksums(tmp_path: Path, run: Run) -> None:  # noqa: F811
    for name in ("a.sensorium",):
        shutil.copy(KEPT / "collection" / "library.sensorium", tmp_path / name)
    out = tmp_path / "out"
    assert run("export", str(out), "--collection", str(tmp_path / "a.sensorium")).code == 0
    assert run("check", str(out)).code == 0
    whole = (out / "vectors.npy").read_bytes()
    for damaged in (whole[:-4], whole[:-1] + bytes([whole[-1] ^ 1])):
        (out / "vectors.npy").write_bytes(damaged)
        result = run("check", str(out))
        assert result.code == 1 and "vectors.npy" in result.out + result.err
        result = run("import", str(out), "--collection", str(tmp_path / "b.sensorium"))
        assert result.code != 0 and "vectors.npy" in result.out + result.err
        assert not (tmp_path / "b.sensorium").exists()
