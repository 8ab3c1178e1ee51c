"""What `add` finds out about files, and what it leaves alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from sensorium import Collection
from sensorium.collection import AddReport
from sensorium.encoders import Encoder, FolderEncoder, Prepared
from sensorium.encoders.base import Role
from sensorium.errors import CollectionError, UsageError
from sensorium.media import Modality
from tests.collection.pictures import (
    check_file,
    check_vectors,
    names,
    paths,
    png,
    write,
    write_many,
)
from tests.media.recordings import write_video

ON_BOTH_STORES = True


def counts(report: AddReport) -> dict[str, int]:
    """The counts of a report that are not zero."""
    found = {key: value for key, value in vars(report).items() if key != "seconds"}
    return {key: n for key, v in found.items() if (n := len(v) if key == "skipped" else v)}


def test_added_then_unchanged(collection: Collection, folder: Path, encoder: Encoder) -> None:
    files = write_many(folder, range(70))
    assert counts(collection.add(folder)) == {"added": 70, "embedded": 70}
    assert counts(collection.add(folder)) == {"unchanged": 70}
    assert paths(collection) == [str(file) for file in files]
    check_vectors(collection, encoder, {str(file): file.read_bytes() for file in files})


@pytest.mark.parametrize("batch_size", [1, 2, 7, 100])
def test_batch_size_changes_nothing(
    collection: Collection, folder: Path, encoder: Encoder, batch_size: int
) -> None:
    files = write_many(folder, range(20))
    seen: list[tuple[int, int]] = []
    collection.add(folder, batch_size=batch_size, progress=lambda *done: seen.append(done))
    assert seen == [(min(n, 20), 20) for n in range(batch_size, 20 + batch_size, batch_size)]
    check_vectors(collection, encoder, {str(file): file.read_bytes() for file in files})


def test_what_was_stored_before_a_stop_stays(collection: Collection, folder: Path) -> None:
    files = write_many(folder, range(40))
    done = 0

    def tell(so_far: int, total: int) -> None:
        nonlocal done
        done = so_far

    report = collection.add(folder, batch_size=4, progress=tell, stop=lambda: done >= 8)
    assert report.stopped and 8 <= report.added == len(collection) <= 16
    again = collection.add(folder)
    assert (again.unchanged, again.added, again.stopped) == (report.added, 40 - report.added, False)
    assert {*paths(collection)} == {str(file) for file in files}
    assert not collection.add(folder, stop=lambda: False).stopped


def test_a_film_is_given_up_between_its_scenes(collection: Collection, folder: Path) -> None:
    colours = ("red", "lime", "blue", "white")
    scenes = [PIL.Image.new("RGB", (64, 64), colours[n % 4]) for n in range(24)]
    path = write_video(folder / "long.mp4", scenes, size=(64, 64), rate=2)
    asked = 0

    def stop(after: int) -> bool:
        nonlocal asked
        asked += 1
        return asked > after

    report = collection.add(path, batch_size=2, stop=lambda: stop(8))
    assert report.stopped and (report.added, len(report.skipped), len(collection)) == (0, 0, 0)
    assert asked < 16
    assert collection.add(path, stop=lambda: stop(10**9)).added == 1
    assert asked > 24 and len(collection.segments().ids) == 24


def test_progress_is_reported_when_it_is_stored(collection: Collection, folder: Path) -> None:
    write_many(folder, range(30))
    seen = []
    with Collection(collection.path) as other:
        collection.add(
            folder, batch_size=4, progress=lambda done, _: seen.append((done, len(other)))
        )
    assert len(seen) == 8
    assert all(stored >= done for done, stored in seen)


class Rounding(FolderEncoder):
    """Gives every batch vectors of its own, and every row of a batch, as low precision may."""

    batches = 0

    def encode_prepared(
        self, modality: Modality, batch: Sequence[Prepared], role: Role = "document"
    ) -> np.ndarray:
        vectors = super().encode_prepared(modality, batch, role)
        self.batches += 1
        vectors[:, 0] += 1e-3 * (self.batches + np.arange(len(batch)) / len(batch))
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def test_equal_files_have_one_vector(tmp_path: Path, folder: Path, tiny: Path) -> None:
    # Some are read before the first of them is stored, in the same batch and in the next ones.
    for n in range(40):
        write(folder / f"{n:02}.png", n % 3)
    with Collection(tmp_path / "c.sensorium", Rounding(tiny)) as library:
        assert library.add(folder, batch_size=4).added == 40
        stored = check_file(library.path)
        vectors = np.stack([stored[str(folder / f"{n:02}.png")] for n in range(40)])
        assert (vectors == vectors[np.arange(40) % 3]).all()
        assert not (vectors[0] == vectors[1]).any()


def test_touched_is_not_embedded_again(collection: Collection, folder: Path) -> None:
    file = write(folder / "a.png", 1, mtime=1_000)
    collection.add(folder)
    os.utime(file, (2_000, 2_000))
    assert counts(collection.add(folder)) == {"unchanged": 1}
    assert collection.search("dog", where="modified = '1970-01-01T00:33:20'")
    # The new time is stored: the file is not even read the next time.
    file.write_bytes(b"x" * file.stat().st_size)
    os.utime(file, (2_000, 2_000))
    assert counts(collection.add(folder)) == {"unchanged": 1}


def test_edited(collection: Collection, folder: Path, encoder: Encoder) -> None:
    file = write(folder / "a.png", 1)
    collection.add(folder, metadata={"caption": "one"})
    before = collection.get(file)
    assert before is not None
    write(file, 2, mtime=3_000)
    assert counts(collection.add(folder)) == {"updated": 1, "embedded": 1}
    assert collection.get(file) == before  # the id, and what the user said of it
    check_vectors(collection, encoder, {str(file): png(2)})


def test_replaced_by_a_broken_file(collection: Collection, folder: Path, encoder: Encoder) -> None:
    file = write(folder / "a.png", 1)
    collection.add(folder)
    file.write_bytes(png(2)[:60])
    for _ in range(2):
        report = collection.add(folder)
        assert counts(report) == {"skipped": 1}
        assert report.skipped[0].path == str(file)
        assert "broken picture" in report.skipped[0].reason
        check_vectors(collection, encoder, {str(file): png(1)})
    write(file, 2)
    assert counts(collection.add(folder)) == {"updated": 1, "embedded": 1}
    check_vectors(collection, encoder, {str(file): png(2)})


def test_a_bad_file_takes_nothing_with_it(
    collection: Collection, folder: Path, encoder: Encoder
) -> None:
    good = write_many(folder, range(12))
    for n in range(12):
        (folder / f"{n:04}b.png").write_bytes(b"" if n % 2 else png(n)[: 20 + n])
    report = collection.add(folder, batch_size=3)
    assert counts(report) == {"added": 12, "embedded": 12, "skipped": 12}
    assert {s.path for s in report.skipped} == {str(folder / f"{n:04}b.png") for n in range(12)}
    check_vectors(collection, encoder, {str(file): file.read_bytes() for file in good})


# Moved and copied


def test_a_moved_folder_is_followed(collection: Collection, folder: Path, encoder: Encoder) -> None:
    write_many(folder, range(40))
    collection.add(folder, metadata={"owner": "me"}, batch_size=8)
    before = {Path(path).name: item for item, path in collection._store.paths()}
    moved = folder.rename(folder.with_name("elsewhere"))
    assert counts(collection.add(moved, batch_size=8)) == {"moved": 40}
    assert {Path(path).name: item for item, path in collection._store.paths()} == before
    check_vectors(collection, encoder, {str(f): f.read_bytes() for f in moved.iterdir()})
    hit = collection.search("dog", k=1)[0]
    assert Path(hit.path).parent == moved
    assert hit.metadata["owner"] == "me"


def test_moved_copies_are_followed_one_by_one(collection: Collection, folder: Path) -> None:
    """Two files of one content, both moved: both items follow."""
    for name in ("a.png", "b.png"):
        write(folder / name, 1)
        collection.add(folder / name, metadata={"was": name})
    assert len(collection) == 2
    moved = folder.rename(folder.with_name("elsewhere"))
    assert counts(collection.add(moved)) == {"moved": 2}
    assert sorted(paths(collection)) == [str(moved / "a.png"), str(moved / "b.png")]
    assert {hit.metadata["was"] for hit in collection.search("dog")} == {"a.png", "b.png"}
    assert collection.prune() == []


def test_moved_and_copied(collection: Collection, folder: Path, encoder: Encoder) -> None:
    old = write(folder / "old.png", 1)
    collection.add(folder)
    item = collection.get(old)
    assert item is not None
    shutil.copy(old, folder / "copy 1.png")
    shutil.copy(old, folder / "copy 2.png")
    old.unlink()
    report = collection.add(folder)
    assert counts(report) == {"moved": 1, "added": 1}
    assert names(collection) == ["copy 1.png", "copy 2.png"]
    assert item.id in {hit.id for hit in collection.search("dog")}
    check_vectors(collection, encoder, {str(f): png(1) for f in folder.iterdir()})


def test_a_copy_takes_over_the_vector(
    collection: Collection, folder: Path, encoder: Encoder
) -> None:
    write(folder / "a.png", 1)
    collection.add(folder, metadata={"caption": "mine"})
    write(folder / "b.png", 1)
    assert counts(collection.add(folder)) == {"added": 1, "unchanged": 1}
    check_vectors(collection, encoder, {str(f): png(1) for f in folder.iterdir()})
    copy = collection.get(folder / "b.png")
    assert copy is not None
    assert copy.metadata == {"width": 8, "height": 8}  # what was said of the other file stays there


def test_names_swapped(collection: Collection, folder: Path, encoder: Encoder) -> None:
    one, two = write(folder / "1.png", 1), write(folder / "2.png", 2)
    collection.add(folder)
    spare = one.rename(folder / "spare")
    two.rename(one)
    spare.rename(two)
    assert counts(collection.add(folder)) == {"updated": 2}  # nothing was embedded
    check_vectors(collection, encoder, {str(one): png(2), str(two): png(1)})


def test_names_shifted(collection: Collection, folder: Path, encoder: Encoder) -> None:
    """As logs rotate: every file takes the next one's name, and a new one comes first."""
    files = write_many(folder, range(9))
    collection.add(folder, batch_size=2)
    for old, new in reversed(list(zip(files, [*files[1:], folder / "last.png"], strict=True))):
        old.rename(new)
    write(files[0], 100)
    report = collection.add(folder, batch_size=2)
    assert report.added + report.updated + report.moved == 10
    contents = {str(file): file.read_bytes() for file in folder.iterdir()}
    check_vectors(collection, encoder, contents)


