"""What is near is found whichever way it is looked for, and asked about no more than it may be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest

from sensorium.collection.duplicates import near
from sensorium.collection.duplicates.altered import Placeable
from sensorium.collection.duplicates.confirming import LikelyCopies, Thumbnails
from sensorium.collection.duplicates.grouping import find_duplicates, group_near
from sensorium.collection.duplicates.near import Bound, Near
from sensorium.media.pictures.placing import TURNS, WHOLE, places, turned
from tests.collection.duplicates.test_finding import clustered

Pairs = set[tuple[int, int]]


def pairs_of(mask: npt.NDArray[np.bool_]) -> Pairs:
    return {(a, b) for a, b in np.argwhere(np.triu(mask, 1)).tolist()}


class Lying:
    """Squares of three colours, in all ways they can lie."""

    least = 0.9

    def __init__(self, vectors: npt.NDArray[np.float32]) -> None:
        self.vectors = vectors

    def plain(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        return self.vectors[rows]

    def forms(self, rows: npt.NDArray[np.int64]) -> list[npt.NDArray[np.float32]]:
        return turned(self.vectors[rows])


def squares(count: int) -> npt.NDArray[np.float32]:
    """A few squares, some turned, with some noise: unit vectors of 192 numbers."""
    rng = np.random.default_rng(3)
    some = turned(rng.normal(size=(count // 8, 192)).astype(np.float32))
    found = np.concatenate(some) + rng.normal(0, 0.2, (count, 192)).astype(np.float32)
    found = found[rng.permutation(count)]
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


@pytest.mark.parametrize("dense", [0.0, 1 / 16, 1.0])
def test_as_all_pairs(dense: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """By bounds, and in whole blocks, and turned."""
    monkeypatch.setattr(near, "BOUND_ROWS", 0)
    monkeypatch.setattr(near, "DENSE", dense)
    monkeypatch.setattr(near, "SAMPLE", 50)
    monkeypatch.setattr(near, "GATHERED", 7)
    vectors = np.concatenate([clustered(1, 200)] * 13, axis=1) / np.float32(np.sqrt(13))
    rows = np.random.default_rng(2).permutation(200)
    everything = np.arange(200)
    found, cosines, sure = Near(vectors, 0.9, rows).pairs(everything, everything, later=True)
    wanted = pairs_of(vectors[rows] @ vectors[rows].T >= 0.9)
    assert wanted and {(a, b) for a, b in found.tolist()} == wanted and sure.all()
    ours = vectors[rows]
    assert np.allclose(cosines, np.einsum("nd,nd->n", ours[found[:, 0]], ours[found[:, 1]]))
    lying = squares(200)
    best = np.max([lying[rows] @ form[rows].T for form in turned(lying)], axis=0)
    both = Near(vectors, 0.9, rows, turns=Lying(lying)).pairs(everything, everything, later=True)
    wanted |= pairs_of(best >= Lying.least)
    assert {(a, b) for a, b in both[0].tolist()} == wanted
    assert len(wanted) > len(found) and len(turned(lying)) == len(TURNS)


def test_a_bound_is_never_less() -> None:
    vectors = clustered(5)
    low = Bound(vectors[:40], 3).of(vectors)
    assert low.shape == (300, 4)
    assert (low @ low.T >= vectors @ vectors.T - near.MARGIN).all()
    assert (low @ low.T).mean() < 0.9, "and it says something"


def test_some_of_many_are_asked_about() -> None:
    """Of a thousand that are alike each is asked about with a few: the nearest, and the first."""
    vectors = np.repeat(clustered(2, 8)[:1], 400, axis=0)
    vectors[:, 0] += np.linspace(0, 0.05, 400, dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    asked: list[tuple[int, int]] = []

    def confirm(pairs: npt.NDArray[np.int64], _: npt.NDArray[np.float32]) -> npt.NDArray:
        asked.extend(map(tuple, pairs.tolist()))
        return np.array([(a, b) == (198, 200) for a, b in pairs.tolist()])

    groups = group_near(Near(vectors, 0.9), confirm=confirm, costly=True, most=9)
    assert groups == [[198, 200]]
    counts = np.bincount([b for _, b in asked], minlength=400)
    assert counts[1:].min() >= 1 and counts.max() <= 12 and (0, 399) in asked
    few = clustered(9)
    everybody = group_near(Near(few, 0.9 - 1e-6), costly=True, most=300)
    assert everybody == find_duplicates(few, 0.9)


@pytest.fixture(scope="module")
def thumbnails(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Thumbnails:
    """Photos, parts of some, an even grey, and one that cannot be read."""
    folder = tmp_path_factory.mktemp("thumbnails")
    paths = [str(path) for path in sorted((sample / "images").glob("x_*.jpg"))[:20]]
    for number in range(4):
        with PIL.Image.open(paths[number]) as file:
            width, height = file.size
            part = file.convert("RGB").crop((width // 8, 0, width, height * 9 // 10))
        part.save(folder / f"{number}.png", compress_level=1)
        paths.append(str(folder / f"{number}.png"))
    PIL.Image.new("RGB", (90, 90), (90, 90, 90)).save(folder / "even.png")
    (folder / "none.png").write_bytes(b"")
    return Thumbnails([*paths, str(folder / "even.png"), str(folder / "none.png")])


def test_no_part_falls_through_the_sieve(thumbnails: Thumbnails) -> None:
    everything = np.arange(26)
    maps = thumbnails.maps(everything.tolist())
    assert maps[24:] == [None, None]
    holds = np.zeros((26, 26), bool)
    for a, one in enumerate(maps):
        for b, other in enumerate(maps):
            if one is not None and other is not None and a != b:
                ways = [*places(one, other), *places(other, one)]
                holds[a, b] = any(way.box != WHOLE for way in ways)
    assert {(n, 20 + n) for n in range(4)} <= pairs_of(holds)
    sieve = Placeable(thumbnails)
    near_ones = ~np.eye(26, dtype=bool)
    kept = sieve.block(everything, everything, near_ones)
    assert kept[holds].all() and kept.mean() < 0.5
    assert (sieve.pairs(np.argwhere(near_ones)) == kept[near_ones]).all()


def test_a_copy_falls_through_no_sieve(thumbnails: Thumbnails) -> None:
    """Of what has no thumbnail nothing is known."""
    everything = np.arange(26)
    sieve = LikelyCopies(thumbnails)
    near_ones = np.ones((26, 26), bool)
    kept = sieve.block(everything, everything, near_ones)
    assert kept.diagonal().all() and kept[24:].all() and kept[:, 24:].all()
    assert kept[:20, :20].sum() < 30
    assert (sieve.pairs(np.argwhere(near_ones)) == kept.ravel()).all()
