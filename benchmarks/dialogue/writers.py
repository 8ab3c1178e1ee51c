"""Models that write, for the usual loop: one on a server, of a hub, or the small one at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.dialogue.systems import MOST_TOKENS
from sensorium.errors import MissingExtraError
from sensorium.tasks.chat import ServedModel, writing_model
from sensorium.tasks.conversing import Served, Told
from sensorium.tasks.weights import get

SMALL = "smollm2"


@contextmanager
def writer(name: str) -> Iterator[tuple[Callable[[str, str], str], Any]]:
    """What writes from instructions and a request, and the model for the dialogue.

    Both are cut after as many tokens: a small model that does not stop would take a minute a turn.
    """
    with _address(name) as address:
        model = writing_model(address)

        def write(told: str, request: str) -> str:
            return model.write(request, system=told, most_tokens=MOST_TOKENS)

        made = Served if isinstance(model, ServedModel) else Told
        yield write, made(model, MOST_TOKENS)


@contextmanager
def _address(name: str) -> Iterator[str]:
    if name != SMALL:
        yield name
        return
    try:
        import xllamacpp  # type: ignore[import-untyped]
    except ModuleNotFoundError as error:
        raise MissingExtraError("xllamacpp", "test") from error
    settings = xllamacpp.CommonParams()
    settings.model.path = str(get(SMALL) / "model.gguf")
    settings.model_alias = {SMALL}
    settings.hostnames, settings.port = ["127.0.0.1"], 0
    settings.n_ctx, settings.n_parallel = 4096, 1
    # One thread is faster than two on busy cores.
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    settings.verbosity, settings.warmup, settings.ui = -1, False, False
    server = xllamacpp.Server(settings)
    try:
        yield f"{server.listening_address}/v1#{SMALL}"
    finally:
        del server
