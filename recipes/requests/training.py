"""Trains the network on requests whose token states are computed once."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from recipes.requests.lines import Target
from recipes.requests.model import MOST_GIVEN, Batch, Network
from sensorium.dialogue.understanding.learned.aligning import Marks
from sensorium.dialogue.understanding.learned.labels import HEADS
from sensorium.dialogue.understanding.learned.network import rows_of
from sensorium.dialogue.understanding.learned.states import MOST_UNITS, Read
from sensorium.dialogue.understanding.learned.units import grams

EPOCHS, BATCH, RATE, DECAY, WARM = 20, 32, 2e-3, 0.05, 0.1
IGNORED = -100
SCALED = 2000
"""Requests by which states are centred and scaled."""


@dataclass(frozen=True)
class Example:
    """A request with its states and its targets."""

    read: Read
    states: npt.NDArray[np.float16]
    given: int
    marks: Marks
    target: Target


def batch_of(examples: Sequence[Example]) -> Batch:
    """Examples side by side."""
    length = max(len(one.states) for one in examples)
    lettered = [
        [[], *(grams(unit.text) for unit in (*one.read.units, *one.read.before))]
        for one in examples
    ]
    most = max(len(letters) for one in lettered for letters in one)
    states = np.zeros((len(examples), length, examples[0].states.shape[1]), np.float32)
    rows = np.zeros((len(examples), length, most), np.int64)
    places = np.zeros((len(examples), length), np.int64)
    segments = np.full((len(examples), length), 3, np.int64)
    marked = np.zeros((len(examples), length), np.int64)
    for number, (one, letters) in enumerate(zip(examples, lettered, strict=True)):
        places[number, : len(one.states)], segments[number, : len(one.states)] = places_of(one.read)
        states[number, : len(one.states)] = one.states
        marked[number, 1 : 1 + len(one.read.units)] = one.marks.tags[: len(one.read.units)]
        for place, found in enumerate(letters):
            rows[number, place, : len(found)] = np.array(found, np.int64) + 1
    given = torch.tensor([min(one.given, MOST_GIVEN) for one in examples])
    ruled = torch.tensor([rows_of(one.marks.classes) for one in examples])
    return Batch(*map(torch.from_numpy, (states, rows, places, segments)), given, ruled,
                 torch.from_numpy(marked))  # fmt: skip


def places_of(read: Read) -> tuple[list[int], list[int]]:
    """Places and segments of units."""
    own, last = len(read.units), len(read.before)
    places = [0, *range(1, 1 + own), *range(1 + MOST_UNITS, 1 + MOST_UNITS + last)]
    return places, [0, *[1] * own, *[2] * last]


def train(
    examples: Sequence[Example], seed: int = 0, epochs: int = EPOCHS, report: bool = False
) -> Network:
    """Train a network."""
    torch.manual_seed(seed)
    draw = random.Random(seed)
    network = Network(examples[0].states.shape[1])
    every = np.concatenate([one.states for one in examples[:: 1 + len(examples) // SCALED]]).astype(
        np.float32
    )
    network.mean.copy_(torch.from_numpy(every.mean(0)))
    network.deviation.copy_(torch.from_numpy(every.std(0)) + 1e-3)
    plain = [p for n, p in network.named_parameters() if p.ndim > 1]
    others = [p for n, p in network.named_parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": plain, "weight_decay": DECAY}, {"params": others, "weight_decay": 0}], lr=RATE
    )
    steps = epochs * (len(examples) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=steps + 1, pct_start=WARM, anneal_strategy="cos"
    )
    for epoch in range(epochs):
        order = draw.sample(range(len(examples)), len(examples))
        # requests of like length side by side
        parts = [sorted(order[n : n + BATCH * 16], key=lambda i: len(examples[i].states))
                 for n in range(0, len(order), BATCH * 16)]  # fmt: skip
        batches = [part[n : n + BATCH] for part in parts for n in range(0, len(part), BATCH)]
        draw.shuffle(batches)
        total = 0.0
        network.train()
        for chosen in batches[: len(examples) // BATCH]:
            loss = loss_of(network, [examples[i] for i in chosen])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
        if report:
            print(f"epoch {epoch + 1}: loss {total / len(batches):.3f}", flush=True)
    return network.eval()


def loss_of(network: Network, some: Sequence[Example]) -> Tensor:
    """Cross-entropies of heads and tags, summed."""
    batch = batch_of(some)
    heads, tags = network(batch)
    loss, begin = torch.zeros(()), 0
    for name, classes in HEADS.items():
        wanted = torch.tensor([one.target.classes[name] for one in some])
        logits = heads[:, begin : begin + len(classes)]
        loss = loss + torch.nn.functional.cross_entropy(logits, wanted)
        begin += len(classes)
    wanted_tags = torch.full(tags.shape[:2], IGNORED)
    for number, one in enumerate(some):
        if one.target.tags is not None:
            told = one.target.tags[: len(one.read.units)]
            wanted_tags[number, 1 : 1 + len(told)] = torch.tensor(told, dtype=torch.long)
    if bool((wanted_tags != IGNORED).any()):
        by_unit = torch.nn.functional.cross_entropy(
            tags.flatten(0, 1), wanted_tags.flatten(), ignore_index=IGNORED
        )
        loss = loss + 4 * by_unit
    return loss
