"""Whisper by CTranslate2 (faster-whisper): fast on processors, its weights in packages."""

from __future__ import annotations

import importlib.util
import math
from functools import cached_property
from pathlib import Path
from typing import Any

from sensorium.encoders.hub_cache import snapshot_of, split_revision
from sensorium.errors import EncoderError, MissingExtraError, NotAtHandError, UsageError
from sensorium.tasks.hearing.base import (
    REPEATED,
    UNSURE,
    Samples,
    is_invented,
    said_of,
)
from sensorium.tasks.hearing.transcripts import Said
from sensorium.tasks.loaded import LOADED
from sensorium.tasks.origin import Origin, digest_of_folder
from sensorium.tasks.weights import WEIGHTS, folder_of

TEMPERATURES = (0.0, 0.2, 0.4)
"""At which a text is sampled when the one before it was none; at more, Whisper invents words."""

UNCERTAIN = 0.1
"""Temperature from which on a text does not lead the next window: an invented one spreads. A sure
one does: what was said before helps to understand what is said now."""

PACKAGED = {"base": "whisper-base", "tiny.en": "whisper-tiny.en"}
"""Sizes of Whisper whose weights come from a package, too; by their names there."""


def sizes() -> list[str]:
    """What faster-whisper calls the models that it knows; none where it is not installed."""
    if importlib.util.find_spec("faster_whisper") is None:
        return []
    from faster_whisper.utils import available_models

    return [*available_models()]


class FasterWhisper:
    """Whisper by CTranslate2.

    Parameters
    ----------
    name : str
        A size ("base"), weights of a package ("whisper-base"), a hub id, or a folder.
    """

    most_seconds = 120.0
    gap = math.inf

    def __init__(self, name: str) -> None:
        if importlib.util.find_spec("faster_whisper") is None:
            raise MissingExtraError("faster-whisper", "speech")
        self.name = name
        self.weights = PACKAGED.get(name, name if name in WEIGHTS else None)

    @property
    def origin(self) -> Origin:
        """See `Recogniser`."""
        if self.weights is not None and WEIGHTS[self.weights].is_here:
            return WEIGHTS[self.weights].origin
        if Path(self.name).expanduser().is_dir():
            return self._folder_origin
        found = snapshot_of(*self._repository)
        return Origin(self.name, found.name if found else "", "hub")

    @cached_property
    def _folder_origin(self) -> Origin:
        folder = Path(self.name).expanduser()
        return Origin(str(folder), digest_of_folder(folder), "folder")

    def hear(self, samples: Samples, language: str | None) -> list[Said]:
        """See `Recogniser`."""
        import ctranslate2

        with LOADED.using(("whisper", self.name), self._load, self._size) as whisper:
            if language and language not in (known := whisper.supported_languages):
                raise UsageError(
                    f"{self.name} knows no language {language!r}: it knows {', '.join(known)}"
                )
            ctranslate2.set_random_seed(0)  # of what is sampled when the best text is none
            segments, info = whisper.transcribe(
                samples, language=language, vad_filter=False, beam_size=5,
                temperature=TEMPERATURES,
                condition_on_previous_text=True, prompt_reset_on_temperature=UNCERTAIN,
                log_prob_threshold=UNSURE, no_speech_threshold=None,
                compression_ratio_threshold=REPEATED,
                word_timestamps=True,  # else a sentence may begin with the silence before it
            )  # fmt: skip
            return [
                said_of(
                    one.text, one.start, one.end,
                    [(w.word, w.start, w.end, w.probability) for w in one.words or ()],
                    info.language,
                )
                for one in segments
                if not is_invented(one.avg_logprob, one.no_speech_prob, one.compression_ratio)
            ]  # fmt: skip

    def require_here(self, *, ask: bool = True) -> None:
        """See `Recogniser`."""
        self._folder(ask=ask)

    _size = 300 << 20

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
        if self.weights is not None and (
            WEIGHTS[self.weights].is_here or snapshot_of(*self._repository) is None
        ):
            return folder_of(self.weights)
        from sensorium.encoders.fetching import require_at_hand

        name, revision = self._repository
        called = "" if "/" in self.name else self.name
        try:
            return require_at_hand(name, revision, called=called, ask=ask)
        except NotAtHandError as error:
            packaged = WEIGHTS["whisper-base"]
            raise NotAtHandError(
                f"{error}; `{packaged.command}` fetches 'base' ({packaged.megabytes} MB) without "
                "a hub"
            ) from error

    @cached_property
    def _repository(self) -> tuple[str, str | None]:
        """Hub id and revision."""
        from faster_whisper.utils import _MODELS

        name, revision = split_revision(self.name)
        return str(_MODELS.get(name, name)), revision

    def _load(self) -> Any:
        import ctranslate2
        from faster_whisper import WhisperModel

        on_gpu = bool(ctranslate2.get_cuda_device_count())
        folder = self._folder()
        if not (folder / "tokenizer.json").is_file():  # faster-whisper would fetch OpenAI's
            raise EncoderError(
                f"the speech model {self.name!r} cannot be loaded: {folder} has no tokenizer.json, "
                "which the Whisper has that it was converted from; put it there"
            )
        try:
            return WhisperModel(
                str(folder),
                device="auto",
                compute_type="default" if on_gpu else "int8",
                local_files_only=True,
            )
        except Exception as error:  # CTranslate2's share no base
            raise EncoderError(
                f"the speech model {self.name!r} cannot be loaded ({error}): name a folder with a "
                "model of CTranslate2, or take 'base'"
            ) from error
