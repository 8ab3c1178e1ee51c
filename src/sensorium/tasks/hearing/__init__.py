"""Recognisers of speech: samples in, words with times out; which library reads a model."""

from __future__ import annotations

import json
from pathlib import Path

from sensorium.tasks.hearing.base import Recogniser as Recogniser
from sensorium.tasks.hearing.base import hub_files
from sensorium.tasks.weights import WEIGHTS


def find_recogniser(name: str) -> Recogniser:
    """A recogniser by its name; nothing is loaded.

    Parameters
    ----------
    name : str
        A size of Whisper or its name in `PACKAGED`, a model of onnx-asr, a hub id, a folder, or an
        address of a server.

    Raises
    ------
    MissingExtraError
        When what it needs is not installed.
    """
    from sensorium.tasks.chat import is_served
    from sensorium.tasks.hearing.ctranslate2_whisper import FasterWhisper

    if is_served(name):
        from sensorium.tasks.hearing.served import Served

        return Served(name)
    if name in WEIGHTS:
        return FasterWhisper(name)
    folder = Path(name).expanduser()
    if folder.is_dir():
        files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        return _by_files(name, files, folder)
    if "/" in name:
        return _by_files(name, hub_files(name), None)
    if name.startswith(("nemo-", "gigaam-")):
        from sensorium.tasks.hearing.onnx_models import OnnxAsr

        return OnnxAsr(name)
    return FasterWhisper(name)


def _by_files(name: str, files: set[str], folder: Path | None) -> Recogniser:
    """Which library reads a model: told by its files, or by its name where these are not known."""
    from sensorium.tasks.hearing.ctranslate2_whisper import FasterWhisper
    from sensorium.tasks.hearing.onnx_models import OnnxAsr

    if "model.bin" in files and not any(file.endswith(".safetensors") for file in files):
        return FasterWhisper(name)
    is_onnx = any(file.endswith(".onnx") for file in files)
    if any(file.endswith(".safetensors") for file in files) and not (folder and is_onnx):
        return _of_transformers(name)
    if is_onnx or (not files and "onnx" in name):
        return OnnxAsr(name)
    if not files and "faster" not in name:
        return _of_transformers(name)
    return FasterWhisper(name)


def _of_transformers(name: str) -> Recogniser:
    from sensorium.tasks.hearing.transformers_speech import TransformersSpeech
    from sensorium.tasks.hearing.transformers_whisper import TransformersWhisper

    return TransformersWhisper(name) if _is_whisper(name) else TransformersSpeech(name)


def _is_whisper(name: str) -> bool:
    """What the configuration says; by the name where there is none, or it cannot be read."""
    if "whisper" in Path(name).name.lower():
        return True
    folder = Path(name).expanduser()
    try:
        if not folder.is_dir():
            from huggingface_hub import hf_hub_download

            folder = Path(hf_hub_download(name, "config.json", local_files_only=True)).parent
        kind = json.loads((folder / "config.json").read_text("utf-8")).get("model_type")
    except Exception:  # the hub's errors share no base; loading the model says what is wrong
        return False
    return bool(kind == "whisper")
