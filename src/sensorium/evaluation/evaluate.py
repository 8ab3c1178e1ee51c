"""Evaluating an encoder on captioned pictures, and on a folder of pictures per class."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.collection import Skipped
from sensorium.data.class_folders import read_class_folders
from sensorium.data.encoding import EncodedExamples, encode_examples, require_modalities
from sensorium.data.examples import Examples
from sensorium.data.pairs import read_pairs
from sensorium.encoders import (
    DEFAULT_ENCODER,
    Encoder,
    ZeroShotClassifier,
)
from sensorium.encoders.base import Role
from sensorium.encoders.registry import load_named
from sensorium.errors import UsageError
from sensorium.evaluation.digests import digest_files, digest_of
from sensorium.evaluation.measuring import (
    MAX_CELLS,
    by_cosine,
    measure_classification,
    measure_retrieval,
)
from sensorium.evaluation.result import (
    Result,
    describe_data,
    describe_encoder,
    describe_versions,
)
from sensorium.media import Modality, Text
from sensorium.media.progress import Progress
from sensorium.media.skipped import first_of

AnyPath = str | os.PathLike[str]
AnyEncoder = AnyPath | Encoder


def evaluate_pairs(
    table: AnyPath,
    encoder: AnyEncoder | None = None,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> Result:
    """Measure how well captions find their pictures and pictures their captions.

    Pictures of equal content are one picture, equal captions one caption, and everything the table
    puts together counts as a right answer.

    Parameters
    ----------
    table : str or Path
        See `sensorium.data.pairs.read_pairs`.
    encoder : str, Path or Encoder, optional
        What `sensorium.load_encoder` takes, or a loaded encoder; None is ``"mini"``.
    seed : int
        Of the resampling behind the intervals.
    progress : callable, optional
        Called with (done, total) while pictures are encoded.

    Returns
    -------
    Result
        With the measurements ``text_to_image`` and ``image_to_text``.

    Raises
    ------
    UsageError
        When the table cannot be used, or fewer than two pictures are left.
    """
    table = absolute(table)
    pairs = read_pairs(table)
    loaded, name = load_both_ways(encoder)
    files = dict(zip(pairs.names, pairs.sources, strict=True))
    spoken = dict.fromkeys(caption for _, caption in pairs.pairs)
    pictures = _encoded(loaded, files, progress=progress)
    texts = _encoded(loaded, {caption: Text(caption) for caption in spoken})
    # What asks is encoded as a search of a collection would: of the pictures, or of the captions.
    seen, said = pictures, texts
    if loaded.tells_queries_apart:
        seen = _encoded(loaded, files, role="query", progress=progress)
        said = _encoded(loaded, {caption: Text(caption) for caption in spoken}, role="query")
    unusable = [*pictures.skipped, *texts.skipped, *seen.skipped, *said.skipped]
    skipped = [*pairs.skipped, *dict.fromkeys(unusable)]
    # Of pictures of equal content the first stands for all.
    first: dict[str, str] = {}
    both = {*pictures.names} & {*seen.names}
    readable = [picture for picture in pictures.names if picture in both]
    for picture in readable:
        first.setdefault(pictures.digest_of[picture], picture)
    numbers = {picture: number for number, picture in enumerate(first.values())}
    same = {picture: numbers[first[pictures.digest_of[picture]]] for picture in readable}
    captions_of: dict[int, dict[str, None]] = {}
    pictures_of: dict[str, dict[int, None]] = {}
    usable = {*texts.names} & {*said.names}
    for picture, caption in pairs.pairs:
        if picture in same and caption in usable:
            captions_of.setdefault(same[picture], {})[caption] = None
            pictures_of.setdefault(caption, {})[same[picture]] = None
    require_two(len(captions_of), "pictures with captions", table, skipped)
    names, captions = list(numbers), list(pictures_of)
    number_of = {caption: number for number, caption in enumerate(captions)}
    asked = list(captions_of)
    measurements = {
        "text_to_image": measure_retrieval(
            by_cosine(said.of(captions), pictures.of(names), lambda n: {"picture": names[n]}),
            [dict.fromkeys(pictures_of[caption], 1.0) for caption in captions],
            [
                {
                    "text": caption,
                    "digest": sample_digest(caption, *sorted(_digests(pictures, names, right))),
                    # Captions of one picture are no independent questions.
                    "group": names[min(right)],
                }
                for caption, right in pictures_of.items()
            ],
            seed=seed,
        ),
        "image_to_text": measure_retrieval(
            by_cosine(seen.of(names)[asked], texts.of(captions), lambda n: {"text": captions[n]}),
            [{number_of[caption]: 1.0 for caption in captions_of[n]} for n in asked],
            [
                {
                    "picture": names[n],
                    "digest": sample_digest(pictures.digest_of[names[n]], *sorted(captions_of[n])),
                }
                for n in asked
            ],
            seed=seed,
        ),
    }
    counts = {"pictures": len(names), "captions": len(captions)}
    return Result(
        kind="pairs",
        measurements=measurements,
        arguments={"data": str(table), "encoder": name},
        seed=seed,
        encoder=describe_encoder(loaded),
        data=describe_data(_pairs_digests(pairs, pictures.digest_of), counts),
        versions=describe_versions(),
        skipped=skipped,
    )


def evaluate_folder(
    folder: AnyPath,
    encoder: AnyEncoder | None = None,
    *,
    labels: AnyPath | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Result:
    """Measure zero-shot classification on a folder that holds a folder of pictures per class.

    A class of several labels has the probability of the best of them, and the probabilities of
    all classes are then brought to a sum of one.

    Parameters
    ----------
    folder : str or Path
    encoder : str, Path or Encoder, optional
        None is ``"mini"``.
    labels : str or Path, optional
        What the classes are called; see `sensorium.data.class_folders.read_class_folders`.
    seed, progress
        As for `evaluate_pairs`.

    Returns
    -------
    Result
        With the measurement ``classification``.

    Raises
    ------
    UsageError
        When folder and labels cannot be used, or fewer than two pictures are left.
    """
    folder = absolute(folder)
    labels = None if labels is None else absolute(labels)
    found = read_class_folders(folder, labels)
    loaded, name = load_both_ways(encoder)
    pictures = encode_examples(loaded, found.sources, found.names, progress=progress)
    skipped = [*found.skipped, *pictures.skipped]
    require_two(len(pictures.names), "pictures", folder, skipped)
    number_of = {class_name: number for number, class_name in enumerate(found.words)}
    classes = found.take(pictures.rows).labels
    measurement = measure_classification(
        _class_probabilities(loaded, list(found.words.values()), pictures.vectors),
        np.array([number_of[class_name] for class_name in classes], np.intp),
        found.words,
        [
            {"picture": key, "digest": sample_digest(pictures.digest_of[key], class_name)}
            for key, class_name in zip(pictures.names, classes, strict=True)
        ],
        seed=seed,
    )
    arguments = {"data": str(folder), "encoder": name}
    return Result(
        kind="folder",
        measurements={"classification": measurement},
        arguments=arguments if labels is None else {**arguments, "labels": str(labels)},
        seed=seed,
        encoder=describe_encoder(loaded),
        data=describe_data(
            _folder_digests(found, pictures.digest_of),
            {"pictures": len(pictures.names), "classes": len(found.words)},
        ),
        versions=describe_versions(),
        skipped=skipped,
    )


def data_fingerprint(result: Result) -> str | None:
    """Fingerprint of a result's data as they are now; None where only evaluating can tell."""
    data = Path(result.arguments.get("data", ""))
    if result.kind == "pairs":
        pairs = read_pairs(data)
        digests = _pairs_digests(pairs, digest_files(pairs.names, pairs.sources))
    elif result.kind == "folder":
        found = read_class_folders(data)
        digests = _folder_digests(found, digest_files(found.names, found.sources))
    else:
        return None
    return str(describe_data(digests, {})["fingerprint"])


