"""Processors of Transformers without their part for videos, which is never asked here.

Of a film, models get pictures. Only that part needs torchvision, and of SmolVLM num2words.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from sensorium.errors import MissingExtraError

try:
    from transformers.models.auto import video_processing_auto
    from transformers.processing_utils import ProcessorMixin
except ImportError as error:
    raise MissingExtraError(error.name or "transformers", "hub") from error


class _NoVideos(dict[str, Any]):
    """Stands where a processor's part for videos would."""

    num_frames = fps = None  # SmolVLM's looks them up even where there is no video

    def to_dict(self) -> dict[str, Any]:
        return {}


@contextmanager
def without_videos() -> Iterator[None]:
    """Load processors without what only their part for videos needs, where that is not installed.

    What is replaced meanwhile is everybody's: hold `safe_loading`, too.
    """
    with _without_torchvision(), _without_num2words():
        yield


@contextmanager
def _without_torchvision() -> Iterator[None]:
    if find_spec("torchvision") is not None:
        yield
        return
    automatic: Any = video_processing_auto.AutoVideoProcessor
    mixin: Any = ProcessorMixin
    load, check = automatic.from_pretrained, mixin.check_argument_for_proper_class

    def check_others(self: Any, name: str, argument: Any) -> Any:
        return None if isinstance(argument, _NoVideos) else check(self, name, argument)

    automatic.from_pretrained = lambda *arguments, **options: _NoVideos()
    mixin.check_argument_for_proper_class = check_others
    try:
        yield
    finally:
        automatic.from_pretrained = load
        mixin.check_argument_for_proper_class = check


@contextmanager
def _without_num2words() -> Iterator[None]:
    """SmolVLM's processor refuses to be made without it, and asks it how many frames a film has."""
    if find_spec("num2words") is not None:
        yield
        return
    from transformers.models.smolvlm import processing_smolvlm

    module: Any = processing_smolvlm
    module.num2words = str
    try:
        yield
    finally:
        module.num2words = None
