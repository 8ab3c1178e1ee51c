"""The baseline that `mini` has to beat: ConSE as published, on the same frozen towers.

Norouzi et al. (2014): an image is the mean of the ten likeliest classes' text vectors, weighted by
their probabilities; a text is its own vector. Nothing is trained. The classes' texts are their
first names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from onnx import TensorProto
from tokenizers import Tokenizer

from recipes.mini.convert_image import SIZE, Weights, add_features, classifier
from recipes.mini.convert_text import MAX_TOKENS, PREFIX, add_sentence
from recipes.mini.e5 import E5
from recipes.mini.features import FIT
from recipes.mini.graph import Graph
from recipes.mini.pairs import Class

TOP = 10  # the paper's T

Vectors = npt.NDArray[np.float32]


def write(
    folder: Path,
    weights: Weights,
    e5: E5,
    kept: npt.NDArray[np.int64],
    tokenizer: Tokenizer,
    classes: Sequence[Class],
    sentences: Mapping[str, Vectors],
    mean: Vectors,
) -> None:
    """Write the baseline as a folder that `load_encoder` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    names = np.stack([sentences[c.lemmas[0]] for c in classes]) - mean
    names /= np.linalg.norm(names, axis=1, keepdims=True)

    image = Graph("image")
    matrix, bias = classifier(weights)
    logits = image.add("MatMul", add_features(image, weights), image.constant(matrix.T, "float32"))
    chances = image.add("Softmax", image.add("Add", logits, image.constant(bias, "float32")))
    least = image.add(
        "ReduceMin", image.largest(chances, TOP), image.constant([1], "int64"), keepdims=1
    )
    kept_classes = image.add(
        "Cast", image.add("GreaterOrEqual", chances, least), to=TensorProto.FLOAT
    )
    conse = image.add(
        "MatMul", image.add("Mul", chances, kept_classes), image.constant(names, "float32")
    )
    image.output(image.unit(conse), "embedding", ["batch", names.shape[1]])
    image.save(folder / "image.onnx")

    text = Graph("text")
    sentence = add_sentence(text, e5, kept)
    centred = text.unit(text.add("Sub", sentence, text.constant(mean, "float32")))
    text.output(centred, "embedding", ["batch", names.shape[1]])
    text.save(folder / "text.onnx")

    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    config = {
        "format": 1,
        "name": "ConSE",
        "dimension": names.shape[1],
        "temperature": 0.05,  # not fitted: the baseline is compared by ranks
        "image": {"model": "image.onnx", "size": SIZE, "fit": FIT, "precision": "f32"},
        "text": {
            "model": "text.onnx",
            "tokenizer": "tokenizer.json",
            "max_tokens": MAX_TOKENS,
            "prefix": PREFIX,
        },
        "prompts": ["{}"],
    }
    (folder / "encoder.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")
