"""Searches in which near duplicates are one, and in which hits differ."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import PIL.Image
import PIL.ImageOps
import pytest

from sensorium import Collection
from sensorium.errors import UsageError


@pytest.fixture(scope="module")
def library(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    """Six photos, of two of which there are altered copies, and two documents of the same words."""
    folder = tmp_path_factory.mktemp("varied")
    for n, file in enumerate(sorted((sample / "images").glob("x_*.jpg"))[20:26]):
        with PIL.Image.open(file) as picture:
            photo = picture.convert("RGB")
        photo.save(folder / f"{n}.png")
        if n in (1, 4):
            photo.save(folder / f"{n} again.jpg", quality=80)
            PIL.ImageOps.mirror(photo).save(folder / f"{n} mirrored.png")
    words = "A tiger went down to the river, all 12 of them."
    (folder / "words.txt").write_text(words)
    (folder / "words.html").write_text(f"<html><p>{words}</p></html>")
    with Collection(folder / "c.sensorium") as collection:
        collection.add(folder)
        yield collection


def stem(path: str) -> str:
    return Path(path).stem.split()[0]


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["vector", "hybrid"])
def test_what_is_one_is_one_hit(library: Collection, mode: str) -> None:
    plain = library.search("a tiger", 20, mode=mode)
    hits = library.search("a tiger", 20, mode=mode, fold=True)
    assert {stem(hit.path): hit.stands_for for hit in hits} == {
        "0": 1, "1": 3, "2": 1, "3": 1, "4": 3, "5": 1, "words": 2
    }  # fmt: skip
    # The best of each stays, with its score and its place.
    best = {stem(hit.path): hit for hit in reversed(plain)}
    assert [hit.path for hit in hits] == [hit.path for hit in plain if hit is best[stem(hit.path)]]
    assert all(hit.score == best[stem(hit.path)].score for hit in hits)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"fold": True}, {"diversity": 0.5},
                                     {"fold": True, "diversity": 0.8}])  # fmt: skip
@pytest.mark.parametrize("where", [None, "width > 0"])
def test_pages(library: Collection, options: dict[str, float], where: str | None) -> None:
    """They neither overlap nor leave anything out, and filters hold."""
    whole = library.search("a tiger", 20, where=where, **options)  # type: ignore[arg-type]
    assert len(whole) == (6 if "fold" in options else 10) + (where is None) * (
        1 if "fold" in options else 2
    )
    paged = [
        hit
        for offset in range(0, 12, 2)
        for hit in library.search("a tiger", 2, offset=offset, where=where, **options)  # type: ignore[arg-type]
    ]
    assert paged == whole


@pytest.mark.slow
def test_hits_that_differ(library: Collection) -> None:
    best = library.search("a tiger", 1, modality="image")[0]
    plain = library.search(best.path, 3)
    varied = library.search(best.path, 3, diversity=0.9)
    assert varied[0] == plain[0]
    for query in ("a tiger", library.segments().vectors[0]):
        assert library.search(query, 3, diversity=0.0) == library.search(query, 3)


def test_what_is_no_diversity(library: Collection) -> None:
    with pytest.raises(UsageError, match="diversity"):
        library.search("a tiger", diversity=2)
