"""``sensorium train hash``, and searches by what it made."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from sensorium import Collection
from sensorium.errors import UsageError
from sensorium.index.coding import load_coder
from sensorium.index.learned import LearnedCoder
from tests.cli.conftest import Run
from tests.tiny_encoder import DIMENSION, WORDS

COUNT = 110


def add(path: Path, tiny: Path, start: int, count: int) -> None:
    """Pictures whose vectors lie near those of their captions."""
    rng = np.random.default_rng(start)
    with Collection(path, tiny) as library:
        captions = [" ".join(rng.choice(WORDS, 3)) for _ in range(count)]
        texts = library.encoder.encode(captions)
        library.add_vectors(
            texts + 0.05 * rng.normal(size=(count, DIMENSION)).astype(np.float32) + 0.1,
            [f"/nowhere/{start + n}.png" for n in range(count)],
            metadata=[{"caption": caption, "kind": caption.split()[0]} for caption in captions],
        )


def found(run: Run, path: Path, query: str) -> list[str]:
    done = run("search", query, "-c", path, "--mode", "hash", "--json", "--text")
    assert done.code == 0
    return [json.loads(line)["path"] for line in done.lines]


def test_training_searching_adding_and_coding_anew(run: Run, tiny: Path, tmp_path: Path) -> None:
    path, out = tmp_path / "c.sensorium", tmp_path / "new" / "coder.npz"
    add(path, tiny, 0, COUNT)
    options = ("--bits", "32", "--labels", "kind", "--steps", "4", "--out", out)
    done = run("train", "hash", path, *options)
    assert done.code == 0, done.err
    titles = [line for line in done.lines if line.startswith("mean average precision")]
    assert [title.split(",")[0].split(" of ", 1)[1] for title in titles] == [
        "captions and what belongs together", "the same label", "the ten nearest by cosine"
    ]  # fmt: skip
    table = [line.split("\t") for line in done.lines if "\t" in line]
    assert table[0] == ["bits", "method", "image to text", "text to image"]
    assert {row[1] for row in table[1:]} >= {"float", "learned", "itq", "lsh"}
    assert "32-bit codes written, for search --mode hash" in done.lines[-1]
    assert done.lines[-1].endswith(
        "no step gained anything on held-out pairs: they are the codes it began with"
    )
    facts = json.loads(run("info", "-c", path, "--json").out)["indexes"]["hash"]
    assert (facts["parameters"]["method"], facts["parameters"]["bits"]) == ("learned", 32)
    coder = load_coder(out)
    assert isinstance(coder, LearnedCoder) and coder.bits == 512
    # All 110 are ranked again by cosine, so that the answer is that of a search in full.
    best = run("search", "red cat", "-c", path, "--json", "--text").lines
    assert found(run, path, "red cat") == [json.loads(line)["path"] for line in best]

    add(path, tiny, 500, 5)  # compared in full until codes are made anew
    assert any("/50" in hit for hit in found(run, path, captions_of(path, "/nowhere/500.png")))
    assert run("info", "-c", path, "--json").code == 0
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "from sensorium.cli import main\n"
        f"sys.argv = ['sensorium', 'optimize', '-c', {str(path)!r}, '--hash', '64', "
        "'--method', 'learned']\nmain()"
    )
    again = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                           check=False)  # fmt: skip
    assert (again.returncode, again.stderr) == (0, "")
    facts = json.loads(run("info", "-c", path, "--json").out)["indexes"]["hash"]
    assert (facts["vectors"], facts["parameters"]["bits"]) == (COUNT + 5, 64)
    assert any("/50" in hit for hit in found(run, path, captions_of(path, "/nowhere/500.png")))
    # The same bits as before, and more of them: both are of one training.
    with Collection(path, create=False) as library:
        assert library.delete("/nowhere/500.png") == 1
        library.hash(16, coder=coder.shorten(16))
        library.hash(48, method="learned")
        assert library.search("a cat", mode="hash")


def captions_of(path: Path, name: str) -> str:
    with Collection(path, create=False) as library:
        (item,) = [hit for hit in library.search("cat", 200) if hit.path == name]
        return str(item.metadata["caption"])


def test_lost_codes_are_made_by_what_was_trained(run: Run, tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "c.sensorium"
    add(path, tiny, 0, COUNT)
    assert run("train", "hash", path, "--steps", "2", "--json").code == 0
    (pointer,) = (tmp_path / "c.sensorium-index").glob("hash.json")
    pointer.write_text("damaged")
    assert found(run, path, "red cat")
    facts = json.loads(run("info", "-c", path, "--json").out)["indexes"]["hash"]
    assert facts["parameters"]["method"] == "learned"
    (tmp_path / "c.sensorium-index" / "learned.npz").write_bytes(b"damaged")
    pointer.write_text("damaged")
    assert found(run, path, "red cat")
    facts = json.loads(run("info", "-c", path, "--json").out)["indexes"]["hash"]
    assert facts["parameters"]["method"] == "lsh"  # 256 bits of 48 dimensions: no ITQ
    done = run("optimize", "-c", path, "--hash", "64", "--method", "learned")
    assert done.code != 0 and "cannot be read" in done.err and "train one" in done.err


def test_what_cannot_be_trained(run: Run, tiny: Path, other_tiny: Path, tmp_path: Path) -> None:
    few = tmp_path / "few.sensorium"
    add(few, tiny, 0, 20)
    done = run("train", "hash", few, "--captions", "titles")
    assert done.code != 0 and "no captions in the metadata field 'titles'" in done.err
    done = run("train", "hash", few, "--bits", "20")
    assert done.code != 0 and "20 bits" in done.err
    assert run("train", "hash", tmp_path / "none.sensorium").code != 0
    done = run("optimize", "-c", few, "--hash", "64", "--method", "learned")
    assert done.code != 0 and "no hash function was trained" in done.err
    zeros = np.zeros(DIMENSION)
    foreign = LearnedCoder.of(
        {"": zeros}, {"": np.ones((DIMENSION, 16))}, space="of another encoder"
    )
    with (
        Collection(few, create=False) as library,
        pytest.raises(UsageError, match="trained in the space of another encoder"),
    ):
        library.hash(coder=foreign)
