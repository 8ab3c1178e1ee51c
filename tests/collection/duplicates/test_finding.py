"""Groups of pictures that are one picture."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium import Collection
from sensorium.collection.duplicates import find_duplicate_items, find_duplicates, finding, grouping
from sensorium.errors import UsageError
from sensorium.index.exact import ExactIndex
from tests.collection.test_bulk import some


def clustered(seed: int, count: int = 300) -> npt.NDArray[np.float32]:
    """Vectors in tight and loose clusters around some centres."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(count // 4, 16))
    spread = rng.choice([0.0, 0.02, 0.1, 0.3], size=(count, 1))
    vectors = centres[rng.integers(len(centres), size=count)]
    vectors = vectors + spread * rng.normal(size=(count, 16))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def plainly(vectors: npt.NDArray[np.float32], threshold: float, hashes: list[bytes]) -> list:
    """What `find_duplicates` says it does, row by row."""
    firsts: dict[int, list[int]] = {}
    twins: dict[bytes, int] = {}
    of: dict[int, int] = {}
    for row in range(len(vectors)):
        twin = twins.setdefault(hashes[row], row) if hashes[row] else row
        if twin != row:
            of[row] = of[twin]
        else:
            near = [f for f in firsts if vectors[f] @ vectors[row] >= threshold - 1e-6]
            of[row] = near[0] if near else row
        firsts.setdefault(of[row], []).append(row)
    return [rows for rows in firsts.values() if len(rows) > 1]


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32), st.sampled_from([0.8, 0.9, 0.99, 1.0]), st.sampled_from([7, 1024]))
def test_as_it_says(seed: int, threshold: float, block: int) -> None:
    """Whatever the blocks, and through an index that finds all."""
    vectors = clustered(seed)
    hashes = [
        bytes([n]) if n < 20 else b"" for n in np.random.default_rng(seed).integers(99, size=300)
    ]
    wanted = plainly(vectors, threshold, hashes)
    search = ExactIndex.build(vectors).search
    with pytest.MonkeyPatch.context() as changes:
        changes.setattr(grouping, "BLOCK", block)
        changes.setattr(grouping, "COLUMNS", block + 3)
        changes.setattr(grouping, "NEIGHBOURS", 300)
        assert find_duplicates(vectors, threshold, content_hashes=hashes) == wanted
        asked: list[tuple[int, int]] = []

        def confirm(pairs: npt.NDArray[np.int64], _: npt.NDArray[np.float32]) -> npt.NDArray:
            asked.extend(map(tuple, pairs.tolist()))
            return np.ones(len(pairs), bool)

        rows = find_duplicates(
            vectors, threshold, content_hashes=hashes, confirm=confirm, costly=True
        )
        # Each that has joined another was asked about once.
        assert rows == wanted and len({other for _, other in asked}) == len(asked)
        found = find_duplicates(vectors, threshold, content_hashes=hashes, search=search)
        assert found == wanted


def test_no_chains() -> None:
    """Each step of a slow turn is near the next; the last is far from the first."""
    angles = np.linspace(0, np.pi / 2, 50)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    groups = find_duplicates(vectors, 0.99)
    assert len(groups) > 5
    for first, *others in groups:
        assert (vectors[others] @ vectors[first] >= 0.99 - 1e-5).all()


def test_all_equal_and_none() -> None:
    vectors = np.repeat(some(1), 3000, axis=0)
    assert find_duplicates(vectors, 1.0) == [[*range(3000)]]
    assert find_duplicates(some(500)) == []
    assert find_duplicates(some(0)) == []


def test_who_asks_pixels_decides() -> None:
    asked = []

    def confirm(pairs: npt.NDArray[np.int64], cosines: npt.NDArray[np.float32]) -> npt.NDArray:
        asked.extend(pairs.tolist())
        return pairs[:, 1] != 2

    vectors = np.repeat(some(1), 4, axis=0)
    hashes = [b"", b"", b"", b""]
    assert find_duplicates(vectors, content_hashes=hashes, confirm=confirm) == [[0, 1, 3]]
    assert [0, 2] in asked
    twins = [b"x", b"", b"x", b""]
    assert find_duplicates(vectors, content_hashes=twins, confirm=confirm) == [[0, 1, 2, 3]]


@pytest.mark.parametrize("threshold", [0, -1, 1.01, float("nan")])
def test_thresholds(threshold: float, collection: Collection) -> None:
    with pytest.raises(UsageError, match="threshold"):
        find_duplicates(some(2), threshold)
    for pixels in (True, False):
        with pytest.raises(UsageError, match="threshold"):
            find_duplicate_items(collection, threshold=threshold, pixels=pixels)


