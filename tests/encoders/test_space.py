"""The fingerprint: equal where vectors may be compared, different wherever they may not."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.encoders import FolderEncoder, Space
from sensorium.encoders.space import hash_files
from sensorium.media import Modality
from tests.tiny_encoder import make_tiny_encoder

SPACE = Space(
    name="a",
    dimension=4,
    modalities=(Modality.IMAGE, Modality.TEXT),
    preprocessing={"image": {"size": 32, "fit": "crop"}, "text": {"max_tokens": 8}},
    weights="00ff",
)


def test_the_fingerprint_never_changes_for_the_same_space() -> None:
    # Written in every collection: another value here makes them all refuse their encoder.
    assert SPACE.fingerprint == "9edd246a6b60be05"
    code = (
        "from sensorium.encoders import Space\n"
        f"print(Space.from_json({SPACE.to_json()!r}).fingerprint)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": "7"},
    )  # fmt: skip
    assert done.stdout.strip() == SPACE.fingerprint


def test_the_name_is_no_part_of_it() -> None:
    assert dataclasses.replace(SPACE, name="b").fingerprint == SPACE.fingerprint
    assert str(SPACE) == f"a [{SPACE.fingerprint}]"


@pytest.mark.parametrize(
    "change",
    [
        {"dimension": 5},
        {"modalities": (Modality.IMAGE,)},
        {"preprocessing": {"image": {"size": 33, "fit": "crop"}, "text": {"max_tokens": 8}}},
        {"preprocessing": {}},
        {"weights": "00fe"},
        {"normalization": "none"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_everything_else_is(change: dict[str, object]) -> None:
    assert dataclasses.replace(SPACE, **change).fingerprint != SPACE.fingerprint


def test_the_order_of_preprocessing_is_no_part_of_it() -> None:
    turned = {"text": {"max_tokens": 8}, "image": {"fit": "crop", "size": 32}}
    assert dataclasses.replace(SPACE, preprocessing=turned).fingerprint == SPACE.fingerprint


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(
    name=st.text(),
    dimension=st.integers(1, 4096),
    modalities=st.lists(st.sampled_from([*Modality]), unique=True),
    preprocessing=st.dictionaries(st.text(), json_values, max_size=4),
)
def test_json_round_trip(
    name: str, dimension: int, modalities: list[Modality], preprocessing: dict[str, object]
) -> None:
    space = Space(name, dimension, tuple(modalities), preprocessing, "ab" * 32)
    again = Space.from_json(space.to_json())
    assert again == space
    assert again.fingerprint == space.fingerprint
    assert json.loads(space.to_json())["name"] == name


def test_equal_folders_have_equal_fingerprints(tmp_path: Path, tiny: Path) -> None:
    copy = make_tiny_encoder(tmp_path / "elsewhere", name="another name")
    assert FolderEncoder(copy).space.fingerprint == FolderEncoder(tiny).space.fingerprint


@pytest.mark.parametrize("file", ["image.onnx", "text.onnx", "tokenizer.json"])
def test_one_byte_of_any_file_changes_the_fingerprint(tmp_path: Path, file: str) -> None:
    folder = make_tiny_encoder(tmp_path / "encoder")
    before = FolderEncoder(folder).space.fingerprint
    content = bytearray((folder / file).read_bytes())
    content[-1] ^= 1
    (folder / file).write_bytes(content)
    assert FolderEncoder(folder).space.fingerprint != before


@pytest.mark.parametrize(
    ("section", "key", "value", "is_same"),
    [
        ("image", "fit", "crop", False),
        ("image", "size", 64, False),
        ("text", "max_tokens", 8, False),
        ("text", "prefix", "query: ", False),
        # Runtimes and precisions agree (tests/encoders/test_runtime.py).
        ("image", "precision", "f32", True),
        # How vectors are read changes with these, the vectors do not.
        (None, "temperature", 0.5, True),
        (None, "prompts", ["{}!"], True),
        (None, "name", "x", True),
        (None, "license", "MIT", True),
    ],
)
def test_settings_and_the_fingerprint(
    tmp_path: Path, section: str | None, key: str, value: object, is_same: bool
) -> None:
    folder = make_tiny_encoder(tmp_path / "encoder")
    before = FolderEncoder(folder).space.fingerprint
    config = json.loads((folder / "encoder.json").read_text())
    (config if section is None else config[section])[key] = value
    (folder / "encoder.json").write_text(json.dumps(config))
    assert (FolderEncoder(folder).space.fingerprint == before) is is_same


def test_files_are_hashed_by_name_and_content(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(b"1" * 3_000_000)
    b.write_bytes(b"2")
    both = hash_files([a, b])
    assert both == hash_files([b, a])
    assert len({both, hash_files([a]), hash_files([b])}) == 3
    a.rename(tmp_path / "c")
    assert hash_files([tmp_path / "c", b]) != both
