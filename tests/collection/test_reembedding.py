"""Moving into another space: whole, resumed, with files gone and with others at work."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensorium import Collection
from sensorium.encoders import Encoder
from sensorium.errors import CollectionError, SpaceMismatchError
from tests.collection.pictures import check_file, check_vectors, png, write, write_many
from tests.tiny_encoder import make_tiny_encoder

ON_BOTH_STORES = True


class InterruptError(Exception):
    pass


def stop_after(batches: int) -> object:
    """A progress callback that interrupts."""
    seen: list[int] = []

    def progress(done: int, total: int) -> None:
        seen.append(done)
        if len(seen) >= batches:
            raise InterruptError

    return progress


def test_everything_moves(
    collection: Collection, folder: Path, other_tiny: Path, other_encoder: Encoder
) -> None:
    files = write_many(folder, range(25))
    collection.add(folder, metadata={"caption": "kept"})
    before = [collection.get(n) for n in range(1, 26)]
    seen: list[tuple[int, int]] = []
    report = collection.reembed(other_tiny, batch_size=10, progress=lambda *done: seen.append(done))
    assert (report.embedded, report.resumed, report.skipped) == (25, 0, [])
    assert seen == [(10, 25), (20, 25), (25, 25)]
    assert [collection.get(n) for n in range(1, 26)] == before
    check_vectors(collection, other_encoder, {str(f): f.read_bytes() for f in files})
    assert collection.encoder.space == other_encoder.space
    assert collection.search(files[3], k=1)[0].path == str(files[3])
    assert collection.add(folder).unchanged == 25
    with Collection(collection.path) as reopened:
        assert reopened.search("dog") == collection.search("dog")


def test_an_empty_collection_moves(
    collection: Collection, other_tiny: Path, other_encoder: Encoder
) -> None:
    assert collection.reembed(other_tiny).embedded == 0
    assert collection.info().space == other_encoder.space


def test_a_space_of_another_dimension(
    collection: Collection, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.tiny_encoder.GRID", 2)
    monkeypatch.setattr("tests.tiny_encoder.DIMENSION", 12)
    small = make_tiny_encoder(tmp_path / "small")
    write_many(folder, range(5))
    collection.add(folder)
    with Collection(collection.path) as reader:
        assert len(reader.search("dog")) == 5
        collection.reembed(small)
        assert len(collection.search("dog")) == 5
        with pytest.raises(SpaceMismatchError):
            reader.search("dog")
        with pytest.raises(SpaceMismatchError):
            reader.add(folder)
    assert {len(vector) for vector in check_file(collection.path).values()} == {12}


def test_interrupted_and_resumed(
    collection: Collection,
    folder: Path,
    other_tiny: Path,
    encoder: Encoder,
    other_encoder: Encoder,
) -> None:
    files = write_many(folder, range(30))
    contents = {str(file): file.read_bytes() for file in files}
    collection.add(folder)
    before = collection.search("dog", k=30)
    for run in range(3):
        with pytest.raises(InterruptError):
            collection.reembed(other_tiny, batch_size=3, progress=stop_after(2))  # type: ignore[arg-type]
        assert collection.info().reembedding_to == other_encoder.space
        assert collection.search("dog", k=30) == before
        check_vectors(collection, encoder, contents)
        pending = collection._store.reembedding(other_encoder.space, str(other_tiny))
        assert len(pending.missing()) == 30 - 6 * (run + 1)
    report = collection.reembed(other_tiny)
    assert (report.embedded, report.resumed) == (12, 18)
    check_vectors(collection, other_encoder, contents)


def test_another_target_midway(
    collection: Collection, folder: Path, tmp_path: Path, other_tiny: Path, encoder: Encoder
) -> None:
    files = write_many(folder, range(12))
    collection.add(folder)
    with pytest.raises(InterruptError):
        collection.reembed(other_tiny, batch_size=3, progress=stop_after(2))  # type: ignore[arg-type]
    third = make_tiny_encoder(tmp_path / "third", seed=3, name="third")
    report = collection.reembed(third)
    assert (report.embedded, report.resumed) == (12, 0)
    check_vectors(collection, collection.encoder, {str(f): f.read_bytes() for f in files})
    assert collection.encoder.space.name == "third"
    # And back, with the encoder that the collection was made with.
    collection.reembed(encoder)
    check_vectors(collection, encoder, {str(f): f.read_bytes() for f in files})


def test_another_process_takes_another_target(
    collection: Collection, folder: Path, tmp_path: Path, other_tiny: Path, encoder: Encoder
) -> None:
    files = write_many(folder, range(12))
    collection.add(folder)
    third = make_tiny_encoder(tmp_path / "third", seed=3, name="third")

    def interfere(done: int, total: int) -> None:
        with Collection(collection.path) as other:
            other.reembed(third)

    with pytest.raises(CollectionError, match="another process re-embeds it into"):
        collection.reembed(other_tiny, batch_size=3, progress=interfere)
    with Collection(collection.path) as reopened:
        contents = {str(f): f.read_bytes() for f in files}
        check_vectors(reopened, reopened.encoder, contents)
        assert reopened.encoder.space.name == "third"


def test_another_process_finishes_first(
    collection: Collection, folder: Path, other_tiny: Path, other_encoder: Encoder
) -> None:
    files = write_many(folder, range(12))
    collection.add(folder)
    files[0].unlink()

    def interfere(done: int, total: int) -> None:
        with Collection(collection.path) as other:
            assert other.reembed(other_tiny).resumed >= 2

    report = collection.reembed(other_tiny, batch_size=3, progress=interfere)
    assert report.embedded == 2
    contents = {str(f): f.read_bytes() for f in files[1:]}
    assert set(check_file(collection.path)) == set(contents)
    assert collection.info().without_vectors == 1
    assert len(collection.search("dog", k=20)) == 11


def test_gone_and_broken_files(
    collection: Collection, folder: Path, other_tiny: Path, other_encoder: Encoder
) -> None:
    """They stay, cannot be found, and are repaired when their files are back."""
    files = write_many(folder, range(6))
    collection.add(folder, metadata={"caption": "kept"})
    files[1].unlink()
    files[4].write_bytes(b"broken")
    report = collection.reembed(other_tiny, batch_size=2)
    assert [s.path for s in report.skipped] == [str(files[1]), str(files[4])]
    assert report.skipped[0].reason == "no such file"
    assert "picture" in report.skipped[1].reason
    assert report.embedded == 4
    assert collection.info().without_vectors == 2
    assert len(collection) == 6
    assert {hit.id for hit in collection.search("dog")} == {1, 3, 4, 6}
    assert {item.id for item in collection.classify(["dog", "cat"])} == {1, 3, 4, 6}
    write(files[1], 1)
    write(files[4], 44)
    added = collection.add(folder)
    assert (added.updated, added.unchanged, added.embedded) == (2, 4, 2)
    assert collection.info().without_vectors == 0
    item = collection.get(2)
    assert item is not None
    assert item.metadata["caption"] == "kept"
    check_vectors(collection, other_encoder, {str(f): f.read_bytes() for f in files})


def test_added_meanwhile(
    collection: Collection, folder: Path, other_tiny: Path, other_encoder: Encoder, tiny: Path
) -> None:
    """Another process adds, edits and deletes with the old encoder while this one re-embeds."""
    files = write_many(folder, range(12))
    collection.add(folder)
    turns = iter(range(100))

    def interfere(done: int, total: int) -> None:
        assert done <= total
        turn = next(turns)
        if turn < 4:
            with Collection(collection.path) as other:
                write(folder / f"new {turn}.png", 100 + turn)
                write(files[turn], 200 + turn, mtime=1_000 + turn)
                write(files[9], 300 + turn, mtime=1_000 + turn)
                other.add(folder)
                other.delete(files[10])
                files[10].unlink(missing_ok=True)

    collection.reembed(other_tiny, batch_size=3, progress=interfere)
    contents = {str(f): f.read_bytes() for f in folder.iterdir()}
    assert len(contents) == 15
    check_vectors(collection, other_encoder, contents)
    assert collection.add(folder).unchanged == 15


def test_edited_but_not_added_again(
    collection: Collection, folder: Path, other_tiny: Path, other_encoder: Encoder
) -> None:
    """The vector is that of the file as it is; the old content may not get it."""
    file = write(folder / "a.png", 1, mtime=1_000)
    collection.add(folder)
    write(file, 2, mtime=2_000)
    collection.reembed(other_tiny)
    check_vectors(collection, other_encoder, {str(file): png(2)})
    # The old content turns up again, beside the edited file and then in its place.
    write(folder / "backup.png", 1)
    collection.add(folder / "backup.png")
    contents = {str(file): png(2), str(folder / "backup.png"): png(1)}
    check_vectors(collection, other_encoder, contents)
    write(file, 1, mtime=1_000)
    assert file.stat().st_size == (folder / "backup.png").stat().st_size
    collection.add(folder)
    check_vectors(collection, other_encoder, {**contents, str(file): png(1)})
    assert collection.add(folder).unchanged == 2


def test_a_search_is_of_one_space_when_the_change_over_falls_into_it(
    collection: Collection, folder: Path, other_tiny: Path
) -> None:
    """Between the check of the space and the reading of the vectors, all vectors change."""
    write_many(folder, range(6))
    collection.add(folder)
    with Collection(collection.path) as reader, Collection(collection.path) as other:
        reader.search("dog")  # the first looks at the vectors while the model is loaded, too
        write_many(folder, range(6, 8))
        collection.add(folder)
        before = collection.search("dog")
        state = reader._store.state
        asked: list[int] = []

        def interfere() -> object:
            asked.append(len(asked))
            if len(asked) == 2:  # the first is for the space, the second for the vectors
                other.reembed(other_tiny)
            return state()

        assert reader.encoder.space == collection.encoder.space
        reader._store.state = interfere  # type: ignore[method-assign, assignment]
        assert reader.search("dog") == before
        assert len(asked) >= 2
        reader._store.state = state  # type: ignore[method-assign]
        with pytest.raises(SpaceMismatchError):
            reader.search("dog")
