from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sensorium import Collection
from sensorium.errors import SpaceMismatchError, UsageError
from sensorium.training import Classifier
from tests.training.pictures import write_classes


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_classes(tmp_path_factory.mktemp("classes"), count=5)


@pytest.fixture(scope="module")
def classifier(folder: Path, tiny: Path) -> Classifier:
    return Classifier("linear-probe", tiny).fit(folder)


@pytest.fixture
def library(folder: Path, tiny: Path, tmp_path: Path) -> Collection:
    collection = Collection(tmp_path / "c.sensorium", tiny)
    (tmp_path / "note.txt").write_text("a red cat")
    collection.add(folder, tmp_path / "note.txt")
    return collection


def test_labels_are_the_classifiers(
    library: Collection, classifier: Classifier, folder: Path, tmp_path: Path
) -> None:
    labelled = library.classify(classifier, k=3)
    paths = [Path(item.path) for item in labelled]
    assert len(paths) == 15  # the note is a text, and no picture
    expected = classifier.classify(paths, k=3)
    for item, labels in zip(labelled, expected, strict=True):
        assert [name for name, _ in item.labels] == [name for name, _ in labels]
        np.testing.assert_allclose([p for _, p in item.labels], [p for _, p in labels], atol=1e-3)
    saved = classifier.save(tmp_path / "saved")
    assert library.label(saved, k=3) == labelled == library.label(classifier.head, k=3)
    some = library.label(saved, where="path LIKE '%/red/%'")
    assert [item.labels[0][0] for item in some] == ["red"] * 5


def test_a_label_that_is_saved_is_found(library: Collection, classifier: Classifier) -> None:
    library.classify(classifier, k=1, save="kind")
    hits = library.search("red", k=20, where="kind = 'red'")
    assert {Path(hit.path).parent.name for hit in hits} == {"red"} and len(hits) == 5
    assert all(hit.metadata["kind"] == "red" for hit in hits)
    assert len(library.search("green", k=20, mode="words")) == 5
    assert library.get(hits[0].id).metadata["width"] == 48  # type: ignore[union-attr]
    library.label(classifier, save="kind")  # again: nothing changes
    assert len(library.search("red", k=20, where="kind = 'red'")) == 5


def test_what_cannot_label_is_said(
    library: Collection, classifier: Classifier, folder: Path, other_tiny: Path, tmp_path: Path
) -> None:
    other = Classifier("nearest-mean", other_tiny).fit(folder)
    with pytest.raises(SpaceMismatchError, match="train it again"):
        library.label(other)
    with pytest.raises(UsageError, match="holds no classifier"):
        library.label(tmp_path)
    with pytest.raises(UsageError, match="a trained classifier is"):
        library.label(3)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="labels are a list of texts, or the folder"):
        library.classify("cat")
    for name in ("path", "two words", ""):
        with pytest.raises(UsageError, match="saved under a name"):
            library.label(classifier, save=name)
    with pytest.raises(UsageError, match="k is at least 1"):
        library.label(classifier, k=0)


def test_an_empty_collection_has_nothing_to_label(
    classifier: Classifier, tiny: Path, tmp_path: Path
) -> None:
    with Collection(tmp_path / "empty.sensorium", tiny) as library:
        assert library.label(classifier) == []
