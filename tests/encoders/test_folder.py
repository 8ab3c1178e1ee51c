"""Encoder folders: what is wrong with one is said; what is right encodes anything, in order."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import onnx
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from sensorium.encoders import FolderEncoder, load_encoder, shipped_encoders
from sensorium.encoders.registry import encoder_name
from sensorium.errors import EncoderError, MediaError, UnknownModelError
from sensorium.media import Image, Modality, Segment, Text
from tests.media.small_pictures import encode, ramp, red_blue
from tests.tiny_encoder import DIMENSION, make_tiny_encoder

Change = Callable[[dict[str, Any]], object]

AUDIO = {"model": "image.onnx", "rate": 16_000, "seconds": 10, "block": 160}


@pytest.fixture(scope="module")
def encoder(tiny: Path) -> FolderEncoder:
    return FolderEncoder(tiny)


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray((a * b).sum(axis=1))


# Broken folders


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_tiny_encoder(tmp_path / "encoder")


def changed(folder: Path, change: Change) -> Path:
    config = json.loads((folder / "encoder.json").read_text())
    change(config)
    (folder / "encoder.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "holds no encoder.json: it is not an encoder"),
        ("", "cannot be read"),
        ("{", "cannot be read"),
        ("\udcff", "cannot be read"),
        ("[]", "format None; this version reads format 1"),
        ("{}", "format None"),
        ('{"format": 2}', "format 2; this version reads format 1"),
    ],
)
def test_files_that_describe_no_encoder(folder: Path, content: str | None, words: str) -> None:
    path = folder / "encoder.json"
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(EncoderError, match=words):
        load_encoder(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.pop("name"), "name is missing"),
        (lambda c: c.pop("dimension"), "dimension is missing"),
        (lambda c: c.pop("prompts"), "prompts is missing"),
        (lambda c: c.update(dimension="48"), "dimension is no int: '48'"),
        (lambda c: c.update(dimension=True), "dimension is no int"),
        (lambda c: c.update(dimension=0), "dimension is more than 0, got 0"),
        (lambda c: c.update(temperature=0), "temperature is more than 0, got 0"),
        (lambda c: c.update(temperature=float("nan")), "temperature is more than 0, got nan"),
        (lambda c: c.update(prompts=[]), "prompts are one or more texts"),
        (lambda c: c.update(prompts=["a photo"]), "prompts are one or more texts"),
        (lambda c: c.update(prompts="{}"), "prompts is no list"),
        (lambda c: c.update(prompts=[1]), "prompts is no list"),
        (lambda c: [c.pop("image"), c.pop("text")], "names no tower"),
        (lambda c: c.update(audio=7), "audio is no dict"),
        *[
            (
                lambda c, key=key: c.update(audio={k: v for k, v in AUDIO.items() if k != key}),
                f"audio.{key} is missing",
            )
            for key in ("model", "rate", "seconds", "block")
        ],
        (lambda c: c.update(audio=AUDIO | {"block": 0}), "audio.block is more than 0, got 0"),
        (lambda c: c.update(audio=AUDIO | {"rate": 44.1}), "audio.rate is no int"),
        (lambda c: c.update(image=[]), "image is no dict"),
        (lambda c: c["image"].pop("model"), "image.model is missing"),
        (lambda c: c["image"].pop("size"), "image.size is missing"),
        (lambda c: c["image"].update(size=-1), "image.size is more than 0"),
        (lambda c: c["image"].update(fit="squash"), "image fit 'squash'; known: auto, crop, pad"),
        (lambda c: c["image"].update(precision="int8"), "image.precision is 'int8'; known: bf16"),
        (lambda c: c["text"].pop("tokenizer"), "text.tokenizer is missing"),
        (lambda c: c["text"].pop("max_tokens"), "text.max_tokens is missing"),
        (lambda c: c.update(sigmoid={"scale": 1}), "sigmoid.bias is missing"),
        (lambda c: c.update(sigmoid=[1, 2]), "sigmoid is no dict"),
        (lambda c: c.update(calibrations=[1, 2, 3]), "calibrations is no dict"),
        *[
            (
                lambda c, value=value: c.update(calibrations={"text-image": value}),
                "calibrations.text-image is three numbers, two of them at least 0",
            )
            for value in ([1, 2], [1, -2, 3], [1, 2, "3"], [1, True, 3], [1, 2, float("inf")], 7)
        ],
        *[
            (
                lambda c, pair=pair: c.update(calibrations={pair: [1, 0, -1]}),
                "calibrations are of text-image and the like",
            )
            for pair in ("text", "text-smell", "text-image-text", "")
        ],
        (lambda c: c["image"].update(model="gone.onnx"), "names gone.onnx, which is not there"),
        (lambda c: c["image"].update(model=".."), "plain file name"),
        (lambda c: c["image"].update(model=7), "image.model is no str"),
        *[
            (lambda c, name=name: c["text"].update(model=name), "text.model is a plain file name")
            for name in ("../text.onnx", "/etc/passwd", "sub/text.onnx", ".", "./text.onnx")
        ],
        (lambda c: c["text"].update(tokenizer="../t.json"), "text.tokenizer is a plain file name"),
        (lambda c: c["image"].update(tokenizer="../t.json"), "image.tokenizer is a plain file"),
    ],
)
def test_settings_that_cannot_be(folder: Path, change: Change, words: str) -> None:
    with pytest.raises(EncoderError, match=words) as caught:
        load_encoder(changed(folder, change))
    assert str(folder / "encoder.json") in str(caught.value)


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
@pytest.mark.parametrize("content", [b"", b"garbage"])
def test_a_model_that_is_none(folder: Path, runtime: str, content: bytes) -> None:
    (folder / "image.onnx").write_bytes(content)
    broken = load_encoder(folder, runtime=runtime)  # towers are loaded when they are used
    assert broken.encode(["a dog"]).shape == (1, DIMENSION)
    with pytest.raises(EncoderError, match=r"image.onnx: (no ONNX model|.*Runtime cannot load it)"):
        broken.encode([red_blue()])


@pytest.mark.parametrize("content", ["", "{", "{}", '{"version": "9"}'])
def test_a_tokenizer_that_is_none(folder: Path, content: str) -> None:
    (folder / "tokenizer.json").write_text(content)
    broken = load_encoder(folder)
    assert broken.encode([red_blue()]).shape == (1, DIMENSION)
    with pytest.raises(EncoderError, match=r"tokenizer.json: "):
        broken.encode(["a dog"])


def test_a_model_of_another_dimension(folder: Path) -> None:
    wrong = load_encoder(changed(folder, lambda c: c.update(dimension=47)))
    with pytest.raises(EncoderError, match=r"the text tower gave shape \(1, 48\).*\(n, 47\)"):
        wrong.encode(["a dog"])


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_a_model_that_gives_no_numbers(folder: Path, runtime: str) -> None:
    model = onnx.load(folder / "text.onnx")
    table = next(t for t in model.graph.initializer if t.name == "table")
    table.CopyFrom(numpy_helper.from_array(np.full(table.dims, np.nan, np.float32), "table"))
    onnx.save(model, folder / "text.onnx")
    with pytest.raises(EncoderError, match="the text tower gave values that are no numbers"):
        load_encoder(folder, runtime=runtime).encode(["a dog"])


def test_an_encoder_of_one_modality_names_it(folder: Path) -> None:
    blind = load_encoder(changed(folder, lambda c: c.pop("image")))
    assert blind.space.modalities == (Modality.TEXT,)
    assert "OpenVINO" in blind.runtime or "ONNX" in blind.runtime
    with pytest.raises(EncoderError, match="tiny encodes text, not image"):
        blind.encode([red_blue()])
    deaf = FolderEncoder(make_tiny_encoder(folder))

    class Sound:
        modality = Modality.AUDIO

        def metadata(self) -> dict[str, Any]:
            return {}

        def segments(self) -> list[Segment]:
            return [Segment(self)]

    with pytest.raises(EncoderError, match="tiny encodes image and text, not audio"):
        deaf.encode([Sound()])


def test_names_of_encoders(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownModelError, match=r"no encoder 'minni'; did you mean 'mini'\?"):
        load_encoder("minni")
    for name in ("~nobody/x", folder / "nothing"):
        with pytest.raises(EncoderError, match=r"no encoder named .*shipped .*nor a folder"):
            load_encoder(name)
    monkeypatch.chdir(folder.parent)
    assert load_encoder("encoder").space == load_encoder(folder).space
    assert encoder_name("encoder") == str(folder)
    # A name that is shipped wins over a folder of the same name.
    for name, shipped in shipped_encoders().items():
        folder.rename(folder.parent / name)
        assert load_encoder(name).folder == shipped  # type: ignore[attr-defined]
        assert load_encoder(f"./{name}").space.name == "tiny"
        assert encoder_name(name) == name
        break


# Encoding

ITEMS: list[Any] = [
    "a dog", red_blue(), "the cat", "a red square a blue square a green square",
    PIL.Image.new("RGB", (9, 9), "red"), Text("dog"), encode(red_blue(), "PNG"), "一匹马",
    np.zeros((5, 5), np.uint8), Image(ramp((9, 70))),
]  # fmt: skip


def test_vectors_are_of_unit_length_and_in_the_order_given(encoder: FolderEncoder) -> None:
    together = encoder.encode(ITEMS)
    assert together.shape == (len(ITEMS), DIMENSION) and together.dtype == np.float32
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    alone = np.concatenate([encoder.encode([item]) for item in ITEMS])
    assert cosines(together, alone).min() >= 0.9995
    backwards = encoder.encode(ITEMS[::-1])[::-1]
    assert cosines(together, backwards).min() >= 0.9995
    assert abs(cosines(together[:-1], together[1:])).max() < 0.99  # they differ from each other


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 1000])
def test_the_batch_size_changes_no_vector(encoder: FolderEncoder, batch_size: int) -> None:
    vectors = encoder.encode(ITEMS, batch_size=batch_size)
    assert cosines(vectors, encoder.encode(ITEMS)).min() >= 0.9995


@pytest.mark.parametrize("item", [*ITEMS, bytearray(encode(red_blue(), "PNG"))])
def test_a_single_item_is_a_list_of_one(encoder: FolderEncoder, item: Any) -> None:
    assert np.array_equal(encoder.encode(item), encoder.encode([item]))


def test_paths_generators_and_nothing(encoder: FolderEncoder, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encode(red_blue(), "PNG"))
    expected = encoder.encode(red_blue())
    for items in (path, str(path), [path], (item for item in [str(path)])):
        assert np.array_equal(encoder.encode(items), expected)
    for nothing in ([], (), iter(())):
        assert encoder.encode(nothing).shape == (0, DIMENSION)
    assert encoder.encode_prepared(Modality.TEXT, []).shape == (0, DIMENSION)


def test_what_cannot_be_encoded_is_never_passed_over(
    encoder: FolderEncoder, tmp_path: Path
) -> None:
    for broken in (b"garbage", tmp_path / "gone.png", "gone.png", None, ""):
        with pytest.raises(MediaError):
            encoder.encode(["a dog", broken, red_blue()])
    for size in (0, -1):
        with pytest.raises(EncoderError, match=f"batch_size is at least 1, got {size}"):
            encoder.encode(["a dog"], batch_size=size)


def test_long_texts_are_cut(encoder: FolderEncoder) -> None:
    sixteen = "dog cat " * 8
    long, cut = encoder.encode([sixteen + "red " * 5000, sixteen])
    assert cosines(long[None], cut[None]).min() >= 0.9995


@settings(deadline=None)
@given(texts=st.lists(st.text(st.characters(exclude_categories=()), min_size=1), max_size=5))
def test_any_text_has_a_finite_unit_vector_or_is_refused(
    encoder: FolderEncoder, texts: list[str]
) -> None:
    kept = []
    for text in texts:
        try:
            encoder.prepare(Text(text))
        except MediaError as error:
            assert "the text is empty" in str(error) or "nothing to encode" in str(error)
        else:
            kept.append(Text(text))
    vectors = encoder.encode(kept)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_threads_do_not_disturb_each_other(tiny: Path, runtime: str) -> None:
    shared = FolderEncoder(tiny, runtime)  # nothing is loaded yet: threads meet in loading, too
    pictures = [PIL.Image.new("RGB", (8, 8), (i, 255 - i, i // 2)) for i in range(64)]
    texts = ["dog " * (1 + i % 9) + "cat" for i in range(64)]

    def work(number: int) -> np.ndarray:
        items = [pictures[number], texts[number]]
        return np.stack([shared.encode(items) for _ in range(5)])

    with ThreadPoolExecutor(8) as threads:
        found = [*threads.map(work, range(64))]
    alone = FolderEncoder(tiny, runtime)
    for number, repeated in enumerate(found):
        expected = alone.encode([pictures[number], texts[number]])
        for vectors in repeated:
            assert cosines(vectors, expected).min() >= 0.9995


def test_a_text_that_comes_while_a_first_question_begins(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, met = FolderEncoder(tiny), []

    class Meeting(Thread):
        """Another text is encoded before the tower begins to be loaded."""

        def start(self) -> None:
            met.append(shared.encode(["a dog"]))
            super().start()

    monkeypatch.setattr("sensorium.encoders.folder.Thread", Meeting)
    asked = shared.encode(["a dog"], role="query")
    assert len(met) == 1 and met[0].shape == asked.shape
