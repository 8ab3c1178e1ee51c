"""Models of onnx-asr: Parakeet, Canary, GigaAM, Vosk, Whisper on ONNX Runtime."""

from __future__ import annotations

import importlib.util
import json
from functools import cached_property
from pathlib import Path
from typing import Any

from sensorium.encoders.hub_cache import snapshot_of, split_revision
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

NAMED_ONNX = ("nemo-", "gigaam-")
"""What names in onnx-asr's list begin with; the others detect voices, or are known as Whisper's."""


class OnnxAsr:
    """A model of onnx-asr: Parakeet, Canary, Whisper, GigaAM, Vosk and others.

    Parameters
    ----------
    name : str
        As onnx-asr calls it ("nemo-parakeet-tdt-0.6b-v3"), a hub id, or a folder.
    """

    most_seconds = WINDOW_SECONDS
    gap = SHORT_GAP

    def __init__(self, name: str) -> None:
        if importlib.util.find_spec("onnx_asr") is None:
            raise MissingExtraError("onnx-asr", "onnx-asr")
        self.name = name

    @property
    def origin(self) -> Origin:
        """See `Recogniser`."""
        if Path(self.name).expanduser().is_dir():
            return self._folder_origin
        found = snapshot_of(*repository_of(self.name))
        return Origin(self.name, found.name if found else "", "hub")

    @cached_property
    def _folder_origin(self) -> Origin:
        folder = Path(self.name).expanduser()
        return Origin(str(folder), digest_of_folder(folder), "folder")

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

    def require_here(self, *, ask: bool = True) -> None:
        """See `Recogniser`."""
        self._folder(ask=ask)

    _size = 700 << 20

    def _folder(self, *, ask: bool = True) -> Path:
        """Where its files are.

        Raises
        ------
        NotAtHandError
            When they are not on this machine.
        """
        folder = Path(self.name).expanduser()
        if folder.is_dir():
            return folder
        from sensorium.encoders.fetching import require_at_hand

        name, revision = repository_of(self.name)
        only = files_of(self.name)
        called = self.name if only else ""
        return require_at_hand(name, revision, only=only, called=called, ask=ask)

    def _load(self) -> Any:
        import onnxruntime
        from onnx_asr.loader import Manager

        folder = self._folder()
        # A model of its list is known by its name, any other by its files.
        name = self.name if self.name in named_models() else _onnx_kind(folder)
        providers = [p for p in onnxruntime.get_available_providers() if "Azure" not in p]
        try:
            return Manager(providers=providers).create_asr(name, folder, offline=True)
        except Exception as error:  # the library's share no base
            raise EncoderError(
                f"the speech model {self.name!r} cannot be loaded by onnx-asr ({error}): name one "
                "of its models, or a folder with one"
            ) from error


def named_models() -> dict[str, str]:
    """What onnx-asr calls the models that it knows, and their repositories at the hub."""
    if importlib.util.find_spec("onnx_asr") is None:
        return {}
    from onnx_asr.resolver import model_repos

    return {name: repo for name, repo in model_repos.items() if name.startswith(NAMED_ONNX)}


def repository_of(name: str) -> tuple[str, str | None]:
    """Hub id and revision of a model of onnx-asr."""
    base, revision = split_revision(name)
    return named_models().get(base, base), revision


def files_of(name: str) -> tuple[str, ...]:
    """Patterns of the files of a model of onnx-asr's list; a repository may hold several models.

    Without any for a hub id: its own files tell.
    """
    if name not in named_models():
        return ()
    from onnx_asr.loader import create_asr_resolver

    kind: Any = create_asr_resolver(name, offline=True).model_type
    return tuple(kind._get_model_files(None).values())


def _onnx_kind(folder: Path) -> str | None:
    """What onnx-asr calls the kind of model in a folder; None lets it read the configuration."""
    try:
        kind = json.loads((folder / "config.json").read_text("utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError):
        return "nemo-conformer-tdt"
    if kind == "whisper" and next(folder.glob("whisper-*_beamsearch*.onnx"), None):
        return "whisper-ort"
    return str(kind)
