"""Every task with a model of a hub: named with its size, fetched by a command, told in results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sentence_transformers", reason="needs the extra hub: make hub")

from sensorium import fetch_model
from sensorium.encoders.fetching import ALLOWED
from sensorium.encoders.hub_contents import lacks_some, needed
from sensorium.errors import (
    EncoderError,
    NotAtHandError,
    SensoriumWarning,
    UnknownModelError,
    UsageError,
)
from sensorium.media import Audio, Image
from sensorium.tasks.answering import load_answerer
from sensorium.tasks.captioning import load_captioner
from sensorium.tasks.detection import load_detector
from sensorium.tasks.hearing import find_recogniser
from sensorium.tasks.hearing.ctranslate2_whisper import FasterWhisper
from sensorium.tasks.loaded import LOADED
from sensorium.tasks.origin import Origin
from sensorium.tasks.segmentation import load_segmenter
from sensorium.tasks.speaking import load_speaker
from sensorium.tasks.summarizing import load_summarizer
from sensorium.tasks.transcription import Transcriber
from sensorium.tasks.translation import load_translator
from tests.encoders.hub_server import HubServer, asked_here
from tests.tasks import tiny_chat, tiny_detectors, tiny_language, tiny_segmenters
from tests.tasks.hearing import tiny_recognisers
from tests.tasks.test_speaking import vits

Weights = Callable[[str], Path]
TEXT = "A cat sat on a mat. A dog ran."


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with asked_here(tmp_path / "cache", monkeypatch) as server:
        yield server
    LOADED.unload()  # of other tests' caches, under the same names


TASKS: dict[str, tuple[Callable[[Path], Path], Callable[[str], Any]]] = {
    "detect": (tiny_detectors.detr, lambda name: load_detector(name).origin),
    "segment": (tiny_segmenters.segformer, lambda name: load_segmenter(name).origin),
    "caption": (tiny_chat.llava, lambda name: load_captioner(name).origin),
    "answer": (
        tiny_language.bert_marking,
        lambda name: load_answerer(name).answer("a cat ?", TEXT)[0].origin,
    ),
    "summarize": (
        tiny_language.t5, lambda name: load_summarizer(name).summarize([TEXT])[0].origin,
    ),
    "translate": (
        tiny_language.marian, lambda name: load_translator(name).translate("a cat")[0].origin,
    ),
    "speak": (vits, lambda name: load_speaker(name).speak("a cat").origin),
}  # fmt: skip


@pytest.mark.parametrize("task", TASKS)
def test_it_is_fetched_by_a_command_and_told(hub: HubServer, tmp_path: Path, task: str) -> None:
    make, run = TASKS[task]
    name = f"org/{task}"
    repository = hub.add(name, make(tmp_path / "made"))
    with pytest.raises(NotAtHandError, match=rf"^{name} is .*`sensorium models --get {name}` .*MB"):
        run(name)
    assert not hub.contents_asked
    fetch_model(name)
    hub.asked.clear()
    assert run(name) == Origin(name, repository.commits["main"], "hub")
    assert hub.asked == []


def test_oneformer_takes_its_labels_from_its_own_files(hub: HubServer, tmp_path: Path) -> None:
    """Its processor names another repository, which is not asked."""
    folder = tiny_segmenters.oneformer(tmp_path / "made")
    for name in ("preprocessor_config.json", "processor_config.json"):
        if (file := folder / name).is_file():
            file.write_text(file.read_text().replace(str(folder), "nobody/labels"))
    hub.add("org/labels", folder)
    snapshot = fetch_model("org/labels")
    hub.asked.clear()
    picture = Image(np.zeros((64, 64, 3), np.uint8))
    assert not load_segmenter("org/labels").segment(picture)[0].error
    (snapshot / "labels.json").unlink()
    LOADED.unload()
    with pytest.raises(EncoderError, match=r"its list of labels, labels.json, has to lie in"):
        load_segmenter("org/labels").segment(picture)
    assert hub.asked == []


def hears(name: str, language: str | None = "en") -> Any:
    """What is heard in a second of noise, and by what."""
    recogniser = find_recogniser(name)
    noise = np.random.default_rng(0).normal(size=16_000).astype(np.float32) / 10
    recogniser.hear(noise, language)
    return recogniser.origin


@pytest.mark.slow
def test_speech_by_ctranslate2(hub: HubServer, weights_of: Weights) -> None:
    pytest.importorskip("faster_whisper")
    repository = hub.add("Systran/faster-whisper-tiny", weights_of("whisper-base"))
    for name in ("tiny", "Systran/faster-whisper-tiny"):
        with pytest.raises(
            NotAtHandError, match=r"is not on .*fetches it \(1\d\d MB.*whisper-base` fetches 'base'"
        ):
            FasterWhisper(name).hear(np.zeros(16_000, np.float32), None)
    with pytest.raises(NotAtHandError, match=r"tiny \(Systran/faster-whisper-tiny\) is not on"):
        Transcriber("tiny").transcribe(Audio(np.zeros(16_000, np.float32), 16_000))
    assert not hub.contents_asked
    snapshot = fetch_model("Systran/faster-whisper-tiny")
    hub.asked.clear()
    assert hears("tiny") == Origin("tiny", repository.commits["main"], "hub")
    assert hub.asked == []
    (snapshot / "tokenizer.json").unlink()  # faster-whisper would fetch OpenAI's
    LOADED.unload()
    with pytest.raises(EncoderError, match=r"has no tokenizer.json"):
        hears("tiny")
    assert not hub.contents_asked


def test_speech_by_transformers(hub: HubServer, tmp_path: Path, weights_of: Weights) -> None:
    tokenizer = weights_of("whisper-base") / "tokenizer.json"
    repository = hub.add("org/hears", tiny_recognisers.whisper(tmp_path / "w", tokenizer))
    with pytest.raises(NotAtHandError, match=r"^org/hears is not .*MB"):
        Transcriber("org/hears").transcribe(Audio(np.zeros(16_000, np.float32), 16_000))
    hub.asked.clear()
    with pytest.raises(NotAtHandError, match=r"^org/hears is not"):
        Transcriber("org/hears").require_here()
    assert hub.asked == []  # a question asks no hub
    fetch_model("org/hears")
    assert hears("org/hears") == Origin("org/hears", repository.commits["main"], "hub")


def test_speech_by_onnx_asr(
    hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnx_asr")
    name, listed = "nemo-parakeet-ctc-0.6b", "istupakov/parakeet-ctc-0.6b-onnx"
    folder = tiny_recognisers.parakeet_ctc(tmp_path / "onnx")
    (folder / "model.int8.onnx").write_bytes(b"x" * 1000)
    repository = hub.add(listed, folder)
    with pytest.raises(NotAtHandError, match=rf"^{name} \({listed}\) is .*models --get {name}` "):
        hears(name)
    with pytest.raises(NotAtHandError, match=rf"^{listed} is .*models --get {listed}` "):
        hears(listed)
    assert not hub.contents_asked
    snapshot = fetch_model(name)
    assert not (snapshot / "model.int8.onnx").exists()
    hub.asked.clear()
    assert hears(name) == Origin(name, repository.commits["main"], "hub")
    assert hub.asked == []
    # What reads a model is told by its files, which are known once it was fetched.
    hub.add("org/other", folder)
    monkeypatch.setenv(ALLOWED, "1")
    with pytest.warns(SensoriumWarning, match="fetching org/other"):
        assert hears("org/other").kind == "hub"


NAMES: dict[str, tuple[Callable[[str], Any], str, str]] = {
    "detect": (load_detector, "ssd-cocoo", "ssd-coco"),
    "segment": (load_segmenter, "cutout", "cut-out"),
    "caption": (load_captioner, "name", "names"),
    "answer": (load_answerer, "defualt", "default"),
    "summarize": (load_summarizer, "defalt", "default"),
    "transcribe": (Transcriber, "wisper-base", "whisper-base"),
    "speak": (load_speaker, "jo", "joe"),
}


@pytest.mark.parametrize("task", [*NAMES, "translate"])
def test_a_mistyped_name_is_no_model_of_a_hub(hub: HubServer, task: str) -> None:
    load, mistyped, meant = NAMES.get(task, (load_translator, "opus", ""))
    told = rf"there is no .* '{mistyped}'" + (rf"; did you mean '{meant}'\? There are {meant}")
    with pytest.raises(UnknownModelError, match=told if meant else "there is no translator 'opus'"):
        load(mistyped)
    with pytest.raises(UnknownModelError, match=r"there is no .* 'nothing-at-all'"):
        load("nothing-at-all")
    with pytest.raises(EncoderError, match=r"there is no folder './nothing'") as caught:
        load("./nothing")
    assert not isinstance(caught.value, UsageError)
    assert hub.asked == []


@pytest.mark.parametrize(
    ("here", "lacks"),
    [
        ("config.json model.safetensors tokenizer.json", False),  # as Transformers reads them
        ("config.json model.safetensors vocab.txt", False),
        ("config.json model.safetensors", True),
        ("config.json tokenizer.json", True),
        ("model.safetensors tokenizer.json", True),
    ],
)
def test_what_other_programs_fetched_is_enough_for_them(here: str, lacks: bool) -> None:
    listed = "config.json generation_config.json tokenizer.json vocab.txt model.safetensors"
    assert lacks_some(listed.split(), here.split()) is lacks


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        ("config.json model.safetensors pytorch_model.bin", "config.json model.safetensors"),
        (
            "model.safetensors model-00001-of-00002.safetensors model.safetensors.index.json",
            "model.safetensors.index.json model.safetensors",
        ),
        ("consolidated.safetensors model-00001-of-00001.safetensors",
         "model-00001-of-00001.safetensors"),
        (
            "modules.json 1_Dense/model.safetensors 1_Dense/pytorch_model.bin model.safetensors",
            "modules.json 1_Dense/model.safetensors model.safetensors",
        ),
        (
            "config.json model.bin vocabulary.txt tokenizer.json README.md",
            "config.json model.bin tokenizer.json vocabulary.txt",
        ),
        ("config.json model.bin", ""),  # as far as its name tells, a pickle
        ("config.json pytorch_model.bin tf_model.h5", ""),
        (
            "config.json vocab.txt encoder-model.onnx encoder-model.onnx.data "
            "encoder-model.int8.onnx decoder_joint-model.onnx decoder_joint-model.int8.onnx",
            "config.json vocab.txt decoder_joint-model.onnx encoder-model.onnx "
            "encoder-model.onnx.data",
        ),
        (
            "config.json onnx/encoder_model.onnx onnx/encoder_model_fp16.onnx "
            "onnx/decoder_model.onnx onnx/decoder_model_merged.onnx "
            "onnx/decoder_model_merged_q4.onnx onnx/decoder_with_past_model.onnx",
            "config.json onnx/decoder_model_merged.onnx onnx/encoder_model.onnx",
        ),
        ("adapter_config.json adapter_model.safetensors adapter_model.bin",
         "adapter_config.json adapter_model.safetensors"),
    ],
)  # fmt: skip
def test_one_set_of_weights_is_needed(files: str, chosen: str) -> None:
    assert needed(files.split()) == chosen.split()