def test_moved_over_another(collection: Collection, folder: Path, encoder: Encoder) -> None:
    one, two = write(folder / "1.png", 1), write(folder / "2.png", 2)
    collection.add(folder)
    one.replace(two)
    assert counts(collection.add(folder)) == {"updated": 1}
    assert collection.prune() == [str(one)]
    check_vectors(collection, encoder, {str(two): png(1)})


def test_moved_then_edited_is_new(collection: Collection, folder: Path, encoder: Encoder) -> None:
    old = write(folder / "old.png", 1)
    collection.add(folder)
    old.rename(folder / "new.png")
    write(folder / "new.png", 2)
    assert counts(collection.add(folder)) == {"added": 1, "embedded": 1}
    assert collection.prune() == [str(old)]
    check_vectors(collection, encoder, {str(folder / "new.png"): png(2)})


def test_edited_while_its_old_content_lives_on(
    collection: Collection, folder: Path, encoder: Encoder
) -> None:
    """A backup of the old content, then an edit: the backup may not get the edited vector."""
    file = write(folder / "a.png", 1)
    collection.add(folder)
    shutil.copy(file, folder / "a (backup).png")
    shutil.copy(file, folder / "z (backup).png")
    write(file, 2, mtime=5_000)
    for batch_size in (1, 32):
        report = collection.add(folder, batch_size=batch_size)
    assert counts(report) == {"unchanged": 3}
    contents = {str(path): path.read_bytes() for path in folder.iterdir()}
    check_vectors(collection, encoder, contents)


