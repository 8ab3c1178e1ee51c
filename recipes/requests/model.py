"""The network that is trained: a small transformer over units, with heads (Chen et al. 2019).

Input of a unit: its token states of the frozen tower, projected; its letters; whether it is of the
request or the one before. `sensorium.dialogue.understanding.learned.network` computes the same in
NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sensorium.dialogue.understanding.learned.labels import HEADS, TAGS
from sensorium.dialogue.understanding.learned.states import MOST_BEFORE, MOST_UNITS
from sensorium.dialogue.understanding.learned.units import GRAMS

WIDTH, LAYERS, ATTENTION_HEADS, INNER = 128, 1, 4, 256
DROPOUT = 0.1
UNTOLD = 0.15
"""Share of requests of which the network is not told what the rules read, while it learns."""

PLACES = 1 + MOST_UNITS + MOST_BEFORE
MOST_GIVEN = 2


@dataclass
class Batch:
    """Padded requests.

    Attributes
    ----------
    states : Tensor
        (batch, units, width of the states), the first for the whole.
    grams : Tensor
        (batch, units, letters), 0 where there is none; rows are counted from 1.
    places, segments : Tensor
        (batch, units); segments are 0 for the whole, 1 the request, 2 the one before, 3 padding.
    given : Tensor
        (batch,): media that came with it.
    ruled : Tensor
        (batch, heads): the class of each head as the rules read it, all classes counted on.
    marked : Tensor
        (batch, units): tags as the rules read them.
    """

    states: Tensor
    grams: Tensor
    places: Tensor
    segments: Tensor
    given: Tensor
    ruled: Tensor
    marked: Tensor


class Layer(nn.Module):
    """A layer of a transformer with the norms before (Xiong et al. 2020)."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.joint, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, INNER), nn.Linear(INNER, WIDTH)
        self.drop = nn.Dropout(DROPOUT)

    def forward(self, value: Tensor, bias: Tensor) -> Tensor:
        batch, length, _ = value.shape
        parts = self.joint(self.norm1(value)).view(batch, length, 3, ATTENTION_HEADS, -1)
        query, key, content = parts.permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(query, key, content, attn_mask=bias)
        mixed = mixed.transpose(1, 2).reshape(batch, length, WIDTH)
        value = value + self.drop(self.out(mixed))
        inner = nn.functional.gelu(self.up(self.norm2(value)), approximate="tanh")
        return value + self.drop(self.down(self.drop(inner)))


class Network(nn.Module):
    """See above."""

    def __init__(self, states: int) -> None:
        super().__init__()
        self.states = nn.Linear(states, WIDTH)
        self.register_buffer("mean", torch.zeros(states))
        self.register_buffer("deviation", torch.ones(states))
        self.grams = nn.Embedding(GRAMS + 1, WIDTH, padding_idx=0)
        self.places = nn.Embedding(PLACES, WIDTH)
        self.segments = nn.Embedding(4, WIDTH)
        self.given = nn.Embedding(MOST_GIVEN + 1, WIDTH)
        self.ruled = nn.Embedding(sum(map(len, HEADS.values())), WIDTH)
        self.marked = nn.Embedding(len(TAGS), WIDTH)
        for table in (self.places, self.segments, self.given, self.ruled, self.marked):
            nn.init.normal_(table.weight, std=0.02)
        nn.init.normal_(self.grams.weight[1:], std=0.1)
        nn.init.zeros_(self.grams.weight[:1])
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        self.tags = nn.Linear(WIDTH, len(TAGS))
        self.look = nn.Linear(WIDTH, 1)
        self.whole = nn.Linear(2 * WIDTH, WIDTH)
        self.heads = nn.Linear(WIDTH, sum(map(len, HEADS.values())))
        self.drop = nn.Dropout(DROPOUT)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Logits of all heads side by side (batch, classes), and of tags (batch, units, tags)."""
        number = (batch.grams > 0).sum(-1, keepdim=True).clamp(min=1)
        letters = self.grams(batch.grams).sum(2) / number
        found = (batch.states - self.mean) / self.deviation
        if self.training:  # some units are known by their states alone, and some by their letters
            keep = torch.rand(letters.shape[:2])[..., None]
            letters = letters * (keep > 0.1)
            states = self.states(self.drop(found) * (keep < 0.97))
        else:
            states = self.states(found)
        ruled, marked = self.ruled(batch.ruled).sum(1), self.marked(batch.marked)
        if self.training:  # and some requests without what the rules read
            known = (torch.rand(len(ruled)) > UNTOLD)[:, None]
            ruled, marked = ruled * known, marked * known[..., None]
        states = states + marked
        value = states + letters + self.places(batch.places) + self.segments(batch.segments)
        value = self.drop(value)
        value[:, 0] = value[:, 0] + self.given(batch.given) + ruled
        bias = torch.zeros(batch.segments.shape).masked_fill(batch.segments == 3, -1e4)
        for layer in self.layers:
            value = layer(value, bias[:, None, None, :])
        value = self.norm(value)
        looked = self.look(value)[..., 0].masked_fill(batch.segments != 1, -1e4).softmax(-1)
        mean = (looked[..., None] * value).sum(1)
        whole = torch.tanh(self.whole(torch.cat([value[:, 0], mean], -1)))
        return self.heads(self.drop(whole)), self.tags(self.drop(value))

    def weights(self) -> dict[str, Tensor]:
        """Weights, with the scales of states in those of their projection."""
        kept = {name: one.detach() for name, one in self.state_dict().items()
                if name not in ("mean", "deviation")}  # fmt: skip
        scaled = self.states.weight.detach() / self.deviation
        bias = self.states.bias.detach() - scaled @ self.mean
        return kept | {"states.weight": scaled, "states.bias": bias}
