"""Step 5: give the two towers one space.

A vector has two parts. The first is ConSE (Norouzi et al., "Zero-Shot Learning by Convex
Combination of Semantic Embeddings", 2014): an image is the mean of the class texts' vectors,
weighted by the classifier's probabilities, and a text is its own vector. It knows photographs. The
second is trained with a symmetric contrastive loss (Radford et al., 2021) on captioned drawings: a
copy of the image tower's last blocks is fine-tuned for it, while the published blocks go on
classifying. The ConSE part is weighted by its length, which is near 1 for a confident classifier
and about 0.5 for a puzzled one, so that each image leans on the part that knows it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recipes.mini import captions
from recipes.mini.adapt import Adapter, Named
from recipes.mini.concepts import Synset
from recipes.mini.convert_image import Top
from recipes.mini.features import Activations
from recipes.mini.pairs import Class, Pair
from recipes.mini.top import TunedTop

SEED = 0
DIMENSION = 256  # of the projection; with ConSE's 384 the space has 640
HIDDEN = 1024
DROPOUT = 0.3
STEPS = 1400  # 22 minutes on two cores
BATCH = 128
LEARNING_RATE = 1e-3
TOP_LEARNING_RATE = 3e-4
WEIGHT_DECAY = 0.05
SHARES = {"emoji": 0.35, "clipart": 0.2, "icons": 0.45}  # of a batch
NAMES = 0.5  # weight of telling a picture's name among all names at once
SMOOTHING = 0.1  # near synonyms are among them
DISTILLATION = 0.5  # weight of keeping the classifier's opinion of every drawing
PROTOTYPES = 0.3  # weight of the pseudo-pairs made of the classifier's own rows
PROTOTYPE_BATCH = 64
PROTOTYPE_NOISE = 0.3  # standard deviations added, as no photo equals its class's mean
ALONE = 0.15  # how often either half of the head sees the picture without the other
REPORT = 200  # steps between two lines of progress
HYPERNYMS = 0.8  # weight of the hypernyms' names in a class's vector
CONSE_SCALE = 384**0.5  # brings the ConSE vector's elements to the features' unit variance
CONSE_GAIN = 4.0  # length of a certain image's ConSE part where its projection has length 1
CONSE_POWER = 2  # of its own length that the ConSE part is multiplied by
TEXT_SHARE = 0.5  # of a text's squared length in the projection; more favours drawings

Vectors = npt.NDArray[np.float32]
Layer = tuple[Vectors, Vectors]  # matrix and bias


@dataclass(frozen=True)
class Alignment:
    """All that is added to the towers; every array is float32.

    Attributes
    ----------
    adapter, wide_adapter
        What texts pass through before the ConSE part and before the projection.
    class_matrix, class_bias
        The ImageNet classifier, (1000, 1280) and (1000,).
    class_vectors, wide_class_vectors
        Unit vectors of the classes' texts and hypernyms after each adapter, (1000, 384).
    feature_mean, feature_scale
        Standardisation of the pooled features, (1280,) each.
    top
        The fine-tuned blocks.
    tuned
        Linear map of their standardised features.
    direct, hidden, out
        Linear path and two layers from the published features and the ConSE vector.
    text
        Matrix (256, 384) and bias of the text projection.
    """

    adapter: Adapter
    wide_adapter: Adapter
    class_matrix: Vectors
    class_bias: Vectors
    class_vectors: Vectors
    wide_class_vectors: Vectors
    feature_mean: Vectors
    feature_scale: Vectors
    top: Top
    tuned: Layer
    direct: Layer
    hidden: Layer
    out: Layer
    text: Layer

    @property
    def conse_size(self) -> int:
        """Dimensions of the ConSE part, which comes first."""
        return len(self.adapter.mean)

    @property
    def dimension(self) -> int:
        """Dimensions of the space."""
        return self.conse_size + len(self.text[0])

    def images(self, activations: Activations) -> Vectors:
        """Map what the frozen tower sees to unit vectors (n, 640), as the exported graph does."""
        fixed = [torch.from_numpy(array) for array in self._fixed()]
        mean, scale = fixed[3], fixed[4]
        own = torch.from_numpy(self.class_vectors)
        top = TunedTop(self.top)
        found = []
        for start in range(0, len(activations.features), BATCH):
            rows = slice(start, start + BATCH)
            published = torch.from_numpy(activations.features[rows])
            chances, inputs = _image_inputs(published, *fixed)
            with torch.no_grad():
                tuned = top(torch.from_numpy(activations.trunk[rows].astype(np.float32)))
            projection = F.linear((tuned - mean) / scale, *_tensors(self.tuned))
            projection = projection + F.linear(inputs, *_tensors(self.direct))
            inner = F.gelu(F.linear(inputs, *_tensors(self.hidden)))
            projection = projection + F.linear(inner, *_tensors(self.out))
            conse = chances @ own
            conse = CONSE_GAIN * conse * conse.norm(dim=1, keepdim=True) ** CONSE_POWER
            found.append(torch.cat([conse, F.normalize(projection)], 1))
        return F.normalize(torch.cat(found)).numpy()

    def texts(self, sentences: Vectors) -> Vectors:
        """Map sentence vectors (n, 384) to unit vectors, as the exported graph does."""
        text = self.adapter(sentences)
        projection = F.normalize(F.linear(self.wide_adapter(sentences), *_tensors(self.text)))
        share = TEXT_SHARE
        return torch.cat([text * (1 - share) ** 0.5, projection * share**0.5], 1).numpy()

    def _fixed(self) -> tuple[Vectors, ...]:
        return (
            self.class_matrix,
            self.class_bias,
            self.wide_class_vectors,
            self.feature_mean,
            self.feature_scale,
        )


def _tensors(layer: Layer) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(layer[0]), torch.from_numpy(layer[1])


def _image_inputs(
    features: Tensor, matrix: Tensor, bias: Tensor, vectors: Tensor, mean: Tensor, scale: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the classifier's probabilities and the input of the head's published half."""
    chances = F.linear(features, matrix, bias).softmax(-1)
    standard = (features - mean) / scale
    return chances, torch.cat([standard, F.normalize(chances @ vectors) * CONSE_SCALE], 1)


