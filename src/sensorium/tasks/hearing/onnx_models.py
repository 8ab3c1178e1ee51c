"""Models of onnx-asr: Parakeet, Canary, GigaAM, Vosk, Whisper on ONNX Runtime."""

from __future__ import annotations

import importlib.util
import json
from functools import cached_property
from pathlib import Path
from typing import Any

from sensorium.errors import EncoderError, MissingExtraError
from sensorium.tasks.hearing.base import (
    RATE,
    SHORT_GAP,
    WINDOW_SECONDS,
    Samples,
    of_tokens,
    spread,
)
from sensorium.tasks.hearing.transcripts import Said
from sensorium.tasks.loaded import LOADED
from sensorium.tasks.origin import Origin, digest_of_folder


class OnnxAsr:
    """A model of onnx-asr: Parakeet, Canary, Whisper, GigaAM, Vosk and others.

    Parameters
    ----------
    name : str
        As onnx-asr calls it ("nemo-parakeet-tdt-0.6b-v3"), a hub id, or a folder.
    """

    most_seconds = WINDOW_SECONDS
    gap = SHORT_GAP
    fetches = True

    def __init__(self, name: str) -> None:
        if importlib.util.find_spec("onnx_asr") is None:
            raise MissingExtraError("onnx-asr", "onnx-asr")
        self.name = name

    @cached_property
    def origin(self) -> Origin:
        """See `Recogniser`."""
        folder = Path(self.name).expanduser()
        if folder.is_dir():
            return Origin(str(folder), digest_of_folder(folder), "folder")
        return Origin(self.name, "", "hub")

    def hear(self, samples: Samples, language: str | None) -> list[Said]:
        """See `Recogniser`."""
        with LOADED.using(("onnx-asr", self.name), self._load, self._size) as model:
            found = model.with_timestamps().recognize(
                samples, sample_rate=RATE, **({"language": language} if language else {})
            )
        seconds = len(samples) / RATE
        if not found.tokens:
            return spread(found.text, seconds, language or "")
        logs = found.logprobs or [0.0] * len(found.tokens)
        return of_tokens(found.tokens, found.timestamps, logs, seconds, language or "")

    def require_here(self) -> None:
        """See `Recogniser`."""
        self._load_with(offline=True)

    _size = 700 << 20

    def _load(self) -> Any:
        from sensorium.encoders.reaching import unreachable

        local = Path(self.name).expanduser().is_dir()
        return self._load_with(offline=local or bool(unreachable()))

    def _load_with(self, *, offline: bool) -> Any:
        import onnxruntime
        from onnx_asr.loader import Manager

        folder = Path(self.name).expanduser()
        local = folder.is_dir()
        name = _onnx_kind(folder) if local else self.name
        providers = [p for p in onnxruntime.get_available_providers() if "Azure" not in p]
        try:
            return Manager(providers=providers).create_asr(
                name, folder if local else None, offline=offline
            )
        except Exception as error:  # the library's share no base
            raise EncoderError(
                f"the speech model {self.name!r} cannot be loaded by onnx-asr ({error}): name one "
                "of its models, or a folder with one; where a hub can be reached, name it there "
                "once with HF_HUB_OFFLINE=0"
            ) from error


def _onnx_kind(folder: Path) -> str | None:
    """What onnx-asr calls the kind of model in a folder; None lets it read the configuration."""
    try:
        kind = json.loads((folder / "config.json").read_text("utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError):
        return "nemo-conformer-tdt"
    if kind == "whisper" and next(folder.glob("whisper-*_beamsearch*.onnx"), None):
        return "whisper-ort"
    return str(kind)
