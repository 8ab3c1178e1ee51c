"""LiteRT as a runtime: towers in ``.tflite``, on the CPU by XNNPACK.

A LiteRT model takes batches of the sizes that it was converted with and no others: resized, most
refuse to run, and one that ends in the unit norm may keep its sample's size without a word. So an
encoder's towers have a signature for each of several: a batch goes through the largest that it
fills, and what is left over through the smallest, filled up with rows that are dropped.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.errors import EncoderError, MissingExtraError

SUFFIX = ".tflite"

LITERT = "litert"
"""What it is called beside ``openvino`` and ``onnxruntime``."""


@dataclass(frozen=True)
class Signature:
    """A size of inputs that a model takes.

    Attributes
    ----------
    name : str
    shapes : dict of str to tuple of int
        By input, batch first.
    dtypes : dict
        NumPy's, by input.
    """

    name: str
    shapes: dict[str, tuple[int, ...]]
    dtypes: dict[str, Any]

    @property
    def batch(self) -> int:
        """How many rows it takes."""
        return next(iter(self.shapes.values()))[0]

    def takes(self, inputs: Mapping[str, npt.NDArray[Any]]) -> bool:
        """Whether inputs are of its names and, but for the batch, of its shapes."""
        given = {name: values.shape[1:] for name, values in inputs.items()}
        return given == {name: shape[1:] for name, shape in self.shapes.items()}


class LiteRTRuntime:
    """A ``.tflite`` file on LiteRT; see `sensorium.encoders.runtime.Runtime`.

    Parameters
    ----------
    model : Path
    runs : int
        How many threads are going to run it at once: each has an interpreter of its own.
    int8 : int
        How many of its layers multiply in 8 bits, for the description.

    Raises
    ------
    EncoderError
        When the file is none, or names no signature.
    """

    def __init__(self, model: Path, runs: int = 1, int8: int = 0) -> None:
        self._model = model
        self._threads = max(1, (os.cpu_count() or 1) // runs)
        self._idle: queue.LifoQueue[Any] = queue.LifoQueue()
        first = self._made()
        self.signatures = _signatures(first)
        if not self.signatures:
            raise EncoderError("it has no signature: convert it with litert-torch")
        self._idle.put(first)
        self.description = f"LiteRT {'int8 and ' if int8 else ''}f32 on CPU"

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.float32]:
        """See `Runtime.run`.

        Raises
        ------
        EncoderError
            For inputs that no signature takes, whatever their batch.
        """
        return np.asarray(next(iter(self.outputs(inputs).values())), np.float32)

    def outputs(self, inputs: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """As `run`, and every output by its name."""
        fitting = [one for one in self.signatures if one.takes(inputs)]
        if not fitting:
            shapes = {name: values.shape for name, values in inputs.items()}
            known = "; ".join(f"{one.name} {one.shapes}" for one in self.signatures)
            raise EncoderError(f"{self._model}: no signature takes {shapes}; there are {known}")
        rows = len(next(iter(inputs.values())))
        parts, start = [], 0
        with self._interpreter() as interpreter:
            while start < rows:
                chosen = _fullest(fitting, rows - start)
                stop = min(start + chosen.batch, rows)
                part = {name: values[start:stop] for name, values in inputs.items()}
                found = self._run(interpreter, chosen, part)
                parts.append({name: values[: stop - start] for name, values in found.items()})
                start = stop
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _run(
        self, interpreter: Any, signature: Signature, inputs: Mapping[str, npt.NDArray[Any]]
    ) -> dict[str, npt.NDArray[Any]]:
        given = {}
        for name, values in inputs.items():
            short = signature.batch - len(values)
            whole = np.concatenate([values, np.repeat(values[-1:], short, axis=0)])
            given[name] = np.ascontiguousarray(whole, signature.dtypes[name])
        found: dict[str, npt.NDArray[Any]] = interpreter.get_signature_runner(signature.name)(
            **given
        )
        for values in found.values():
            if values.ndim != 2 or len(values) != signature.batch:
                raise EncoderError(
                    f"{self._model}: the signature {signature.name} gave shape {values.shape} for "
                    f"{signature.batch} rows"
                )
        return found

    @contextmanager
    def _interpreter(self) -> Iterator[Any]:
        """An interpreter of this thread's own while it runs: it serves one at a time."""
        try:
            held = self._idle.get_nowait()
        except queue.Empty:
            held = self._made()
        try:
            yield held
        finally:
            self._idle.put(held)

    def _made(self) -> Any:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise MissingExtraError("ai-edge-litert", "litert") from error
        with silent():
            made = Interpreter(model_path=str(self._model), num_threads=self._threads)
            made.allocate_tensors()
        return made


def _signatures(interpreter: Any) -> list[Signature]:
    """Those of a model, smallest batch first."""
    found = []
    for name in interpreter.get_signature_list():
        details = interpreter.get_signature_runner(name).get_input_details()
        shapes = {key: tuple(int(n) for n in one["shape"]) for key, one in details.items()}
        found.append(Signature(name, shapes, {key: one["dtype"] for key, one in details.items()}))
    return sorted(found, key=lambda one: one.batch)


def _fullest(signatures: list[Signature], rows: int) -> Signature:
    """The largest that rows fill; where they fill none, the smallest."""
    filled = [one for one in signatures if one.batch <= rows]
    return filled[-1] if filled else signatures[0]


@contextmanager
def silent() -> Iterator[int | None]:
    """Keep off standard error what a library in C++ writes there past Python.

    LiteRT says of each model which delegate it made, whatever is asked for. It is for moments, and
    one at a time: nobody else's words are to be lost.

    Yields
    ------
    int or None
        Where standard error leads otherwise; None where there is none, as in some services.
    """
    with _SILENCE:
        try:
            kept = os.dup(2)
        except OSError:
            yield None
            return
        try:
            with Path(os.devnull).open("w") as nothing:
                os.dup2(nothing.fileno(), 2)
            yield kept
        finally:
            os.dup2(kept, 2)
            os.close(kept)


_SILENCE = threading.RLock()
