"""Contrastive training on many machines: the loop of one, in the workers of Ray Train.

Ray Train starts a process for each worker, connects them (gloo, or NCCL with GPUs) and starts them
anew when one dies. Everything else is the local training's: each worker is to it what a process of
torchrun is. Checkpoints are its own, in the training's folder, which all machines share; so what
was begun here goes on there, and the other way round.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any

from sensorium.errors import UsageError, WriteError
from sensorium.media.progress import Progress, Said, silent
from sensorium.media.skipped import Skipped
from sensorium.scale.cluster import (
    Resources,
    connected,
    explained,
    ray,
    require_sensible,
    resources,
    room_for,
)
from sensorium.scale.rows import error_of
from sensorium.scale.run_state import MOST_BARREN, RunState
from sensorium.scale.training_worker import EVERY, TRAINING, Work, train_as_worker
from sensorium.training.history import History
from sensorium.training.settings import Settings, require_shares

if TYPE_CHECKING:
    from sensorium.training.contrastive import ContrastiveReport, Options

SILENCE = 10.0
"""Seconds without news after which it is seen whether machines are missing."""


def train_contrastive(
    data: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    options: Options,
    settings: Settings,
    *,
    validation: str | os.PathLike[str] | None = None,
    split: str = "train",
    features: str | os.PathLike[str] | None = None,
    address: str | None = None,
    workers: int | None = None,
    cpus: float = 1.0,
    gpus: int = 0,
    memory: int | None = None,
    said: Said | None = None,
    progress: Progress | None = None,
) -> ContrastiveReport:
    """Train a dual encoder on a Ray cluster, as `sensorium.training.train_contrastive` does here.

    Batches, loss and gradients are those of one process, whatever the number of workers: each
    computes its share of a batch, and compares it with all of it. A worker or a machine that dies
    costs what was done since the last checkpoint; where no room is left for all, it waits until
    there is.

    Parameters
    ----------
    data, validation : str or path
        As for the local training, under the same path on every machine: tables of pictures in
        Lance or in an object store are the ones that need no shared folder. Data in memory are not
        sent.
    folder, features : path
        In a folder that all machines share.
    options : Options
    settings : Settings
        ``batch_size`` is that of all workers together.
    split, said, progress
        As for the local training.
    address : str, optional
        See `sensorium.scale.index`.
    workers : int, optional
        Without it as many as there is room for and can share a batch equally.
    cpus, memory
        Of each; see `sensorium.scale.index`.
    gpus : int
        Of each: none, or one.

    Returns
    -------
    ContrastiveReport

    Raises
    ------
    MissingExtraError
        Without the extras ``scale`` and ``train``.
    UsageError
        When no cluster answers, there is no room for so many workers, they cannot share a batch
        equally, the folder is not the same on all machines; and as the local training.
    EncoderError
        When workers die again and again before they get any further.
    """
    given = {"data": data, "validation": validation}
    for name, value in given.items():
        if not isinstance(value, (str, os.PathLike, type(None))):
            raise UsageError(
                f"{name} is a {type(value).__name__}: on a cluster each worker reads its part, so "
                "name a table, a folder or a Lance table"
            )
    require_sensible(workers, cpus, gpus, memory)
    if gpus not in (0, 1):
        raise UsageError(f"a worker of a training has no GPU or one, not {gpus:g}")
    require_shares(settings.batch_size, workers or 1)
    place = Path(folder).absolute()
    kept = None if features is None else str(Path(features).absolute())
    arguments = {
        **{name: None if one is None else os.fspath(one) for name, one in given.items()},
        "folder": str(place), "options": dataclasses.asdict(options), "settings": settings,
        "split": split, "features": kept,
    }  # fmt: skip
    with ExitStack() as opened:
        shared = [str(place), *([kept] if kept else [])]
        markers = {name: opened.enter_context(_marked(Path(name))) for name in shared}
        is_ours = not ray.is_initialized()
        (said or silent)("connecting to the cluster")
        opened.enter_context(connected(address))
        taken = _room(resources(None, cpus, gpus, memory), workers, settings.batch_size)
        work = Work(str(Path.cwd()), markers, max(1, int(cpus)), arguments)
        try:
            return _report(_Run(work, taken, is_ours).watched(said or silent, progress))
        except ray.exceptions.RayError as error:
            raise explained(error) from error


def _room(there: Resources, workers: int | None, batch_size: int) -> Resources:
    """As many workers as are wanted, or as can be used."""
    if workers is None:
        shares = [n for n in range(1, there.workers + 1) if batch_size % n == 0]
        return dataclasses.replace(there, workers=shares[-1])
    if workers > there.workers:
        raise UsageError(
            f"the cluster has room for {there.workers} workers of {there.cpus:g} CPUs, "
            f"{there.gpus:g} GPUs and {there.memory / 1e9:.1f} GB, not for {workers}: ask for less"
        )
    return dataclasses.replace(there, workers=workers)


@contextmanager
def _marked(folder: Path) -> Iterator[Path]:
    """A file that is seen wherever the folder is the same one."""
    above = next(path for path in (folder, *folder.parents) if path.is_dir())
    with ExitStack() as opened:
        try:
            file = opened.enter_context(
                tempfile.NamedTemporaryFile(dir=above, prefix=".sensorium-")
            )
        except OSError as error:
            raise WriteError(f"{above}: cannot be written ({error.strerror or error})") from error
        yield Path(file.name)


class _Run:
    """A training under way, seen from who asked for it."""

    def __init__(self, work: Work, taken: Resources, is_ours: bool) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        # Ray kills what it likes where memory is short. What is forgotten then is said again.
        kind = ray.remote(
            num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy=here
        )(RunState)
        self._state: Any = kind.remote()
        self._work, self._taken, self._is_ours = work, taken, is_ours
        self._vain = 0
        self._begin()

    def _begin(self) -> None:
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._fit, name="ray train", daemon=True)
        self._thread.start()

    def _begin_again(self) -> None:
        """Go on where Ray Train's own process was killed, or the result forgotten.

        Raises
        ------
        EncoderError
            When it has ended otherwise, or again and again.
        """
        failure = self._failure
        self._vain += 1
        if self._vain > MOST_BARREN or not isinstance(failure, (ray.exceptions.RayError, NoneType)):
            failure = failure or RuntimeError("it ended without a result")
            raise explained(failure) from failure
        self._begin()

    def _fit(self) -> None:
        """Let Ray Train do it; in a thread, since it takes signals for itself in the first one."""
        try:
            # Ray's own checkpoints are not used, so what it stores is of no use to anybody.
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as storage:
                self._trainer(storage).fit()
        except BaseException as error:
            self._failure = error

    def _trainer(self, storage: str) -> Any:
        from ray.train import FailureConfig, LoggingConfig, RunConfig, ScalingConfig
        from ray.train.torch import TorchTrainer

        taken = self._taken
        each = {"CPU": taken.cpus, "memory": taken.memory, "GPU": taken.gpus}
        return TorchTrainer(
            train_as_worker,
            train_loop_config={"state": self._state, "work": self._work},
            scaling_config=ScalingConfig(
                num_workers=taken.workers,
                use_gpu=bool(taken.gpus),
                resources_per_worker={name: amount for name, amount in each.items() if amount},
            ),
            run_config=RunConfig(
                name="sensorium",
                storage_path=storage,
                failure_config=FailureConfig(max_failures=-1),  # `RunState` counts
                # Ray leaves GPUs visible to who asked for none; they would be taken.
                worker_runtime_env={} if taken.gpus else {"env_vars": {"CUDA_VISIBLE_DEVICES": ""}},
                logging_config=LoggingConfig(log_level="CRITICAL"),
            ),
        )

    def watched(self, said: Said, progress: Progress | None) -> dict[str, Any]:
        """Tell of it until it is over; what it led to."""
        count = self._taken.workers
        said(f"starting {count} worker{'s' * (count > 1)}")
        told = _Told(said, progress)
        try:
            while True:
                is_alive = self._thread.is_alive()
                step, error, report = ray.get(self._state.look.remote())
                is_news = told.hears(step)
                self._vain *= not is_news
                if report is not None:
                    self._settle()
                    return dict(report)
                if error is not None:
                    self._settle()
                    raise error_of(*error)
                if not is_alive:
                    self._begin_again()
                if not is_news and told.silence > SILENCE:
                    self._say_what_is_missing(said, told)
                time.sleep(EVERY)
        except KeyboardInterrupt:
            with contextlib.suppress(ray.exceptions.RayError):
                ray.get(self._state.stop.remote())
            raise

    def _settle(self) -> None:
        """Wait for Ray Train's end where the cluster goes on without us."""
        if not self._is_ours:
            self._thread.join()

    def _say_what_is_missing(self, said: Said, told: _Told) -> None:
        taken = self._taken
        there = room_for(taken.cpus, taken.gpus, taken.memory)
        if there < taken.workers and not told.is_waiting:
            said(f"waiting for machines: there is room for {there} of {taken.workers} workers")
            told.is_waiting = True  # what goes on then is to be said again


class _Told:
    """Passes on what was not heard yet."""

    def __init__(self, said: Said, progress: Progress | None) -> None:
        self._said, self._progress = said, progress
        self._last: Any = None
        self._bar: Progress | None = None
        self._since = time.monotonic()
        self.is_waiting = False

    @property
    def silence(self) -> float:
        """Seconds since there was something new."""
        return time.monotonic() - self._since

    def hears(self, step: Any) -> bool:
        """Take in how far it is; whether that is new."""
        if step is None or step == self._last:
            return False
        what, done, total, figures = step
        if what == TRAINING:
            self._bar = self._progress
        elif self.is_waiting or self._last is None or what != self._last[0]:
            self._bar = self._said(what)
        self.is_waiting = False
        if self._bar is not None and total:
            self._bar(done, total, figures)
        self._last, self._since = step, time.monotonic()
        return True


def _report(found: dict[str, Any]) -> ContrastiveReport:
    from sensorium.training.contrastive import ContrastiveReport

    history = History(**found.pop("history"))
    skipped = [Skipped(**one) for one in found.pop("skipped")]
    return ContrastiveReport(**found, history=history, skipped=skipped)