class ImageHead(nn.Module):
    """The projection: of the tuned features, and of the published ones with the ConSE vector."""

    def __init__(self, features: int, inputs: int) -> None:
        super().__init__()
        self.tuned = nn.Linear(features, DIMENSION)
        self.direct = nn.Linear(inputs, DIMENSION)
        self.hidden = nn.Linear(inputs, HIDDEN)
        self.out = nn.Linear(HIDDEN, DIMENSION)

    def forward(self, tuned: Tensor | None, inputs: Tensor) -> Tensor:
        """Map standardised features (n, 1280) and (n, 1664) to unit vectors (n, 256)."""
        kept = F.dropout(inputs, DROPOUT / 2, self.training)
        inner = F.dropout(F.gelu(self.hidden(kept)), DROPOUT, self.training)
        published = self.direct(kept) + self.out(inner)
        if tuned is None:
            return F.normalize(published)
        dropped = self.tuned(F.dropout(tuned, DROPOUT / 2, self.training))
        if self.training:
            luck = torch.rand(len(tuned), 1)
            dropped, published = dropped * (luck > ALONE), published * (luck < 1 - ALONE)
        return F.normalize(dropped + published)


class _Drawn:
    """Draws training pictures: which view of which picture, and under which name."""

    def __init__(self, pairs: Sequence[Pair], views: Sequence[Activations]) -> None:
        self._views, self._count = views, len(pairs)
        weights = torch.tensor([SHARES[pair.set] for pair in pairs], dtype=torch.float64)
        for name in SHARES:
            inside = torch.tensor([pair.set == name for pair in pairs])
            weights[inside] /= inside.sum()
        self._weights = weights

    def __call__(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return pictures, their rows among all views, and the trunk's output of each."""
        picture = torch.multinomial(self._weights, BATCH)
        view = torch.randint(len(self._views), (BATCH,))
        trunk = np.stack(
            [self._views[v].trunk[i] for v, i in zip(view.tolist(), picture.tolist(), strict=True)]
        )
        return picture, view * self._count + picture, torch.from_numpy(trunk.astype(np.float32))


def train(
    pairs: Sequence[Pair],
    views: Sequence[Activations],
    published: Top,
    classes: Sequence[Class],
    hypernyms: tuple[Sequence[Synset], Vectors],
    classifier: tuple[Vectors, Vectors],
    sentences: Mapping[str, Vectors],
    adapter: Adapter,
    wide_adapter: Adapter,
    report: Callable[[Alignment], None],
) -> Alignment:
    """Train the projection and the tuned blocks.

    Parameters
    ----------
    pairs
        Training pairs.
    views
        What the frozen tower makes of each view of them; the first is the plain view.
    published
        The tower's last blocks, where the tuned ones begin.
    classes, classifier
        ImageNet's classes, and the matrix (1000, 1280) and bias (1000,) that score them.
    hypernyms
        What the classes are kinds of, and how much each says of a class, (1000, hypernyms).
    sentences
        The text tower's unit vector of every caption, lemma and definition.
    adapter, wide_adapter
        What texts pass through before the ConSE part and before the projection.
    report
        Called with the alignment so far, now and then.
    """
    torch.manual_seed(SEED)
    random = np.random.default_rng(SEED)

    def adapted(texts: Sequence[str], by: Adapter = wide_adapter) -> Tensor:
        return by(np.stack([sentences[text] for text in texts]))

    # What a picture may be called: its class, and everything that the class is a kind of.
    concepts: list[Named] = [*classes, *hypernyms[0]]
    concept_texts = [
        adapted([concept.text for concept in concepts]),
        adapted([concept.lemmas[0] for concept in concepts]),
        _means(concepts, adapted),
        adapted([concept.definition for concept in concepts]),
    ]
    weights = torch.from_numpy(hypernyms[1])
    # Squared: as targets, a few telling hypernyms are better than all of them.
    meanings = torch.cat([torch.eye(len(classes)), weights.square()], 1)
    # A class's vector says what it is a kind of, too: a photo of a collie answers "dog".
    weights = weights / weights.sum(1, keepdim=True).clamp(min=1e-6)

    def class_vectors(by: Adapter) -> Tensor:
        own = adapted([each.text for each in classes], by)
        kinds = _means(hypernyms[0], lambda texts: adapted(texts, by))
        return F.normalize(own + HYPERNYMS * weights @ kinds)

    matrix, bias = map(torch.from_numpy, classifier)
    plain = torch.from_numpy(views[0].features)
    mean, scale = plain.mean(0), plain.std(0) + 1e-3
    vectors, wide_vectors = class_vectors(adapter), class_vectors(wide_adapter)
    fixed = (matrix, bias, wide_vectors, mean, scale)
    features = torch.from_numpy(np.concatenate([view.features for view in views]))
    opinions, inputs = _image_inputs(features, *fixed)
    # A linear discriminant's rows are the inverse covariance times the class means, so the
    # covariance times a row is a class's mean: a photograph's features without a photograph.
    prototypes = plain.mean(0) + (matrix - matrix.mean(0)) @ torch.cov(plain.T)
    prototypes = _image_inputs(prototypes.clamp(min=0), *fixed)[1]
    drawn = [captions.slots(pair, random) for pair in pairs]
    position = {text: i for i, text in enumerate(sorted({t for s in drawn for t in s}))}
    texts = adapted(list(position))
    slots = torch.tensor([[position[text] for text in s] for s in drawn])
    names = sorted({pair.captions["en"] for pair in pairs})
    number = {name: i for i, name in enumerate(names)}
    name = torch.tensor([number[pair.captions["en"]] for pair in pairs])
    named = adapted(names)

    top = TunedTop(published)
    head = ImageHead(features.shape[1], inputs.shape[1])
    text = nn.Linear(texts.shape[1], DIMENSION)
    with torch.no_grad():  # begin with the principal axes of the names
        text.weight.copy_(torch.linalg.svd(named, full_matrices=False)[2][:DIMENSION])
        text.bias.zero_()
        head.tuned.weight.mul_(0.5)
    temperature = nn.Parameter(torch.tensor(15.0).log())
    optimizer = torch.optim.AdamW(
        [
            {"params": top.parameters()},
            {"params": [*head.parameters(), *text.parameters(), temperature]},
        ],
        weight_decay=WEIGHT_DECAY,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [TOP_LEARNING_RATE, LEARNING_RATE], total_steps=STEPS, pct_start=0.15
    )

    def alignment() -> Alignment:
        return Alignment(
            adapter=adapter,
            wide_adapter=wide_adapter,
            class_matrix=classifier[0],
            class_bias=classifier[1],
            class_vectors=vectors.numpy(),
            wide_class_vectors=wide_vectors.numpy(),
            feature_mean=mean.numpy(),
            feature_scale=scale.numpy(),
            top=top.numpy(),
            tuned=_layer(head.tuned),
            direct=_layer(head.direct),
            hidden=_layer(head.hidden),
            out=_layer(head.out),
            text=_layer(text),
        )

    draw = _Drawn(pairs, views)
    began = time.monotonic()
    for step in range(1, STEPS + 1):
        picture, row, trunk = draw()
        chosen = slots[picture, torch.randint(slots.shape[1], (BATCH,))]
        image = head((top(trunk) - mean) / scale, inputs[row])
        factor = temperature.exp().clamp(max=100)
        same = name[picture][:, None] == name[picture][None]
        target = _shares((same | (chosen[:, None] == chosen[None])).float())
        scores = factor * image @ F.normalize(text(texts[chosen])).T
        loss = (_soft_cross_entropy(scores, target) + _soft_cross_entropy(scores.T, target)) / 2
        scores = factor * image @ F.normalize(text(named)).T
        loss = loss + NAMES * F.cross_entropy(scores, name[picture], label_smoothing=SMOOTHING)
        # Keep what the classifier thinks of every drawing, said in classes and hypernyms.
        said = F.normalize(text(concept_texts[int(torch.randint(len(concept_texts), ()))]))
        opinion = _shares(opinions[row] @ meanings)
        loss = loss + DISTILLATION * _soft_cross_entropy(factor * image @ said.T, opinion)
        label = torch.randint(len(classes), (PROTOTYPE_BATCH,))
        noise = PROTOTYPE_NOISE * torch.randn(PROTOTYPE_BATCH, inputs.shape[1])
        scores = factor * head(None, prototypes[label] + noise) @ said.T
        loss = loss + PROTOTYPES * _soft_cross_entropy(scores, _shares(meanings[label]))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if step % REPORT == 0:
            print(f"  step {step}, loss {loss.item():.2f}, {time.monotonic() - began:.0f} s")
            report(alignment())
    return alignment()


def _means(concepts: Sequence[Named], adapted: Callable[[Sequence[str]], Tensor]) -> Tensor:
    """Return the mean direction of each concept's names."""
    return F.normalize(torch.stack([adapted(concept.lemmas).mean(0) for concept in concepts]))


def _shares(weights: Tensor) -> Tensor:
    return weights / weights.sum(1, keepdim=True)


def _soft_cross_entropy(scores: Tensor, target: Tensor) -> Tensor:
    return -(target * scores.log_softmax(1)).sum(1).mean()


def _layer(layer: nn.Linear) -> Layer:
    return layer.weight.detach().numpy(), layer.bias.detach().numpy()