def _pairs_digests(pairs: Examples, digests: Mapping[str, str]) -> dict[str, str]:
    return {
        "pictures": digest_of(*(f"{name}\0{digests[name]}" for name in dict.fromkeys(pairs.names))),
        "captions": digest_of(*(f"{name}\0{caption}" for name, caption in pairs.pairs)),
    }


def _folder_digests(found: Examples, digests: Mapping[str, str]) -> dict[str, str]:
    labels = ("\0".join([name, *texts]) for name, texts in found.words.items())
    return {
        "classes": digest_of(*found.words),
        "pictures": digest_of(*(f"{name}\0{digests[name]}" for name in found.names)),
        "labels": digest_of(*labels),
    }


def _class_probabilities(
    encoder: Encoder, classes: Sequence[Sequence[str]], vectors: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Probability of each class: softmax over the cosine of each class's best label."""
    classifier = ZeroShotClassifier(encoder, [text for labels in classes for text in labels])
    starts = np.cumsum([0, *(len(labels) for labels in classes[:-1])])
    chunk = max(1, MAX_CELLS // len(classifier.labels))
    parts = []
    for start in range(0, len(vectors), chunk):
        of_labels = classifier.probabilities(vectors[start : start + chunk])
        best = np.maximum.reduceat(of_labels, starts, axis=1)
        if len(starts) < of_labels.shape[1]:
            best /= best.sum(axis=1, keepdims=True)
        parts.append(best)
    return np.concatenate(parts)


def load_both_ways(encoder: AnyEncoder | None) -> tuple[Encoder, str]:
    """An encoder that takes pictures and texts, and the name it loads by."""
    loaded, name = load_named(DEFAULT_ENCODER if encoder is None else encoder)
    require_modalities(loaded, Modality.IMAGE, Modality.TEXT)
    return loaded, name


def require_two(count: int, what: str, where: Path, skipped: Sequence[Skipped]) -> None:
    if count < 2:
        raise UsageError(
            f"{where}: {count} {what} can be used, at least two are needed{first_of(skipped)}"
        )


def _encoded(
    encoder: Encoder,
    sources: Mapping[str, Any],
    role: Role = "document",
    progress: Progress | None = None,
) -> EncodedExamples:
    return encode_examples(
        encoder, list(sources.values()), list(sources), role=role, progress=progress
    )


def _digests(
    pictures: EncodedExamples, names: Sequence[str], numbers: Mapping[int, None]
) -> list[str]:
    return [pictures.digest_of[names[number]] for number in numbers]


def sample_digest(*values: str) -> str:
    """Digest of a sample: 64 bits tell apart the samples of one evaluation."""
    return digest_of(*values)[:16]


def absolute(path: AnyPath) -> Path:
    # os.path, as everywhere: links stay as the user knows them, "a/../b" becomes "b".
    return Path(os.path.abspath(os.path.expanduser(path)))  # noqa: PTH100, PTH111