def test_a_file_that_cannot_be_reached_has_not_moved(
    collection: Collection, tmp_path: Path
) -> None:
    """A circle of links in place of the folder: stat fails, but not because the file is gone."""
    folder = tmp_path / "disk"
    old = write(folder / "a.png", 1)
    collection.add(folder)
    write(tmp_path / "copy.png", 1)
    away = folder.rename(tmp_path / "away")
    folder.symlink_to(folder)
    assert collection.prune() == []
    assert counts(collection.add(tmp_path / "copy.png")) == {"added": 1}
    folder.unlink()
    away.rename(folder)
    assert sorted(paths(collection)) == sorted([str(old), str(tmp_path / "copy.png")])


# Metadata


def test_metadata_is_merged_and_kept(collection: Collection, folder: Path) -> None:
    file = write(folder / "a.png", 1)
    collection.add(folder, metadata={"caption": "one", "year": 1999})
    assert counts(collection.add(folder, metadata={"year": 2000})) == {"unchanged": 1}
    write(file, 2)
    collection.add(folder)
    item = collection.get(file)
    assert item is not None
    assert item.metadata == {"width": 8, "height": 8, "caption": "one", "year": 2000}


def test_metadata_of_folder_and_manifest_add_up(collection: Collection, folder: Path) -> None:
    for seed in (1, 2):
        write(folder / f"{seed}.png", seed)
    (folder / "m.csv").write_text("path,caption\n1.png,from the table\n")
    collection.add(
        folder, folder / "m.csv", folder, metadata={"caption": "from the caller", "lens": "50"}
    )
    assert len(collection) == 2
    one, two = collection.get(folder / "1.png"), collection.get(folder / "2.png")
    assert one is not None
    assert two is not None
    assert (one.metadata["caption"], one.metadata["lens"]) == ("from the table", "50")
    assert (two.metadata["caption"], two.metadata["lens"]) == ("from the caller", "50")


