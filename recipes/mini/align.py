"""Step 5: give the two frozen towers one space.

A vector has two parts. The first is ConSE (Norouzi et al., "Zero-Shot Learning by Convex
Combination of Semantic Embeddings", 2014): an image is the mean of the class texts' vectors,
weighted by the classifier's probabilities, and a text is its own vector. It knows photographs. The
second is a projection trained with a symmetric contrastive loss (Radford et al., 2021) on captioned
drawings. The ConSE part keeps its length, which is near 1 for a confident classifier and short for
a puzzled one, so that each image leans on the part that knows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recipes.mini.adapt import Adapter, Named
from recipes.mini.concepts import Concept
from recipes.mini.pairs import Class, Pair

SEED = 0
DIMENSION = 256  # of the projection; with ConSE's 384 the space has 640
HIDDEN = 1024
DROPOUT = 0.3
EPOCHS = 70  # validation: 0.400 against 0.394 with 30
BATCH = 1024  # every other pair of the batch is a negative
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 0.05
PLAIN = 0.5  # share of plain views in a batch; at a third, clip art's R@10 fell from 0.55 to 0.53
MIXUP = 0.4  # Beta(0.4, 0.4) mixtures of features and of their targets (Zhang et al., 2018)
DISTILLATION = 0.5  # weight of keeping the classifier's opinion of every drawing
PROTOTYPES = 0.5  # weight of the pseudo-pairs made of the classifier's own rows
PROTOTYPE_BATCH = 256
PROTOTYPE_NOISE = 0.3  # standard deviations added, as no photo equals its class's mean
SLOTS = 40  # caption choices a pair: 45% English, 25% Chinese, 30% other languages
HYPERNYMS = 0.8  # weight of the hypernyms' names in a class's vector
CONSE_SCALE = 384**0.5  # brings the ConSE vector's elements to the features' unit variance
CONSE_GAIN = 2.0  # length of a certain image's ConSE part where its projection has length 1
TEXT_SHARE = 0.4  # of a text's squared length in the projection; more favours drawings

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Alignment:
    """All that is added to the towers; every array is float32.

    Attributes
    ----------
    adapter
        What texts pass through first.
    class_matrix, class_bias
        The ImageNet classifier, (1000, 1280) and (1000,).
    class_vectors
        Unit vectors of the classes' texts and hypernyms, (1000, 384).
    feature_mean, feature_scale
        Standardisation of the pooled features, (1280,) each.
    direct, hidden, out
        Matrix and bias of the head's linear path and of its two layers.
    text
        Matrix (256, 384) and bias of the text projection.
    """

    adapter: Adapter
    class_matrix: Vectors
    class_bias: Vectors
    class_vectors: Vectors
    feature_mean: Vectors
    feature_scale: Vectors
    direct: tuple[Vectors, Vectors]
    hidden: tuple[Vectors, Vectors]
    out: tuple[Vectors, Vectors]
    text: tuple[Vectors, Vectors]

    @property
    def conse_size(self) -> int:
        """Dimensions of the ConSE part, which comes first."""
        return len(self.adapter.mean)

    @property
    def dimension(self) -> int:
        """Dimensions of the space."""
        return self.conse_size + len(self.text[0])

    def images(self, features: Vectors) -> Vectors:
        """Map pooled features (n, 1280) to unit vectors, as the exported graph does."""
        conse, head_input = _image_inputs(
            torch.from_numpy(features), *map(torch.from_numpy, self._fixed())
        )
        inner = F.gelu(F.linear(head_input, *map(torch.from_numpy, self.hidden)))
        projection = F.linear(head_input, *map(torch.from_numpy, self.direct))
        projection = projection + F.linear(inner, *map(torch.from_numpy, self.out))
        parts = torch.cat([CONSE_GAIN * conse, F.normalize(projection)], 1)
        return F.normalize(parts).numpy()

    def texts(self, sentences: Vectors) -> Vectors:
        """Map sentence vectors (n, 384) to unit vectors, as the exported graph does."""
        text = self.adapter(sentences)
        projection = F.normalize(F.linear(text, *map(torch.from_numpy, self.text)))
        share = TEXT_SHARE
        return torch.cat([text * (1 - share) ** 0.5, projection * share**0.5], 1).numpy()

    def _fixed(self) -> tuple[Vectors, ...]:
        return (
            self.class_matrix,
            self.class_bias,
            self.class_vectors,
            self.feature_mean,
            self.feature_scale,
        )


def _image_inputs(
    features: Tensor, matrix: Tensor, bias: Tensor, vectors: Tensor, mean: Tensor, scale: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the ConSE vectors, at their own length, and the input of the trained head."""
    conse = F.linear(features, matrix, bias).softmax(-1) @ vectors
    standard = (features - mean) / scale
    return conse, torch.cat([standard, F.normalize(conse) * CONSE_SCALE], 1)


