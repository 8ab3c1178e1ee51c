"""Encoders in LiteRT's format: batches of any size through the sizes that there are."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="needs the extra litert")

from sensorium import Collection, Image, load_encoder
from sensorium.encoders import FolderEncoder
from sensorium.encoders.litert_runtime import LiteRTRuntime
from sensorium.errors import EncoderError, MissingExtraError, SpaceMismatchError, UsageError
from sensorium.media import Modality
from tests.agreement import assert_agree
from tests.pages import ROOT
from tests.tiny_encoder import SIZE
from tests.tiny_litert import make_tiny_litert

TEXTS = ["cat", "a red dog", "the photo of a blue square", "green " * 40, "dog", "a", "of the cat"]


@pytest.fixture(scope="module")
def litert(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_litert(tiny, tmp_path_factory.mktemp("litert") / "tiny")


def pictures(count: int) -> list[Image]:
    random = np.random.default_rng(0)
    return [Image(random.integers(0, 256, (48, 40, 3), dtype=np.uint8)) for _ in range(count)]


def test_it_agrees_with_onnx(tiny: Path, litert: Path) -> None:
    ours, original = load_encoder(litert), load_encoder(tiny, runtime="onnxruntime")
    for items in (TEXTS, pictures(7)):
        assert_agree(ours.encode(items), original.encode(items), 0.99999)
    assert ours.runtime == "image: LiteRT f32 on CPU, text: LiteRT f32 on CPU"
    assert isinstance(ours, FolderEncoder)
    assert ours.space.preprocessing == original.space.preprocessing  # lengths change no vector
    assert ours.space.fingerprint != original.space.fingerprint
    assert ours.graph(Modality.IMAGE) is None


@pytest.mark.parametrize("count", range(1, 10))
def test_any_batch_goes_through_those_that_there_are(litert: Path, count: int) -> None:
    encoder = load_encoder(litert)
    for items in (pictures(count), (TEXTS * 2)[:count]):
        together = encoder.encode(items)
        alone = np.concatenate([encoder.encode([item]) for item in items])
        np.testing.assert_allclose(together, alone, atol=1e-6)


def test_a_size_that_no_row_fills_is_filled_up(tiny: Path, tmp_path: Path) -> None:
    only = make_tiny_litert(tiny, tmp_path / "only", batches=(3,), lengths=(16,))
    ours, original = load_encoder(only), load_encoder(tiny)
    for items in (["a cat"], TEXTS, pictures(2), pictures(4)):
        assert_agree(ours.encode(items), original.encode(items))


def test_what_no_signature_takes_is_told(litert: Path) -> None:
    runtime = LiteRTRuntime(litert / "text.tflite")
    tokens = np.zeros((2, 9), np.int64)
    with pytest.raises(EncoderError, match=r"no signature takes .*\(2, 9\).*batch_1_tokens_8"):
        runtime.run({"input_ids": tokens, "attention_mask": tokens})
    with pytest.raises(EncoderError, match="no signature takes"):
        runtime.run({"pixels": np.zeros((1, SIZE, SIZE, 3), np.uint8)})


def test_several_threads_at_once(litert: Path) -> None:
    encoder = load_encoder(litert)
    wanted = encoder.encode(TEXTS)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: encoder.encode(TEXTS), range(12)))
    for one in found:
        np.testing.assert_array_equal(one, wanted)
    assert encoder.side_by_side(2) == 2
    np.testing.assert_allclose(encoder.encode(TEXTS), wanted, atol=1e-6)


@pytest.mark.filterwarnings("ignore:a text is longer than")
def test_odd_inputs(tiny: Path, litert: Path) -> None:
    ours, original = load_encoder(litert), load_encoder(tiny)
    random = np.random.default_rng(1)
    odd = [
        Image(random.integers(0, 256, (20, 30), dtype=np.uint8)),  # grey
        Image(random.integers(0, 256, (9, 300, 4), dtype=np.uint8)),  # with alpha, a banner
        Image(random.integers(0, 256, (1, 1, 3), dtype=np.uint8)),
    ]
    assert_agree(ours.encode(odd), original.encode(odd))
    long = ["the cat of a dog " * 20]
    assert_agree(ours.encode_queries(long), original.encode_queries(long))
    assert ours.encode([]).shape == (0, ours.space.dimension)


def test_it_is_collected_and_searched(litert: Path, tiny: Path, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(5)]
    for path, picture in zip(paths, pictures(5), strict=True):
        picture.load().save(path)
    with Collection(tmp_path / "mine.sensorium", load_encoder(litert)) as mine:
        mine.add(paths)
        assert mine.search(paths[2], k=1)[0].path == str(paths[2])
    with pytest.raises(SpaceMismatchError):
        Collection(tmp_path / "mine.sensorium", load_encoder(tiny))


def test_runtimes_are_not_confused(
    tiny: Path, litert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"LiteRT's format, which 'openvino' does not run"):
        load_encoder(litert, runtime="openvino")
    with pytest.raises(UsageError, match=r"is ONNX, which LiteRT does not run: .*--format"):
        load_encoder(tiny, runtime="litert")
    monkeypatch.setenv("SENSORIUM_RUNTIME", "onnxruntime")  # says what runs ONNX, and no more
    assert load_encoder(litert, runtime="litert").encode(["cat"]).shape == (1, 48)
    assert "LiteRT" in load_encoder(litert).runtime


def test_a_file_that_is_none(litert: Path, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(litert, folder)
    config = json.loads((folder / "encoder.json").read_text())
    for content in (b"", b"no model at all, but some bytes"):
        (folder / "text.tflite").write_bytes(content)
        (folder / "encoder.json").write_text(json.dumps(config))
        with pytest.raises(EncoderError, match=r"text\.tflite: LiteRTRuntime cannot load it"):
            load_encoder(folder).encode(["a"])


@pytest.mark.parametrize("lengths", [[8], [], ["16"], 16, [16, 0], [True, 16]])
def test_lengths_that_hold_no_text_are_refused(
    litert: Path, tmp_path: Path, lengths: object
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(litert, folder)
    config = json.loads((folder / "encoder.json").read_text())
    config["text"]["lengths"] = lengths
    (folder / "encoder.json").write_text(json.dumps(config))
    with pytest.raises(EncoderError, match=r"text\.lengths are numbers of tokens"):
        load_encoder(folder)


def test_nothing_is_written_to_the_terminal(litert: Path) -> None:
    items = repr([*(["cat"] * 5), "a " * 12])  # each signature
    code = f"from sensorium import load_encoder; load_encoder({str(litert)!r}).encode({items})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_the_page_loads_it_without_this_project(litert: Path, tmp_path: Path, sample: Path) -> None:
    """The block of docs/litert.md, where nothing of this project can be imported."""
    page = (ROOT / "docs" / "litert.md").read_text("utf-8")
    block = page.split("```python\n")[1].split("```")[0]
    code, told = block.replace('"mini-litert"', repr(str(litert))).rsplit("print(", 1)
    assert told.startswith("encode_text(")
    pictures = sorted((sample / "images").glob("*.jpg"))[:3]
    texts = ["a red dog", "the cat " * 5, "green"]
    (tmp_path / "page.py").write_text(
        "import sys; sys.modules['sensorium'] = None\n"
        f"{code}\nimport numpy as np\nfrom pathlib import Path\n"
        f"found = [encode_image(path) for path in {[*map(str, pictures)]!r}]\n"
        f"found += [encode_text(text) for text in {texts!r}]\n"
        "np.save('found.npy', found)\n"
    )
    done = subprocess.run([sys.executable, "page.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    encoder = load_encoder(litert)
    wanted = np.concatenate([encoder.encode(pictures), encoder.encode(texts)])
    assert_agree(np.load(tmp_path / "found.npy"), wanted, 0.998)  # pictures are decoded smaller


def test_nothing_is_trained_behind_it(litert: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra train: make hub")
    from sensorium.models.towers import load_tower

    with pytest.raises(UsageError, match="in LiteRT's format, behind which nothing can be put"):
        load_tower(str(litert), Modality.IMAGE, made=tmp_path / "made")


@pytest.mark.usefixtures("unshared")
def test_the_extra_is_named(litert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(MissingExtraError, match=r"ai-edge-litert is not installed; run: .*litert"):
        load_encoder(litert).encode(["cat"])