def test_metadata_alone_is_no_reason_to_embed(collection: Collection, folder: Path) -> None:
    write_many(folder, range(10))
    collection.add(folder)
    with Collection(collection.path) as other:
        assert counts(other.add(folder, metadata={"tags": ("a", "b")})) == {"unchanged": 10}
        assert len(other.search("dog", where="json_extract(metadata, '$.tags[1]') = 'b'")) == 10
        changes = other._store.state().changes
        # A tuple comes back as a list; that is no change.
        other.add(folder, metadata={"tags": ("a", "b")})
        assert other._store.state().changes == changes


@pytest.mark.parametrize(
    "metadata",
    [{"a": {1, 2}}, {"a": float("nan")}, {"a": "\ud800"}, {"\udfff": 1}, {1: "a"}, {"a": object()}],
    ids=["set", "nan", "surrogate", "surrogate name", "number as name", "object"],
)
def test_metadata_that_is_no_json(
    collection: Collection, folder: Path, metadata: dict[str, object]
) -> None:
    write(folder / "a.png", 1)
    with pytest.raises(CollectionError, match="metadata must be JSON values"):
        collection.add(folder, metadata=metadata)
    assert len(collection) == 0


# Arguments


def test_arguments(collection: Collection, folder: Path) -> None:
    with pytest.raises(UsageError, match="name at least one"):
        collection.add()
    with pytest.raises(UsageError, match="batch_size is at least 1, got 0"):
        collection.add(folder, batch_size=0)
    assert counts(collection.add(folder)) == {}


def test_a_failing_callback_stops_but_keeps_what_is_stored(
    collection: Collection, folder: Path, encoder: Encoder
) -> None:
    write_many(folder, range(40))

    def fail(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collection.add(folder, batch_size=4, progress=fail)
    assert len(collection) >= 4
    collection.add(folder)
    check_vectors(collection, encoder, {str(f): f.read_bytes() for f in folder.iterdir()})


def test_a_deleted_item_comes_back_under_a_new_id(collection: Collection, folder: Path) -> None:
    file = write(folder / "a.png", 1)
    collection.add(folder)
    before = collection.get(file)
    assert before is not None
    assert collection.delete(file) == 1
    assert counts(collection.add(folder)) == {"added": 1, "embedded": 1}
    after = collection.get(file)
    assert after is not None
    assert after.id > before.id


def test_a_file_from_a_far_future_is_a_file_like_any_other(
    collection: Collection, folder: Path
) -> None:
    """In nanoseconds, SQLite can hold times until the year 2262."""
    for n, year in enumerate((2262, 2300, 2400)):
        path = folder / f"{year}.png"
        path.write_bytes(png(n))
        seconds = (year - 1970) * 31_557_600
        os.utime(path, (seconds, seconds))
    assert collection.add(folder).added == 3
    assert collection.add(folder).unchanged == 3