@pytest.fixture(scope="module")
def pictures(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve photos, and copies of two of them."""
    folder = tmp_path_factory.mktemp("pictures")
    files = sorted((sample / "images").glob("x_*.jpg"))[:12]
    for file in files:
        shutil.copy(file, folder)
    with PIL.Image.open(files[3]) as picture:
        small = picture.convert("RGB").resize((picture.width // 2, picture.height // 2))
        small.save(folder / "a half.png")
        picture.convert("RGB").save(folder / "again.jpg", quality=50)
    shutil.copy(files[5], folder / "copy.jpg")
    return folder


@pytest.fixture(scope="module")
def library(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("library") / "c.sensorium"
    with Collection(path) as collection:
        assert collection.add(pictures).added == 15
    return path


def test_copies_of_photos(library: Path, pictures: Path) -> None:
    names = sorted(file.name for file in pictures.glob("x_*.jpg"))
    with Collection(library) as collection:
        groups = find_duplicate_items(collection)
        found = [{Path(item.path).name for item in group.items} for group in groups]
        assert sorted(found, key=len) == [
            {"copy.jpg", names[5]}, {"a half.png", "again.jpg", names[3]}
        ]  # fmt: skip
        for group in groups:
            # Two of the three have as many pixels: the larger file is the one to keep.
            sides = [item.metadata["width"] for item in group.items]
            assert sides == sorted(sides, reverse=True)
            assert group.scores[0] == pytest.approx(1, abs=1e-5)
            assert all(0.85 <= score <= 1 for score in group.scores)
            assert group.kind == "copies"
        (copies,) = find_duplicate_items(collection, threshold=1.0, altered=False)
        assert {Path(item.path).name for item in copies.items} == {"copy.jpg", names[5]}
        # Without pixels only bytes tell anything: no threshold takes other photos in.
        assert find_duplicate_items(collection, threshold=0.3, pixels=False) == [copies]


def test_an_index_finds_the_same(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Collection(library) as collection:
        wanted = find_duplicate_items(collection)
        monkeypatch.setattr(finding, "EXACT_ROWS", 0)
        assert find_duplicate_items(collection, index=ExactIndex.build) == wanted


def test_what_cannot_be_read_is_nobodys_copy(collection: Collection) -> None:
    """No cosine tells whether two pictures are one, not even of 1."""
    vectors = some(2)
    collection.add_vectors(vectors[[0, 0, 1]], ["http://a", "http://b", "http://c"])
    assert find_duplicate_items(collection) == []
    assert find_duplicate_items(collection, pixels=False) == []


def removable(collection: Collection, **options: bool) -> dict[str, str]:
    """Names of the files that can be deleted, and what stays for each."""
    return {
        Path(item.path).name: Path(group.items[0].path).name
        for group in find_duplicate_items(collection, **options)
        if group.kind == "copies"
        for item in group.items[1:]
    }


def test_different_pictures_are_not_one(tmp_path: Path) -> None:
    """Invoices of one layout, coins, white icons: each is another one, at any size."""
    font = PIL.ImageFont.load_default
    for n, number in enumerate(("4711", "4712")):
        page = PIL.Image.new("RGB", (500, 700), "white")
        draw = PIL.ImageDraw.Draw(page)
        draw.text((40, 40), "ACME Garden Tools", 0, font(24))
        draw.text((40, 100), f"Invoice {number}", 0, font(16))
        page.save(tmp_path / f"invoice {n}.png")
        page.resize((250, 350)).save(tmp_path / f"invoice {n} small.png")
        page.save(tmp_path / f"invoice {n}.jpg", quality=60)
        page.save(tmp_path / f"invoice {n} dark.webp", quality=60)
    for value in ("1", "2", "5"):
        coin = PIL.Image.new("RGBA", (200, 200), (0, 0, 0, 0))
        draw = PIL.ImageDraw.Draw(coin)
        draw.ellipse((4, 4, 196, 196), "sienna", "black", 5)
        draw.text((70, 30), value, "black", font(110))
        coin.save(tmp_path / f"coin {value}.png")
        white = PIL.Image.new("RGBA", (96, 96), (255, 255, 255, 0))
        PIL.ImageDraw.Draw(white).text((30, 10), value, "white", font(70))
        white.save(tmp_path / f"white {value}.png")
    with Collection(tmp_path / "c.sensorium") as collection:
        collection.add(tmp_path)
        assert removable(collection) == {
            "invoice 0.jpg": "invoice 0.png", "invoice 0 small.png": "invoice 0.png",
            "invoice 1.jpg": "invoice 1.png", "invoice 1 small.png": "invoice 1.png",
        }  # fmt: skip
        assert removable(collection, pixels=False) == {}
        for group in find_duplicate_items(collection):
            names = [Path(item.path).stem for item in group.items]
            assert len({name[:9] for name in names}) == 1, names


@pytest.fixture
def shots(tmp_path: Path, tiny: Path) -> Callable[..., Collection]:
    """Makes a collection of files that are made first, in the given order."""

    def make(*files: Path) -> Collection:
        collection = Collection(tmp_path / "c.sensorium", tiny)
        for file in files:
            assert collection.add(file).added == 1
        return collection

    return make


def painted(path: Path, seed: int = 0, side: int = 64, **options: object) -> Path:
    levels = np.random.default_rng(seed).integers(256, size=(16, 16, 3), dtype=np.uint8)
    picture = PIL.Image.fromarray(levels).resize((128, 128), PIL.Image.Resampling.NEAREST)
    picture.resize((side, side), PIL.Image.Resampling.LANCZOS).save(path, **options)
    return path


def test_what_is_kept(shots: Callable[..., Collection], tmp_path: Path) -> None:
    """The larger one, then the one of which more is known, then the lossless."""
    exif = PIL.Image.Exif()
    exif[0x0132] = "2021:05:03 10:00:00"
    small = painted(tmp_path / "small.png", side=64)
    large = painted(tmp_path / "large.png", side=128)
    rough = painted(tmp_path / "rough.jpg", side=128, quality=90)
    dated = painted(tmp_path / "dated.jpg", side=128, quality=90, exif=exif)
    decoded = tmp_path / "decoded.png"
    with PIL.Image.open(dated) as picture:
        picture.convert("RGB").save(decoded)
    # It is larger, but says less than the photo that it was made of.
    assert decoded.stat().st_size > dated.stat().st_size
    with shots(rough, small, decoded, dated, large) as library:
        assert removable(library) == {
            "small.png": "large.png", "decoded.png": "dated.jpg", "rough.jpg": "dated.jpg"
        }  # fmt: skip


def test_a_file_that_is_named_a_copy_goes(shots: Callable[..., Collection], tmp_path: Path) -> None:
    """Though it was added first, as folders of downloads are before those of phones."""
    copies = ["IMG_1 (1).png", "IMG_1 - Copy (2).png", "Copy of IMG_1.png", "IMG_1 副本.png"]
    files = [painted(tmp_path / name) for name in [*copies, "IMG_1.png", "Trip (2021).png"]]
    with shots(*files) as library:
        assert removable(library) == dict.fromkeys([*copies, "Trip (2021).png"], "IMG_1.png")
        assert [path.stem for path in files if finding._NAMED_A_COPY.search(path.stem)] == [
            Path(name).stem for name in copies
        ]


def test_files_as_they_are_now(shots: Callable[..., Collection], tmp_path: Path) -> None:
    """A copy that has changed since, or whose original is gone, is no copy."""
    one = painted(tmp_path / "one.png")
    names = ["again.png", "third.png"]
    again, third = (Path(shutil.copy(one, tmp_path / name)) for name in names)
    with shots(one, again, third) as library:
        assert removable(library) == {"again.png": "one.png", "third.png": "one.png"}
        painted(again, seed=1)  # the same size and time would be taken for unchanged
        assert removable(library) == {"third.png": "one.png"}
        one.unlink()
        assert removable(library) == {}
        shutil.copy(third, again)
        assert removable(library) == {"third.png": "again.png"}
        again.unlink()
        again.mkdir()
        assert removable(library) == {}
        assert removable(library, pixels=False) == {}


def test_names_of_one_file(shots: Callable[..., Collection], tmp_path: Path) -> None:
    """Deleting by one name what is kept under another would be deleting it."""
    one = painted(tmp_path / "one.png")
    folder = tmp_path / "folder"
    folder.mkdir()
    inside = painted(folder / "inside.png", seed=1)
    (tmp_path / "other name").symlink_to(folder)
    (tmp_path / "link.png").symlink_to(one)
    (tmp_path / "hard.png").hardlink_to(one)
    aliases = [tmp_path / "link.png", tmp_path / "hard.png", one]
    aliases += [tmp_path / "other name" / "inside.png", inside]
    with shots(*aliases) as library:
        assert removable(library) == removable(library, pixels=False) == {}
        assert find_duplicate_items(library) == []
        copy = Path(shutil.copy(one, tmp_path / "copy.png"))
        library.add(copy)
        # All other names are of one file, which stays.
        assert [*removable(library)] == [*removable(library, pixels=False)] == ["copy.png"]
        elsewhere = Path(shutil.copy(one, tmp_path / "elsewhere"))
        (tmp_path / "to elsewhere.png").symlink_to(elsewhere)
        library.add(tmp_path / "to elsewhere.png")
        assert [*removable(library)] == ["copy.png"]


def test_only_whole_pictures(collection: Collection) -> None:
    assert find_duplicate_items(collection) == []
    same = np.repeat(some(1), 4, axis=0)
    collection.add_vectors(same[:2], ["a", "b"], modality="text")
    collection.add_vectors(same, ["c", "c", "d", "d"], spans=[(0, 1), (1, 2)] * 2)
    assert find_duplicate_items(collection, pixels=False) == []


def test_pages_of_a_tiff(shots: Callable[..., Collection], tmp_path: Path) -> None:
    """Equal files are copies; an equal cover sheet makes no fax one of another."""
    pages = [PIL.Image.open(painted(tmp_path / f"{n}.png", seed=n)) for n in range(3)]
    for name, others in (("one.tif", pages[1:]), ("other.tif", pages[2:])):
        pages[0].save(tmp_path / name, save_all=True, append_images=others)
    shutil.copy(tmp_path / "one.tif", tmp_path / "same.tif")
    cover = tmp_path / "0.png"
    library = shots(*(tmp_path / f"{name}.tif" for name in ("one", "other", "same")), cover)
    for pixels in (True, False):
        (found,) = find_duplicate_items(library, pixels=pixels)
        assert found.kind == "copies"
        assert [Path(item.path).name for item in found.items] == ["one.tif", "same.tif"]
