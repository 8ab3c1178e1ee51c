"""What a server counts, as Prometheus reads it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from sensorium.scale.shards.shards import Shards
    from sensorium.serve.batching import BatchedEncoder

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Told apart; servers hand on any word as a method, and each would be counted for good."""

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Upper ends of the classes that durations are counted in."""


class Metrics:
    """Counters of one server, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "sensorium_requests", "Requests that were answered.", ["method", "route", "status"],
            registry=self.registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "sensorium_request_seconds", "Seconds from a request to its answer.", ["route"],
            buckets=SECONDS, registry=self.registry,
        )  # fmt: skip
        self.running = Gauge(
            "sensorium_requests_running", "Requests that are worked on.", registry=self.registry
        )

    def watch(self, served: _Served) -> None:
        """Count what encoders compute, and what shards are asked, too."""
        self.registry.register(_OfEncoders(served))
        self.registry.register(_OfShards(served))

    def written(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return generate_latest(self.registry)


class Counted:
    """ASGI middleware that counts requests, and how long they take until their last byte.

    Parameters
    ----------
    app : ASGI application
    metrics : Metrics
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        metrics = self._metrics
        with metrics.running.track_inprogress():
            try:
                await self._app(scope, receive, noting)
            finally:
                # What is asked for by mistake is one class: anybody may ask for anything.
                route = getattr(scope.get("route"), "path", "other")
                method = scope["method"] if scope["method"] in METHODS else "other"
                metrics.requests.labels(method, route, status).inc()
                metrics.seconds.labels(route).observe(time.perf_counter() - began)


class _Served(Protocol):
    """Whoever has encoders, and shards of collections, by name."""

    shards: dict[str, Shards]

    @property
    def encoders(self) -> Mapping[str, BatchedEncoder]: ...


class _OfEncoders(Collector):
    def __init__(self, source: _Served) -> None:
        self._source = source

    def collect(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
        """See prometheus_client."""
        batches = CounterMetricFamily(
            "sensorium_encoder_batches", "Batches that were computed.", labels=["encoder"]
        )
        items = CounterMetricFamily(
            "sensorium_encoder_items", "Items that were encoded.", labels=["encoder"]
        )
        waiting = GaugeMetricFamily(
            "sensorium_encoder_waiting", "Items that wait to be encoded.", labels=["encoder"]
        )
        for name, encoder in self._source.encoders.items():
            batches.add_metric([name], encoder.batches)
            items.add_metric([name], encoder.encoded)
            waiting.add_metric([name], encoder.waiting)
        return [batches, items, waiting]


class _OfShards(Collector):
    def __init__(self, source: _Served) -> None:
        self._source = source

    def collect(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
        """See prometheus_client."""
        of = ["collection", "shard"]
        questions = CounterMetricFamily(
            "sensorium_shard_questions", "What shards were asked.", labels=of
        )
        retries = CounterMetricFamily(
            "sensorium_shard_retries", "What was asked again of another replica.", labels=of
        )
        up = GaugeMetricFamily(
            "sensorium_shard_up", "Whether a replica answers.", labels=[*of, "replica"]
        )
        for name, shards in [*self._source.shards.items()]:
            for number, replicas in enumerate(shards.shards):
                shard = f"{number + 1}/{len(shards.shards)}"
                questions.add_metric([name, shard], shards.questions[number])
                retries.add_metric([name, shard], shards.retries[number])
                for replica in replicas:
                    up.add_metric([name, shard, replica.address], replica.rows is not None)
        return [questions, retries, up]
