"""What runs in each worker of Ray Train: the local training, as one of several processes."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensorium.errors import EncoderError, SensoriumError, UsageError
from sensorium.media.progress import NO_FIGURES, Progress
from sensorium.scale.cluster import explained, ray

if TYPE_CHECKING:
    from sensorium.training.contrastive import ContrastiveReport

EVERY = 0.25
"""Seconds between two words of how far it is."""

TRAINING = "training"
"""The step that has a line of its own."""


@dataclasses.dataclass(frozen=True)
class Work:
    """What each worker is given.

    Attributes
    ----------
    place : str
        The working folder of who asked: relative names mean the same everywhere.
    markers : mapping of str to Path
        Folders that all machines share, and a file in each, or beside it, that they see.
    threads : int
    arguments : mapping
        Of the local training; the options as a mapping, since their module takes seconds to load.
    """

    place: str
    markers: Mapping[str, Path]
    threads: int
    arguments: Mapping[str, Any]


def train_as_worker(config: Mapping[str, Any]) -> None:
    """Train as one of several processes. An error that would come again ends it for good."""
    state, work = config["state"], config["work"]
    leads = os.environ["RANK"] == "0"
    going = ray.get(state.start.remote()) if leads else not ray.get(state.is_over.remote())
    if not going:
        return
    try:
        report = _trained(state, work, leads)
    except SensoriumError as error:
        ray.get(state.fail.remote(type(error).__name__, str(error)))
        raise
    except Exception as error:  # a peer that died is one, too: it is begun anew
        ray.get(state.trouble.remote(str(explained(error))))
        raise
    if leads:
        ray.get(state.finish.remote(dataclasses.asdict(report)))


def _trained(state: Any, work: Work, leads: bool) -> ContrastiveReport:
    os.environ["SENSORIUM_THREADS"] = str(work.threads)  # before anything is loaded
    with contextlib.suppress(OSError):  # what is then not found is named by who looks for it
        os.chdir(work.place)
    for folder, marker in work.markers.items():
        if not marker.exists():
            raise UsageError(
                f"{folder} is not the same folder on {socket.gethostname()}: give one that all "
                "machines share"
            )
    import torch

    from sensorium.training.contrastive import Options
    from sensorium.training.contrastive import train_contrastive as train

    torch.set_num_threads(work.threads)
    told = _Teller(state) if leads else None
    return train(
        **{**work.arguments, "options": Options(**work.arguments["options"])},
        said=None if told is None else told.said,
        progress=None if told is None else told.of(TRAINING),
    )


class _Teller:
    """Says how far it is, without waiting for who hears it."""

    def __init__(self, state: Any) -> None:
        self._state = state
        self._asked: Any = None
        self._last = 0.0

    def said(self, what: str) -> Progress:
        """Say that a step begins."""
        self._tell(what)
        return self.of(what)

    def of(self, what: str) -> Progress:
        """What takes how far a step is."""

        def told(done: int, total: int, figures: Mapping[str, float] = NO_FIGURES, /) -> None:
            if done == total or time.monotonic() - self._last >= EVERY:
                self._tell(what, done, total, dict(figures))

        return told

    def _tell(self, *step: Any) -> None:
        is_heard = self._asked is not None and ray.wait([self._asked], timeout=0)[0]
        if is_heard and not ray.get(self._asked):
            raise EncoderError("the training was stopped")
        self._asked = self._state.note.remote(*step)
        self._last = time.monotonic()
