"""3-D objects beside pictures: found by the best of eight views, and no nearer for that."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import trimesh

from sensorium import Collection, Image, Mesh, load_encoder
from sensorium.collection.results import Hit
from sensorium.collection.rows import EmbeddedFile, FileState
from sensorium.encoders import Encoder
from sensorium.media.segments import SegmentRecord
from sensorium.ranking.scale import VIEWS

SAMPLE = Path(__file__).parents[2] / "sample"
ASTRONAUT = "s_astronaut.jpg"
PLAIN = {"white": 255, "black": 0, "grey": 128, "orange": (255, 140, 0), "sky": (130, 180, 255)}


def shapes() -> dict[str, trimesh.Trimesh]:
    """What shows nothing: shapes without a texture, two of them of one colour."""
    make = trimesh.creation
    square = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
    found = {
        "box": make.box(),
        "slab": make.box(extents=(3, 1, 0.2)),
        "sphere": make.icosphere(subdivisions=3),
        "cylinder": make.cylinder(radius=1, height=2),
        "cone": make.cone(radius=1, height=2),
        "torus": make.torus(1, 0.3),
        "ring": make.annulus(r_min=0.7, r_max=1, height=0.3),
        "plane": trimesh.Trimesh(square, [[0, 1, 2], [0, 2, 3]]),
        "red-box": make.box(),
        "black-sphere": make.icosphere(subdivisions=3),
    }
    found["red-box"].visual.face_colors = [200, 30, 30, 255]
    found["black-sphere"].visual.face_colors = [10, 10, 10, 255]
    return found


@pytest.fixture(scope="module")
def dull(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dull")
    for name, shape in shapes().items():
        shape.export(folder / f"{name}.{'glb' if '-' in name else 'stl'}")
    for name, colour in PLAIN.items():
        shown = (colour,) * 3 if isinstance(colour, int) else colour
        PIL.Image.new("RGB", (320, 240), shown).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def captions() -> dict[str, tuple[str, str]]:
    """Of every fifth photo of the sample, and of the astronaut: in English and in Chinese."""
    with (SAMPLE / "images.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    chosen = rows[::5] + [row for row in rows if Path(row["path"]).name == ASTRONAUT]
    return {Path(row["path"]).name: (row["caption_en"], row["caption_zh"]) for row in chosen}


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder("mini")


@pytest.fixture(scope="module")
def library(
    tmp_path_factory: pytest.TempPathFactory,
    mini: Encoder,
    dull: Path,
    captions: dict[str, tuple[str, str]],
) -> Iterator[Collection]:
    with Collection(tmp_path_factory.mktemp("kinds") / "c.sensorium", mini) as opened:
        report = opened.add(dull, *(SAMPLE / "images" / name for name in captions))
        assert (report.added, report.skipped) == (len(captions) + 10 + len(PLAIN), [])
        yield opened


def best_cosines(library: Collection, query: np.ndarray) -> dict[str, float]:
    """Of each item, by its name: what would rank without a scale."""
    segments = library.segments()
    names = {item.id: Path(item.path).name for item in library.items()}
    found: dict[str, float] = {}
    for item, cosine in zip(segments.item_ids.tolist(), segments.vectors @ query, strict=True):
        found[names[item]] = max(found.get(names[item], -1.0), float(cosine))
    return found


def ranked(library: Collection, query: object) -> dict[str, Hit]:
    return {Path(hit.path).name: hit for hit in library.search(query, k=100)}


@pytest.mark.slow
def test_what_looks_like_nothing_does_not_answer_everything(
    library: Collection, captions: dict[str, tuple[str, str]]
) -> None:
    before: list[bool] = []
    after: list[bool] = []
    plain: list[bool] = []
    for name, asked in captions.items():
        for words in asked:
            cosines = best_cosines(library, library.encoder.encode([words], role="query")[0])
            hits = ranked(library, words)
            objects = [other for other in hits if other.endswith((".stl", ".glb"))]
            assert len(objects) == len(shapes())
            before += [cosines[other] > cosines[name] for other in objects]
            after += [hits[other].score > hits[name].score for other in objects]
            plain += [hits[f"{other}.png"].score > hits[name].score for other in PLAIN]
    # By cosines, a thing without a texture stands before one photo in twenty.
    assert np.mean(before) > 0.04
    assert np.mean(after) < 0.65 * np.mean(before)
    assert np.mean(plain) < 0.06
    first = ranked(library, "an astronaut")
    others = {*shapes(), *PLAIN}
    assert not [n for n in list(first)[: list(first).index(ASTRONAUT)] if Path(n).stem in others]


def test_what_is_asked_for_is_found_among_photos(library: Collection, dull: Path) -> None:
    assert [hit.modality for hit in library.search("a box", k=2)] == ["mesh", "mesh"]
    hits = library.search(Mesh(dull / "cone.stl"), k=1)
    assert Path(hits[0].path).name == "cone.stl" and hits[0].score == pytest.approx(1, abs=1e-3)
    (view,) = library.search(Image(Mesh(dull / "ring.stl").view(45, 30)), k=1)
    assert (Path(view.path).name, view.details) == ("ring.stl", {"view": 1})
    assert view.score == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("words", ["an astronaut", "a box", "红色的盒子", "music"])
def test_the_order_within_a_kind_stays_that_of_cosines(library: Collection, words: str) -> None:
    cosines = best_cosines(library, library.encoder.encode([words], role="query")[0])
    hits = ranked(library, words)
    for endings in ((".stl", ".glb"), (".jpg", ".png")):
        of_kind = [name for name in hits if name.endswith(endings)]
        assert of_kind == sorted(of_kind, key=lambda name: -cosines[name])
    for name, hit in hits.items():
        if name.endswith((".jpg", ".png")):
            assert hit.score == pytest.approx(cosines[name], abs=1e-5)  # the scale is theirs
        else:
            assert hit.score < cosines[name]


@pytest.mark.parametrize("query", ["a box", "a castle", "一匹马", SAMPLE / "images/x_horse.jpg"])
@pytest.mark.parametrize("where", [None, "modality = 'mesh'", "id % 3 > 0"])
def test_pages_are_cut_from_one_ranking(
    library: Collection, query: object, where: str | None
) -> None:
    asked = Image(query) if isinstance(query, Path) else query
    whole = [(hit.id, hit.score) for hit in library.search(asked, k=100, where=where)]
    for size in (1, 3, 7):
        pages = [
            (hit.id, hit.score)
            for offset in range(0, len(whole) + size, size)
            for hit in library.search(asked, k=size, offset=offset, where=where)
        ]
        assert pages == whole
    assert [score for _, score in whole] == sorted((s for _, s in whole), reverse=True)


@pytest.mark.slow
def test_it_is_the_same_in_whatever_order_things_were_added(
    library: Collection, tmp_path: Path, mini: Encoder
) -> None:
    wanted = {name: hit.score for name, hit in ranked(library, "a box").items()}
    paths = [item.path for item in library.items()]
    with Collection(tmp_path / "other.sensorium", mini) as other:
        for number, path in enumerate(reversed(paths)):
            other.add(path)
            if number % 8 == 0:  # it is followed as it grows
                other.search("a box", k=1)
        found = {name: hit.score for name, hit in ranked(other, "a box").items()}
        assert found == pytest.approx(wanted, abs=1e-4)
        other.delete(*(item.path for item in other.items(where="modality = 'image'")))
        alone = ranked(other, "a box")
        cosines = best_cosines(other, mini.encode(["a box"], role="query")[0])
        assert {n: h.score for n, h in alone.items()} == pytest.approx(cosines, abs=1e-4)


def test_objects_in_an_index_and_outside(collection: Collection, encoder: Encoder) -> None:
    """Every kind is found wherever it is, and pages stay those of one ranking."""
    rng, dimension = np.random.default_rng(4), encoder.space.dimension
    numbers = iter(range(10_000))

    def put(objects: int, views: int, modality: str) -> None:
        rows = []
        for centre in rng.normal(size=(objects, 1, dimension)):
            vectors = centre + 0.5 * rng.normal(size=(views, dimension))
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            file = FileState(f"/{next(numbers)}", 1, 1, b"")
            segments = [SegmentRecord(details={"view": n}) for n in range(views)]
            rows.append(EmbeddedFile(file, modality, {}, {}, segments, vectors.astype("f4")))
        collection._store.write(encoder.space, embedded=rows)

    collection._store.claim_space(encoder.space, "")
    put(1500, 1, "image")
    put(60, 8, "mesh")
    collection.optimize(recall=0.9, kind="ivf")
    put(40, 8, "mesh")
    put(20, 1, "image")
    put(20, 3, "video")  # scenes are no views
    collection.delete(*(item.path for item in collection.items(where="id % 7 = 0")))
    snapshot = collection._asking.snapshot("vector")
    assert snapshot.index is not None and snapshot.kinds is not None
    there = collection.info().items
    assert snapshot.kinds.counts[VIEWS] == there["mesh"]
    scenes = collection._store.vectors(dimension)[1]
    films = [item.id for item in collection.items(where="modality = 'video'")]
    assert snapshot.kinds.counts["image"] == there["image"] + np.isin(scenes, films).sum()
    for query in ("dog", "cat"):
        hits = collection.search(query, k=700)
        assert {hit.modality for hit in hits} >= {"image", "mesh"}
        pages = [
            hit.id for n in range(0, 700, 70) for hit in collection.search(query, 70, offset=n)
        ]
        # What an approximate index adds further down is sorted within each page.
        assert len(pages) == len({*pages}) and {*pages} == {hit.id for hit in hits}
        kinds = {item.id: item.modality for item in collection.items()}
        best: dict[int, float] = {}
        _, items, vectors = collection._store.vectors(dimension)
        for item, cosine in zip(items, vectors @ encoder.encode([query])[0], strict=True):
            best[item] = max(best.get(item, -1.0), float(cosine))
        (scale,) = snapshot.scales(encoder.encode([query]))
        for hit in hits:
            kind = VIEWS if kinds[hit.id] == "mesh" else "image"
            wanted = scale.score(best[hit.id], kind)
            if kinds[hit.id] == "image":
                assert hit.score == pytest.approx(wanted, abs=1e-4)
            else:  # of several segments the index may find another than the best
                assert hit.score < wanted + 1e-4


def test_a_single_object_and_bare_vectors(tmp_path: Path, mini: Encoder, dull: Path) -> None:
    with Collection(tmp_path / "c.sensorium", mini) as few:
        few.add(dull / "box.stl", SAMPLE / "images" / "x_dog.jpg")
        hits = few.search("a dog")
        assert [hit.modality for hit in hits] == ["image", "mesh"]
        (bare,) = few.search_vectors(mini.encode(["a dog"], role="query"), k=2)
        assert [(hit.id, hit.score) for hit in bare] == [(hit.id, hit.score) for hit in hits]
        assert few._asking.snapshot("vector").names == ("image", VIEWS)
        few.delete(SAMPLE / "images" / "x_dog.jpg")
        assert few._asking.snapshot("vector").kinds is None
