"""Step 4: bring texts of one meaning together.

Sentence encoders are trained on sentences. Of single words multilingual-e5-small knows less: before
this step the Chinese for "horse" lies nearer to "ram" than to "horse". A small residual network on
top of the frozen tower is trained so that what names one concept gets one vector: translations of
emoji labels, WordNet's lemmas and definitions with their names in a Chinese dictionary, and a list
of Chinese words, with and without the phrases that people put around them. English texts are held
where they were.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from recipes.mini.lexicon import Entry
from recipes.mini.pairs import Pair

SEED = 0
HIDDEN = 1024
DROPOUT = 0.3
STEPS = 1200
CONCEPTS = 320  # of WordNet and the emoji in a batch
WORDS = 192  # of the word list in a batch
NOUNS = 512  # of the lexicon in a batch
COMMON_RANK = 3000  # nouns rarer than this are drawn less and less
NOUN_CROSSING = 0.6  # share of noun pairs that cross languages, where there is a Chinese name
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 0.05
SMOOTHING = 0.1  # near synonyms meet in a batch: no pair is wholly wrong
HOLD = 3.0  # weight of keeping English texts in place; without it unseen words drift
CROSSING = 0.8  # share of word pairs that cross languages

ENGLISH = ("{}", "a {}", "the {}", "a photo of a {}", "a picture of {}")
# The measure words are not always the right ones: people mix them up, too.
CHINESE = ("{}", "一只{}", "一个{}", "一匹{}", "一座{}", "{}的照片", "一张{}的照片")

NOUN_PHRASES = ("一个{}", "{}的照片")

Vectors = npt.NDArray[np.float32]


class Named(Protocol):
    """A class or concept of WordNet."""

    lemmas: tuple[str, ...]
    definition: str

    @property
    def text(self) -> str: ...


@dataclass(frozen=True)
class Adapter:
    """A residual network on centred sentence vectors; every array is float32.

    Attributes
    ----------
    mean
        Mean sentence vector (384,): E5's vectors share a large common part that says nothing.
    hidden, out
        Matrix and bias of its two layers.
    """

    mean: Vectors
    hidden: tuple[Vectors, Vectors]
    out: tuple[Vectors, Vectors]

    def __call__(self, sentences: Vectors) -> Tensor:
        """Map sentence vectors (n, 384) to unit vectors, as the exported graph does."""
        centred = F.normalize(torch.from_numpy(sentences - self.mean))
        inner = F.gelu(F.linear(centred, *map(torch.from_numpy, self.hidden)))
        return F.normalize(centred + F.linear(inner, *map(torch.from_numpy, self.out)))


def names(concept: Named) -> list[str]:
    """Return texts that name or define a class or concept."""
    first = concept.lemmas[0]
    return [
        concept.text, *concept.lemmas, concept.definition, f"a {first}", f"a photo of a {first}"
    ]  # fmt: skip


def phrases(word: tuple[str, list[str]]) -> tuple[list[str], list[str]]:
    """Return a listed word in the phrases of both languages."""
    english, chinese = word
    return (
        [phrase.format(english) for phrase in ENGLISH],
        [phrase.format(name) for name in chinese for phrase in CHINESE],
    )


def noun_names(noun: Entry) -> tuple[list[str], list[str]]:
    """Return what a noun of the lexicon is called in both languages."""
    chinese = list(noun.chinese)
    chinese += [phrase.format(name) for phrase in NOUN_PHRASES for name in chinese[:1]]
    return list(noun.names), chinese


def labels(pairs: Sequence[Pair]) -> list[list[str]]:
    """Return each emoji's labels in all languages."""
    emoji = {pair.captions["en"]: pair for pair in pairs if pair.set == "emoji"}
    return [[*dict.fromkeys(pair.captions.values()), f"a {name}"] for name, pair in emoji.items()]


def train(
    groups: Sequence[Sequence[str]],
    words: Sequence[tuple[str, list[str]]],
    nouns: Sequence[Entry],
    sentences: Mapping[str, Vectors],
    mean: Vectors,
) -> Adapter:
    """Train the adapter with a symmetric contrastive loss over pairs of texts.

    Parameters
    ----------
    groups
        Texts of one meaning each.
    words
        English words and their Chinese names.
    nouns
        Nouns of the lexicon; none for an adapter that stays near everyday words.
    sentences
        The text tower's unit vector of every text.
    mean
        Mean sentence vector.
    """
    torch.manual_seed(SEED)
    random = np.random.default_rng(SEED)
    listed = [phrases(word) for word in words]
    known = [noun_names(noun) for noun in nouns]
    rarity = np.array([1 + math.log1p(noun.rank / COMMON_RANK) for noun in nouns])
    chances = (1 / rarity) / max(1e-9, (1 / rarity).sum())
    texts = sorted(
        {t for group in groups for t in group}
        | {t for pair in (*listed, *known) for side in pair for t in side}
    )
    position = {text: i for i, text in enumerate(texts)}
    vectors = F.normalize(torch.from_numpy(np.stack([sentences[t] for t in texts]) - mean))
    held = torch.tensor([float(text.isascii()) for text in texts])

    hidden, out = nn.Linear(len(mean), HIDDEN), nn.Linear(HIDDEN, len(mean))
    nn.init.zeros_(out.weight)
    nn.init.zeros_(out.bias)
    scale = nn.Parameter(torch.tensor(15.0).log())
    optimizer = torch.optim.AdamW(
        [*hidden.parameters(), *out.parameters(), scale], LEARNING_RATE, weight_decay=WEIGHT_DECAY
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=STEPS)

    def adapted(rows: list[int]) -> Tensor:
        inner = F.dropout(F.gelu(hidden(vectors[rows])), DROPOUT)
        return F.normalize(vectors[rows] + out(inner))

    def pick(group: Sequence[str]) -> int:
        return position[group[int(random.integers(len(group)))]]

    for _ in range(STEPS):
        chosen = [groups[i] for i in random.choice(len(groups), CONCEPTS, replace=False)]
        ones, others = [pick(group) for group in chosen], [pick(group) for group in chosen]
        for i in random.choice(len(listed), WORDS, replace=False):
            english, chinese = listed[i]
            if random.random() >= CROSSING:
                english = chinese = listed[i][int(random.integers(2))]
            ones.append(pick(english))
            others.append(pick(chinese))
        drawn = random.choice(len(known), NOUNS, replace=False, p=chances) if known else ()
        for i in drawn:
            english, chinese = known[i]
            crossing = chinese and random.random() < NOUN_CROSSING
            ones.append(pick(english))
            others.append(pick(chinese if crossing else english))
        one, other = adapted(ones), adapted(others)
        scores = scale.exp().clamp(max=60) * one @ other.T
        truth = torch.arange(len(ones))
        loss = F.cross_entropy(scores, truth, label_smoothing=SMOOTHING) / 2
        loss = loss + F.cross_entropy(scores.T, truth, label_smoothing=SMOOTHING) / 2
        drift = (one - vectors[ones]).square().sum(1)
        loss = loss + HOLD * (drift * held[ones]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return Adapter(
        mean,
        (hidden.weight.detach().numpy(), hidden.bias.detach().numpy()),
        (out.weight.detach().numpy(), out.bias.detach().numpy()),
    )
