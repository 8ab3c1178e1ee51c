"""Recognisers of speech: samples in, words with times out; which library reads a model."""

from __future__ import annotations

import json
from pathlib import Path

from sensorium.encoders.hub_cache import files_of, snapshot_of, split_revision
from sensorium.encoders.naming import require_known
from sensorium.tasks.hearing.base import Recogniser as Recogniser
from sensorium.tasks.weights import WEIGHTS


def find_recogniser(name: str) -> Recogniser:
    """A recogniser by its name; nothing is loaded, and fetched only where that is allowed.

    Parameters
    ----------
    name : str
        A size of Whisper or its name in `PACKAGED`, a model of onnx-asr, a hub id, a folder, or an
        address of a server.

    Raises
    ------
    MissingExtraError
        When what it needs is not installed.
    UnknownModelError
        When there is no such model; the message has the nearest.
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
    from sensorium.tasks.hearing.ctranslate2_whisper import sizes
    from sensorium.tasks.hearing.onnx_models import NAMED_ONNX, OnnxAsr, named_models

    known = sizes()
    if name in known or (not known and "/" not in name and not name.startswith(NAMED_ONNX)):
        return FasterWhisper(name)  # or it says what has to be installed
    if name.startswith(NAMED_ONNX) and (not named_models() or name in named_models()):
        return OnnxAsr(name)
    hearing = [weights for weights in WEIGHTS if weights.startswith("whisper-")]
    require_known(name, [*hearing, *known, *named_models()], "speech model")
    return _by_files(name, _hub_files(name), None)


def _hub_files(name: str) -> set[str]:
    """Files of a hub's model in the cache; empty where it is not there."""
    base, revision = split_revision(name)
    folder = snapshot_of(base, revision)
    if folder is None:
        from sensorium.encoders.fetching import may_fetch, require_at_hand

        if may_fetch():  # what reads it, its files tell
            folder = require_at_hand(base, revision)
    return files_of(folder) if folder is not None else set()


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
    local = Path(name).expanduser()
    folder = local if local.is_dir() else snapshot_of(*split_revision(name))
    if folder is None:
        return False
    try:
        kind = json.loads((folder / "config.json").read_text("utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError, RecursionError):
        return False  # loading the model says what is wrong
    return bool(kind == "whisper")