class ImageHead(nn.Module):
    """A linear map plus a small MLP, from image features to the projection."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.direct = nn.Linear(inputs, DIMENSION)
        self.hidden = nn.Linear(inputs, HIDDEN)
        self.out = nn.Linear(HIDDEN, DIMENSION)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (n, inputs) to unit vectors (n, 256)."""
        inputs = F.dropout(inputs, DROPOUT / 2, self.training)
        inner = F.dropout(F.gelu(self.hidden(inputs)), DROPOUT, self.training)
        return F.normalize(self.direct(inputs) + self.out(inner))


def train(
    pairs: Sequence[Pair],
    views: Sequence[Vectors],
    classes: Sequence[Class],
    hypernyms: tuple[Sequence[Concept], Vectors],
    classifier: tuple[Vectors, Vectors],
    sentences: Mapping[str, Vectors],
    adapter: Adapter,
) -> Alignment:
    """Train the projection.

    Parameters
    ----------
    pairs
        Training pairs.
    views
        Pooled features of each view of them, (n, 1280) each; the first is the plain view.
    classes, classifier
        ImageNet's classes, and the matrix (1000, 1280) and bias (1000,) that score them.
    hypernyms
        What the classes are kinds of, and how much each says of a class, (1000, hypernyms).
    sentences
        The text tower's unit vector of every caption, lemma and definition.
    adapter
        What texts pass through first.
    """
    torch.manual_seed(SEED)
    random = np.random.default_rng(SEED)

    def adapted(texts: Sequence[str]) -> Tensor:
        return adapter(np.stack([sentences[text] for text in texts]))

    # What a picture may be called: its class, and everything that the class is a kind of.
    concepts: list[Named] = [*classes, *hypernyms[0]]
    concept_texts = [
        adapted([concept.text for concept in concepts]),
        adapted([concept.lemmas[0] for concept in concepts]),
        F.normalize(torch.stack([adapted(concept.lemmas).mean(0) for concept in concepts])),
        adapted([concept.definition for concept in concepts]),
    ]
    weights = torch.from_numpy(hypernyms[1])
    # Squared: as targets, a few telling hypernyms are better than all of them.
    meanings = torch.cat([torch.eye(len(classes)), weights.square()], 1)
    # A class's vector says what it is a kind of, too: a photo of a collie answers "dog".
    weights = weights / weights.sum(1, keepdim=True).clamp(min=1e-6)
    own, kinds = concept_texts[0][: len(classes)], concept_texts[2][len(classes) :]
    class_vectors = F.normalize(own + HYPERNYMS * weights @ kinds)
    matrix, bias = map(torch.from_numpy, classifier)
    plain = torch.from_numpy(views[0])
    fixed = (matrix, bias, class_vectors, plain.mean(0), plain.std(0) + 1e-3)
    inputs = torch.stack([_image_inputs(torch.from_numpy(v), *fixed)[1] for v in views])
    opinions = torch.stack([F.linear(torch.from_numpy(v), matrix, bias).softmax(-1) for v in views])
    # A linear discriminant's rows are the inverse covariance times the class means, so the
    # covariance times a row is a class's mean: a photograph's features without a photograph.
    prototypes = plain.mean(0) + (matrix - matrix.mean(0)) @ torch.cov(plain.T)
    prototypes = _image_inputs(prototypes.clamp(min=0), *fixed)[1]
    drawn = [_slots(pair, random) for pair in pairs]
    position = {text: i for i, text in enumerate(sorted({t for s in drawn for t in s}))}
    captions = adapted(list(position))
    slots = torch.tensor([[position[text] for text in s] for s in drawn])
    names = sorted({pair.captions["en"] for pair in pairs})
    name = torch.tensor([names.index(pair.captions["en"]) for pair in pairs])

    head = ImageHead(inputs.shape[2])
    text = nn.Linear(captions.shape[1], DIMENSION)
    with torch.no_grad():  # begin with the principal axes of the captions
        text.weight.copy_(torch.linalg.svd(captions, full_matrices=False)[2][:DIMENSION])
        text.bias.zero_()
    scale = nn.Parameter(torch.tensor(15.0).log())
    augmented = len(views) - 1
    chances = torch.tensor([PLAIN, *[(1 - PLAIN) / augmented] * augmented])
    optimizer = torch.optim.AdamW(
        [*head.parameters(), *text.parameters(), scale], LEARNING_RATE, weight_decay=WEIGHT_DECAY
    )
    steps = len(pairs) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=EPOCHS * steps
    )
    beta = torch.distributions.Beta(MIXUP, MIXUP)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(pairs))[: steps * BATCH].view(steps, BATCH):
            view = torch.multinomial(chances, BATCH, replacement=True)
            chosen = slots[batch, torch.randint(SLOTS, (BATCH,))]
            share, other = beta.sample((BATCH, 1)), torch.randperm(BATCH)
            same = (name[batch][:, None] == name[batch][None]).float()
            target = same / same.sum(1, keepdim=True)
            mixed = share * target + (1 - share) * target[other]
            x = inputs[view, batch]
            opinion = opinions[view, batch]
            image = head(share * x + (1 - share) * x[other])
            factor = scale.exp().clamp(max=100)
            scores = factor * image @ F.normalize(text(captions[chosen])).T
            loss = _soft_cross_entropy(scores, mixed) / 2
            columns = mixed.T / mixed.T.sum(1, keepdim=True).clamp(min=1e-6)
            loss = loss + _soft_cross_entropy(scores.T, columns) / 2
            opinion = share * opinion + (1 - share) * opinion[other]
            # Keep what the classifier thinks of every drawing, said in classes and hypernyms.
            texts = concept_texts[int(torch.randint(len(concept_texts), ()))]
            scores = factor * image @ F.normalize(text(texts)).T
            loss = loss + DISTILLATION * _soft_cross_entropy(scores, _shares(opinion @ meanings))
            label = torch.randint(len(classes), (PROTOTYPE_BATCH,))
            noise = PROTOTYPE_NOISE * torch.randn(PROTOTYPE_BATCH, inputs.shape[2])
            texts = concept_texts[int(torch.randint(len(concept_texts), ()))]
            scores = factor * head(prototypes[label] + noise) @ F.normalize(text(texts)).T
            loss = loss + PROTOTYPES * _soft_cross_entropy(scores, _shares(meanings[label]))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return Alignment(
        adapter=adapter,
        class_matrix=classifier[0],
        class_bias=classifier[1],
        class_vectors=class_vectors.numpy(),
        feature_mean=fixed[3].numpy(),
        feature_scale=fixed[4].numpy(),
        direct=_layer(head.direct),
        hidden=_layer(head.hidden),
        out=_layer(head.out),
        text=_layer(text),
    )


def _shares(weights: Tensor) -> Tensor:
    return weights / weights.sum(1, keepdim=True)


def _soft_cross_entropy(scores: Tensor, target: Tensor) -> Tensor:
    return -(target * scores.log_softmax(1)).sum(1).mean()


def _slots(pair: Pair, random: np.random.Generator) -> list[str]:
    """List a pair's captions as often as they are to be drawn in training."""
    english = pair.captions["en"]
    chinese = pair.captions.get("zh", english)
    others = sorted(pair.captions.values())
    count = round(0.3 * SLOTS)
    drawn = [others[i] for i in random.integers(0, len(others), count)]
    return [english] * round(0.45 * SLOTS) + [chinese] * round(0.25 * SLOTS) + drawn


def _layer(layer: nn.Linear) -> tuple[Vectors, Vectors]:
    return layer.weight.detach().numpy(), layer.bias.detach().numpy()
