"""What runs on the machines of a cluster: an actor that reads and encodes files as `add` does."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

import pyarrow

from sensorium.collection.queries import extraction_of
from sensorium.collection.work import Work, read_work
from sensorium.encoders import Encoder
from sensorium.encoders.pipeline import Read, embed
from sensorium.encoders.reading import NOTHING, is_heavy
from sensorium.encoders.registry import load_encoder
from sensorium.errors import EncoderError, SensoriumError
from sensorium.scale.attempts import DEADLY, Attempts
from sensorium.scale.rows import Row, Task, encoded_to_table, failure_to_table, tasks_of


@dataclass(frozen=True)
class Setup:
    """What an actor needs to make the vectors that would be made on the machine that asks.

    Attributes
    ----------
    encoder : str or Encoder
        A name, which every machine loads, or an encoder that can be sent.
    fingerprint : str
        Of its space.
    speech, ocr, detect, batch_size
        As for `Collection.add`.
    threads : int
        Processors that an actor takes.
    """

    encoder: str | Encoder
    fingerprint: str
    speech: bool | str
    ocr: bool
    detect: bool | str
    batch_size: int
    threads: int


class EncodingActor:
    """Reads files and encodes them, block by block.

    Parameters
    ----------
    setup : Setup
    attempts : Attempts, optional
        Counts what is begun, so that a file at which processes die is found out.
    """

    def __init__(self, setup: Setup, attempts: Attempts | None = None) -> None:
        os.environ["SENSORIUM_THREADS"] = str(setup.threads)  # before anything is loaded
        self._setup, self._attempts = setup, attempts
        # An actor that cannot be made would be made again and again: its first block says why.
        self._encoder: Encoder | None = None
        self._extraction = NOTHING

    def _load(self) -> Encoder:
        if self._encoder is None:
            given = self._setup.encoder
            encoder = load_encoder(given) if isinstance(given, str) else given
            if encoder.space.fingerprint != self._setup.fingerprint:
                raise EncoderError(
                    f"{given}: on {socket.gethostname()} this is another encoder than where it was "
                    "asked for (their spaces differ): install the same files on every machine"
                )
            self._extraction = extraction_of(
                self._setup.speech, self._setup.ocr, self._setup.detect
            )
            self._encoder = encoder
        return self._encoder

    def __call__(self, block: pyarrow.Table) -> pyarrow.Table:
        """Rows of `TO_READ` to rows of `ENCODED`."""
        tasks = list(tasks_of(block))
        if not tasks:
            return encoded_to_table([])
        try:
            return self._found(self._load(), tasks)
        except SensoriumError as error:  # of the encoder: what is wrong with a file is a skip
            return failure_to_table(error)

    def _found(self, encoder: Encoder, tasks: list[Task]) -> pyarrow.Table:
        if self._attempts is None or not self._attempts.are_many(tasks[0].number):
            return encoded_to_table(self._encoded(encoder, tasks))
        return encoded_to_table(chain.from_iterable(self._alone(encoder, task) for task in tasks))

    def _alone(self, encoder: Encoder, task: Task) -> list[Row]:
        """Read a file that may be the one at which processes die."""
        assert self._attempts is not None
        if self._attempts.is_deadly(task.number):
            task = replace(task, work=replace(task.work, change="skip", reason=DEADLY))
        found = self._encoded(encoder, [task])
        self._attempts.end(task.number)
        return found

    def _encoded(self, encoder: Encoder, tasks: Sequence[Task]) -> list[Row]:
        batches = embed(
            encoder, tasks, lambda task: self._read(encoder, task),
            batch_size=self._setup.batch_size,
            is_heavy=lambda task: task.content is None and is_heavy(task.work.candidate.path),
        )  # fmt: skip
        return [
            (task.number, (task.work, records, vectors))
            for batch in batches for task, records, vectors in batch
        ]  # fmt: skip

    def _read(self, encoder: Encoder, task: Task) -> Read[Task]:
        read = read_work(
            task.work, encoder, extraction=self._extraction, content=task.content,
            reused=lambda work: _known(work, task.stored),
        )  # fmt: skip
        finish = read.finish
        return Read(
            self._seen(task, read.item), read.segments,
            None if finish is None else lambda: self._seen(task, finish()), read.close,
        )  # fmt: skip

    def _seen(self, task: Task, work: Work) -> Task:
        if work.change == "skip" and task.content is None and not work.candidate.path.exists():
            where = socket.gethostname()
            reason = f"{work.reason} (on {where}: files have one path on all machines)"
            work = replace(work, reason=reason)
        return Task(task.number, work)


def _known(work: Work, stored: Sequence[bytes]) -> Work | None:
    """A file whose content is stored needs no vectors; who stores says what is done with it."""
    return replace(work, change="known") if work.file.content_hash in stored else None
