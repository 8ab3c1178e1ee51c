"""Questions longer than a model reads at once are read in parts, and that is said, once."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium import Text, load_encoder
from sensorium.collection.queries import query_parts
from sensorium.encoders import Encoder
from sensorium.encoders.long_texts import cut, divided, joined, pooled
from sensorium.errors import SensoriumWarning

LONG = "the red dog. " * 9 + "the blue cat. " * 9
SAID = r"a text is longer than the 16 tokens that .* reads at once: it is read in parts"

pytestmark = pytest.mark.usefixtures("full_precision")


def words(text: str) -> list[tuple[int, int]]:
    ends, start = [], 0
    for word in text.split():
        start = text.index(word, start)
        ends.append((start, start + len(word)))
        start += len(word)
    return ends


# Cutting


@given(st.lists(st.sampled_from(["cat", "dog.", "a", "fish!", "bird,"])), st.integers(1, 30))
def test_nothing_is_lost_and_no_part_is_too_long(given: list[str], room: int) -> None:
    text = " ".join(given)
    parts = cut(text, words(text), room)
    assert " ".join(parts) == text
    assert all(0 < len(part.split()) <= max(room, 8) for part in parts)


def test_it_is_cut_after_sentences() -> None:
    text = "One two three four five. Six seven eight nine ten eleven twelve."
    assert cut(text, words(text), 8) == [
        "One two three four five.", "Six seven eight nine ten eleven twelve.",
    ]  # fmt: skip


def test_parts_are_about_equally_long() -> None:
    text = " ".join(["word"] * 33)
    assert [len(part.split()) for part in cut(text, words(text), 16)] == [11, 11, 11]


def test_scripts_without_spaces_are_cut_between_tokens() -> None:
    text = "漢" * 40
    parts = cut(text, [(n, n + 1) for n in range(40)], 16)
    assert "".join(parts) == text and max(map(len, parts)) <= 16


# Putting together


def test_a_text_of_one_part_is_left_alone() -> None:
    vectors = np.eye(3, dtype=np.float32)
    found = pooled(vectors, [1, 2], [5, 3, 1])
    np.testing.assert_array_equal(found[0], vectors[0])
    np.testing.assert_allclose(found[1], np.array([0, 3, 1]) / 10**0.5, atol=1e-6)


def test_prepared_parts_come_back() -> None:
    parts = [np.arange(n) for n in (3, 5, 2)]
    batch = [joined("ids", parts), joined("ids", parts[:1])]
    found = divided("ids", batch)
    assert found is not None
    flat, counts = found
    assert counts == [3, 1]
    for one, wanted in zip(flat, [*parts, parts[0]], strict=True):
        np.testing.assert_array_equal(one["ids"], wanted)
    assert divided("ids", batch[1:]) is None


# Encoders


def check(encoder: Encoder) -> None:
    with pytest.warns(SensoriumWarning, match=SAID):
        (found,) = encoder.encode_queries([LONG])
    red, blue = encoder.encode_queries(["the red dog.", "the blue cat."])
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-5)
    (cut_off,) = encoder.encode([LONG])  # what is stored is cut to passages elsewhere
    assert found @ blue > cut_off @ blue + 0.01
    assert abs(found @ blue - found @ red) < abs(cut_off @ blue - cut_off @ red)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        short = encoder.encode_queries(["the red dog."])
        encoder.encode([LONG])
    with pytest.warns(SensoriumWarning):
        mixed = encoder.encode_queries([LONG, "the red dog.", LONG], batch_size=3)
    np.testing.assert_allclose(mixed, np.stack([found, short[0], found]), atol=1e-5)
    with pytest.warns(SensoriumWarning):
        asked = encoder.tokens(LONG, "query")
    assert encoder.tokens(LONG) == 16 and asked is not None and asked > 54  # it has so many words


def test_a_folder_reads_all_of_a_question(tiny: Path) -> None:
    encoder = load_encoder(tiny)
    check(encoder)
    with pytest.warns(SensoriumWarning):
        parts = query_parts(encoder, Text(LONG))
    with pytest.warns(SensoriumWarning):
        wanted = encoder.encode_queries([LONG])
    np.testing.assert_allclose(parts, wanted, atol=1e-5)


def test_with_a_prompt_and_side_by_side(prompted: Path, other_tiny: Path) -> None:
    check(load_encoder(prompted))
    pair = load_encoder(f"{prompted}+{other_tiny}")
    with pytest.warns(SensoriumWarning):
        found = pair.encode_queries([LONG])
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-5)


@pytest.mark.slow
def test_a_hub_model_reads_all_of_a_question(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers", reason="needs the extra hub: make hub")
    from tests.encoders import tiny_hub

    for name in ("bert", "clip", "prompted"):
        check(load_encoder(getattr(tiny_hub, name)(tmp_path / name)))


@pytest.mark.slow
def test_the_shell_says_it_once(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("the red dog")

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "sensorium", *command, "--collection", "c.sensorium"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip

    assert run("index", "a.txt", "--encoder", str(tiny)).returncode == 0
    done = run("search", LONG)
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("sensorium: a text is longer than the 16 tokens that tiny reads")
