"""Step 6: choose the prompts and fit what turns cosines into probabilities, on validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recipes.mini.pairs import Pair

Vectors = npt.NDArray[np.float32]

# Each set of prompts is an ensemble (Radford et al., 2021, section 3.1.4).
PROMPT_SETS = (
    ["{}"],
    ["{}", "a picture of {}"],
    ["{}", "a photo of {}", "a drawing of {}"],
)
TEMPERATURES = np.geomspace(0.005, 0.5, 100)
NEWTON_STEPS = 50


@dataclass(frozen=True)
class Calibration:
    """Prompts, softmax temperature, and the sigmoid `scale * cosine + bias` of one label."""

    prompts: list[str]
    temperature: float
    scale: float
    bias: float


def fit(
    pairs: Sequence[Pair], images: Vectors, embed: Callable[[Sequence[str]], Vectors]
) -> Calibration:
    """Fit on validation pairs.

    The task is to name each picture among the English captions of all validation pictures of its
    own set. Prompts and temperature are those of least negative log-likelihood; the sigmoid weighs
    right and wrong labels alike, since it is to assume even odds.

    Parameters
    ----------
    pairs, images
        Validation pairs and their unit vectors.
    embed
        Maps texts to unit vectors.
    """
    best: tuple[float, list[str], float, list[tuple[Vectors, npt.NDArray[np.intp]]]] | None = None
    for prompts in PROMPT_SETS:
        tasks = [_task(pairs, images, embed, prompts, name) for name in ("emoji", "clipart")]
        losses = [sum(_loss(*task, t) for task in tasks) / len(tasks) for t in TEMPERATURES]
        print(f"  prompts {prompts}: loss {min(losses):.4f}")
        if best is None or min(losses) < best[0]:
            best = (min(losses), prompts, float(TEMPERATURES[np.argmin(losses)]), tasks)
    assert best is not None
    _, prompts, temperature, tasks = best
    scale, bias = _sigmoid(tasks)
    return Calibration(prompts, round(temperature, 4), round(scale, 3), round(bias, 3))


def prompted(texts: Sequence[str]) -> list[str]:
    """Return every text in every prompt, for embedding them all at once."""
    return [p.replace("{}", t) for p in {p for s in PROMPT_SETS for p in s} for t in texts]


def _task(
    pairs: Sequence[Pair],
    images: Vectors,
    embed: Callable[[Sequence[str]], Vectors],
    prompts: list[str],
    name: str,
) -> tuple[Vectors, npt.NDArray[np.intp]]:
    """Return cosines of pictures and labels, and each picture's own label."""
    chosen = [i for i, pair in enumerate(pairs) if pair.set == name]
    labels = sorted({pairs[i].captions["en"] for i in chosen})
    texts = np.mean([embed([p.replace("{}", t) for t in labels]) for p in prompts], axis=0)
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    truth = np.array([labels.index(pairs[i].captions["en"]) for i in chosen])
    return images[chosen] @ texts.T, truth


def _loss(cosines: Vectors, truth: npt.NDArray[np.intp], temperature: float) -> float:
    logits = cosines / temperature
    logits = logits - logits.max(1, keepdims=True)
    chosen = logits[np.arange(len(truth)), truth]
    return float((np.log(np.exp(logits).sum(1)) - chosen).mean())


def _sigmoid(tasks: list[tuple[Vectors, npt.NDArray[np.intp]]]) -> tuple[float, float]:
    """Logistic regression in which both answers weigh one half."""
    right, wrong = [], []
    for cosines, truth in tasks:
        mask = np.zeros(cosines.shape, bool)
        mask[np.arange(len(truth)), truth] = True
        right.append(cosines[mask])
        wrong.append(cosines[~mask])
    x = np.concatenate([*right, *wrong]).astype(np.float64)
    count = sum(map(len, right))
    y = np.arange(len(x)) < count
    weight = np.where(y, 0.5 / count, 0.5 / (len(x) - count))
    solution = logistic(x[:, None], y, weight)
    return float(solution[0]), float(solution[1])


def logistic(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.generic], weight: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Weighted logistic regression by Newton's method.

    Parameters
    ----------
    x
        Shape (n, d).
    y
        0 or 1, shape (n,).
    weight
        Shape (n,); sums to one.

    Returns
    -------
    Coefficients and, last, the bias; shape (d + 1,).
    """
    design = np.column_stack([x, np.ones(len(x))])
    solution = np.zeros(design.shape[1])
    for _ in range(NEWTON_STEPS):
        chance = 1 / (1 + np.exp(-design @ solution))
        gradient = design.T @ (weight * (chance - y))
        curvature = (design * (weight * chance * (1 - chance))[:, None]).T @ design
        solution -= np.linalg.solve(curvature, gradient)
    return np.asarray(solution)
