"""Random walks over a folder and its collection, held against a model of a few dictionaries."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sensorium import Collection, load_encoder
from sensorium.encoders import Encoder
from tests.agreement import assert_agree
from tests.collection.pictures import check_file, png
from tests.tiny_encoder import make_tiny_encoder

NAMES = st.sampled_from([f"{folder}{n}.png" for folder in ("", "sub/") for n in range(3)])
SEEDS = st.integers(0, 5)  # few, so that equal contents are common

_encoders: dict[str, Encoder] = {}
_vectors: dict[bytes, np.ndarray] = {}


def encoder(name: str) -> Encoder:
    if name not in _encoders:
        folder = Path(tempfile.mkdtemp()) / name  # one for all walks
        _encoders[name] = load_encoder(make_tiny_encoder(folder, seed=len(name), name=name))
    return _encoders[name]


def vector(name: str, content: bytes) -> np.ndarray:
    key = name.encode() + content
    if key not in _vectors:
        _vectors[key] = encoder(name).encode([content])[0]
    return _vectors[key]


class Walk(RuleBasedStateMachine):
    """`files` is what lies in the folder, `stored` what the collection should hold."""

    @initialize()
    def begin(self) -> None:
        self.home = tempfile.TemporaryDirectory()
        self.folder = Path(self.home.name, "pictures")
        (self.folder / "sub").mkdir(parents=True)
        self.clock = 1_000
        self.files: dict[str, bytes] = {}
        self.stored: dict[str, bytes] = {}  # path -> content its vector was made of
        self.ids: dict[str, int] = {}
        self.without_vectors: set[str] = set()
        self.highest_id = 0
        self.space = "tiny"
        self.collection = Collection(self._library, encoder(self.space))

    @property
    def _library(self) -> Path:
        return Path(self.home.name, "c.sensorium")

    def teardown(self) -> None:
        if hasattr(self, "home"):
            self.collection.close()
            self.home.cleanup()

    def _write(self, name: str, content: bytes) -> None:
        path = self.folder / name
        path.write_bytes(content)
        self.clock += 1  # every write is seen: sizes often are equal
        os.utime(path, (self.clock, self.clock))
        self.files[str(path)] = content

    @rule(name=NAMES, seed=SEEDS)
    def write(self, name: str, seed: int) -> None:
        self._write(name, png(seed))

    @rule(name=NAMES, seed=SEEDS)
    def write_broken(self, name: str, seed: int) -> None:
        self._write(name, png(seed)[:50])

    @rule(name=NAMES)
    def touch(self, name: str) -> None:
        if (path := str(self.folder / name)) in self.files:
            self._write(name, self.files[path])

    @rule(old=NAMES, new=NAMES)
    def move(self, old: str, new: str) -> None:
        source, target = self.folder / old, self.folder / new
        if str(source) in self.files:
            source.replace(target)
            self.files[str(target)] = self.files.pop(str(source))

    @rule(one=NAMES, two=NAMES)
    def swap(self, one: str, two: str) -> None:
        first, second = str(self.folder / one), str(self.folder / two)
        if one != two and {first, second} <= self.files.keys():
            spare = self.folder / "spare"
            Path(first).rename(spare)
            Path(second).rename(first)
            spare.rename(second)
            self.files[first], self.files[second] = self.files[second], self.files[first]

    @rule(name=NAMES)
    def remove(self, name: str) -> None:
        path = self.folder / name
        path.unlink(missing_ok=True)
        self.files.pop(str(path), None)

    @rule(batch_size=st.integers(1, 5), part=st.sampled_from(["", "sub"]))
    def add(self, batch_size: int, part: str) -> None:
        source = self.folder / part
        report = self.collection.add(source, batch_size=batch_size)
        seen = {path: c for path, c in self.files.items() if Path(path).is_relative_to(source)}
        whole = {path: c for path, c in seen.items() if len(c) != 50}
        known = {path for path in seen if path in self.ids}
        # A file that is broken keeps its item, and reading it again tells so again.
        broken = seen.keys() - whole.keys()
        assert {s.path for s in report.skipped} == broken
        assert report.added + report.moved == len(whole.keys() - known)
        assert report.updated + report.unchanged == len(whole.keys() & known)
        assert report.embedded <= report.added + report.updated
        changed = {p for p in known & whole.keys() if self.stored[p] != whole[p]}
        assert report.updated == len(changed | (known & whole.keys() & self.without_vectors))
        self._follow(report.moved, whole)
        self.stored |= whole
        self.without_vectors -= whole.keys()
        self._check_ids()

    def _follow(self, moved: int, whole: dict[str, bytes]) -> None:
        """Items whose files are gone and whose content is at a new path have moved there."""
        found = dict(self._stored_ids())
        gone = {path: item for path, item in self.ids.items() if path not in found}
        assert len(gone) == moved
        paths = {item: path for path, item in found.items()}
        for old, item in gone.items():
            new = paths[item]  # the item is still there, under its id
            assert old not in self.files
            assert new not in self.ids
            assert self.stored[old] == whole[new]
            del self.ids[old], self.stored[old]
            self.ids[new] = item
        # Nothing is embedded, or new, that could have been a move.
        new_paths = whole.keys() - self.ids.keys()
        left = {p for p in self.ids if p not in self.files and p not in self.without_vectors}
        assert not {self.stored[p] for p in left} & {whole[p] for p in new_paths}

    def _stored_ids(self) -> list[tuple[str, int]]:
        return [(path, item) for item, path in self.collection._store.paths()]

    def _check_ids(self) -> None:
        """Items keep their ids; a new item has one that was never used."""
        for path, item in self._stored_ids():
            if path in self.ids:
                assert self.ids[path] == item
            else:
                assert item > self.highest_id
                self.ids[path] = item
        self.highest_id = max([self.highest_id, *self.ids.values()])

    @rule()
    def prune(self) -> None:
        gone = set(self.collection.prune())
        assert gone == {path for path in self.ids if path not in self.files}
        self._forget(gone)

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(sorted(self.ids)))
        assert self.collection.delete(path) == 1
        self._forget({path})

    def _forget(self, gone: set[str]) -> None:
        for path in gone:
            del self.ids[path], self.stored[path]
        self.without_vectors -= gone

    @rule()
    def reopen(self) -> None:
        self.collection.close()
        self.collection = Collection(self._library, encoder(self.space))

    @rule(space=st.sampled_from(["tiny", "other"]))
    def reembed(self, space: str) -> None:
        report = self.collection.reembed(encoder(space), batch_size=3)
        self.space = space
        readable = {p for p in self.ids if len(self.files.get(p, b"." * 50)) != 50}
        assert {s.path for s in report.skipped} == self.ids.keys() - readable
        assert report.embedded == len(readable)
        self.without_vectors = set(self.ids) - readable
        for path in readable:
            # What was edited since is embedded as it is now; the next `add` may say "updated".
            if self.stored[path] != self.files[path]:
                self.edited_before_reembedding(path)

    def edited_before_reembedding(self, path: str) -> None:
        # The simplest to model: forget such an item, so that the next `add` finds a new file.
        self.collection.delete(path)
        self._forget({path})

    @invariant()
    def every_vector_is_that_of_its_content(self) -> None:
        if not hasattr(self, "collection"):
            return
        found = check_file(self._library)
        assert set(self.ids) == {path for path, _ in self._stored_ids()}
        assert found.keys() == self.ids.keys() - self.without_vectors
        for path, stored in found.items():
            wanted = vector(self.space, self.stored[path])
            assert_agree(stored, wanted)
        if self.collection._store.state().space is not None:
            hits = self.collection.search("dog", k=50)
            assert {hit.path for hit in hits} == found.keys()
            assert [hit.score for hit in hits] == sorted((h.score for h in hits), reverse=True)


Walk.TestCase.settings = settings(
    max_examples=40, stateful_step_count=30, derandomize=True, deadline=None
)
TestWalk = Walk.TestCase
