"""What every choice of this recipe was made by: retrieval on the validation splits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from recipes.mini.pairs import Pair

Vectors = npt.NDArray[np.float32]
LANGUAGES = ("en", "zh", "de", "ja")
STYLE = "noto"  # one picture a concept: other styles of it would be right answers too


def figures(
    pairs: Sequence[Pair],
    images: Vectors,
    embed: Callable[[Sequence[str]], Vectors],
    conse: int,
) -> dict[str, str]:
    """Return "R@1 / R@10" of text-to-image search, of all and of the ConSE part alone."""
    result = {}
    for name, language in [*(("emoji", code) for code in LANGUAGES), ("clipart", "en")]:
        chosen = [
            i
            for i, pair in enumerate(pairs)
            if pair.set == name
            and language in pair.captions
            and (name != "emoji" or STYLE in pair.image.parts)
        ]
        captions = [pairs[i].captions[language] for i in chosen]
        unique = sorted(set(captions))
        texts = embed(unique)
        for system, part in (("mini", slice(None)), ("ConSE", slice(0, conse))):
            result[f"{name} {language}, {system}"] = _recalls(
                _unit(texts[:, part]) @ _unit(images[chosen][:, part]).T,
                np.array(unique)[:, None] == np.array(captions)[None],
            )
    return result


def _recalls(scores: Vectors, relevant: npt.NDArray[np.bool_]) -> str:
    order = np.argsort(-scores, axis=1, kind="stable")
    ranks = np.take_along_axis(relevant, order, 1).argmax(1)
    return f"{(ranks < 1).mean():.3f} / {(ranks < 10).mean():.3f}"


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)
