"""Commands that write, and what has been written when they are over."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import zlib
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.campaigns.places import Seeds, copy
from tests.campaigns.running import Done, run

State = dict[str, Any]

LEFTOVER = re.compile(r"\.(part|partial|tmp|temp|lock|journal)$|\.part\b|-(wal|shm|journal)$|^tmp")
"""Names of files that a command makes on its way and takes away in the end."""

VOLATILE = re.compile(
    r"second|time|date|created|duration|speed|p50|_ms$|python|machine|host|curve|rate|memory|"
    r"^files$|checksum|digest"
)
"""Values in JSON that are another one in each run."""


@dataclass(frozen=True)
class Writer:
    """A command that writes.

    Attributes
    ----------
    name : str
    arguments : sequence of str
        ``SEEDS`` at the beginning of one stands for the folder of the seeds.
    collection : str
        Which collection is copied for it: ``library``, ``large``, or none.
    stage : callable, optional
        Makes what else it needs in its place, with the seeds and the place.
    codes : tuple of int
        With which it ends when it is not disturbed.
    """

    name: str
    arguments: Sequence[str]
    collection: str = ""
    stage: Callable[[Seeds, Path], None] | None = None
    codes: tuple[int, ...] = (0, 1)


def _own_media(seeds: Seeds, place: Path) -> None:
    copy(seeds.media, place / "media")
    done = run("index", "media", "media/captions.csv", "-c", "c.sensorium", "--encoder",
               seeds.tiny, folder=place, home=place / "home")  # fmt: skip
    assert done.code in (0, 1), done.err


def _changed(seeds: Seeds, place: Path) -> None:
    """Files with other content, other names, other words about them, and new ones."""
    _own_media(seeds, place)
    media = place / "media"
    (media / "red.png").write_bytes((media / "blue.png").read_bytes())
    (media / "notes.txt").write_text("A green cat. " * 300, "utf-8")
    (media / "pink.png").rename(media / "night.png")
    (media / "cyan.png").rename(media / "swap")
    (media / "white.png").rename(media / "cyan.png")
    (media / "swap").rename(media / "white.png")
    shutil.copy(media / "cube.obj", media / "another.obj")
    rows = (media / "captions.csv").read_text("utf-8").replace("square", "thing")
    (media / "captions.csv").write_text(rows, "utf-8")


def _gone(seeds: Seeds, place: Path) -> None:
    _own_media(seeds, place)
    for name in ("red.png", "notes.txt", "cube.obj", "page.pdf", "pink.png"):
        (place / "media" / name).unlink(missing_ok=True)


def _indexed(seeds: Seeds, place: Path) -> None:
    for arguments in (("--kind", "ivf"), ("--hash", "32")):
        done = run("optimize", "-c", "c.sensorium", *arguments, folder=place, home=place / "home")
        assert done.code == 0, done.err


def _exported(layout: str) -> Callable[[Seeds, Path], None]:
    def stage(seeds: Seeds, place: Path) -> None:
        done = run("export", layout, "-c", seeds.collection(), folder=place, home=place / "home")
        assert done.code == 0, done.err

    return stage


def _damaged(seeds: Seeds, place: Path) -> None:
    with closing(sqlite3.connect(place / "c.sensorium")) as db:
        db.execute("UPDATE segments SET vector = zeroblob(192) WHERE id % 7 = 1")
        db.execute("UPDATE items SET metadata = '{' WHERE id % 5 = 1")
        db.commit()


def _classifier(seeds: Seeds, place: Path) -> None:
    folder = seeds.folder / "classifier"
    if not folder.exists():
        seeds.needs("train", "classifier", seeds.folder / "classes", "--encoder", seeds.tiny,
                    "-o", folder)  # fmt: skip


def _questions(seeds: Seeds, place: Path) -> None:
    folder = place / "questions"
    (folder / "qrels").mkdir(parents=True)
    (folder / "queries.jsonl").write_text(
        '{"_id": "q1", "text": "a red square"}\n{"_id": "q2", "text": "a cube"}\n', "utf-8"
    )
    (folder / "qrels" / "test.tsv").write_text(
        "query-id\tcorpus-id\tscore\nq1\tred.png\t1\nq2\tcube.obj\t1\n", "utf-8"
    )


TINY = ("--encoder", "SEEDS/tiny")
OF = ("-c", "c.sensorium")

WRITERS = (
    Writer("index", ("index", "SEEDS/media", "SEEDS/media/captions.csv", *OF, *TINY, "--json")),
    Writer("index without a cache", ("index", "SEEDS/media", *OF, *TINY),
           stage=lambda seeds, place: shutil.rmtree(place / "home")),
    Writer("index again, changed", ("index", "media", "media/captions.csv", *OF), stage=_changed),
    Writer("prune", ("prune", *OF), stage=_gone),
    Writer("reembed", ("reembed", "--encoder", "SEEDS/other", *OF), "library"),
    Writer("optimize ivf", ("optimize", "--kind", "ivf", *OF), "large"),
    Writer("optimize hnsw", ("optimize", "--kind", "hnsw", *OF), "large"),
    # Without a kind the fastest is taken, which is another one in each run.
    Writer("optimize exact", ("optimize", "--kind", "exact", *OF), "large", _indexed),
    Writer("optimize again", ("optimize", "--kind", "ivf", *OF), "large", _indexed),
    Writer("optimize --hash", ("optimize", "--hash", "32", *OF), "large"),
    Writer("optimize --hash again", ("optimize", "--hash", "48", *OF), "large", _indexed),
    Writer("train hash", ("train", "hash", "c.sensorium", "--bits", "32", "--steps", "4"), "large"),
    Writer("train hash --out", ("train", "hash", "c.sensorium", "--bits", "32", "--steps", "4",
                                "--out", "coder.npz"), "large"),
    Writer("classify --save", ("classify", "--classifier", "SEEDS/classifier", *OF, "-k", "1",
                               "--save", "kind"), "library", _classifier),
    Writer("import", ("import", "SEEDS/vectors", *OF, *TINY)),
    Writer("import more", ("import", "SEEDS/more-vectors", *OF, *TINY), "large"),
    Writer("import parquet", ("import", "e.parquet", *OF), stage=_exported("e.parquet")),
    Writer("import lance", ("import", "e.lance", *OF), stage=_exported("e.lance")),
    Writer("export numpy", ("export", "e", *OF), "library"),
    Writer("export clip-retrieval", ("export", "e", "--layout", "clip-retrieval", *OF), "library"),
    Writer("export parquet", ("export", "e.parquet", *OF), "library"),
    Writer("export lance", ("export", "e.lance", *OF), "library"),
    Writer("export --overwrite", ("export", "e", "--overwrite", *OF), "library", _exported("e")),
    Writer("export parquet --overwrite", ("export", "e.parquet", "--overwrite", *OF), "library",
           _exported("e.parquet")),
    Writer("check --repair", ("check", "--repair", *OF), "library", _damaged),
    Writer("train classifier", ("train", "classifier", "SEEDS/classes", *TINY, "-o", "out")),
    Writer("train contrastive", (
        "train", "contrastive", "SEEDS/captioned/pictures.csv", "--image-tower", "SEEDS/tiny",
        "--text-tower", "SEEDS/other", "-o", "out", "--epochs", "2", "--batch-size", "8",
    )),
    Writer("train caption", (
        "train", "caption", "SEEDS/captioned/pictures.csv", *TINY, "-o", "out", "--epochs", "1",
        "--batch-size", "12", "--vocabulary", "300", "--beams", "1", "--max-length", "6",
    )),
    Writer("train translation", (
        "train", "translation", "SEEDS/texts.csv", *TINY, "--source", "en", "--target", "fr",
        "--vocabulary", "300", "-o", "out", "--epochs", "1",
    )),
    Writer("train fusion", (
        "train", "fusion", "SEEDS/table/table.jsonl", "--target", "kind", "--method", "early",
        *TINY, "--encoder", "audio=mel", "--epochs", "2", "--out", "out",
    )),
    Writer("evaluate", ("evaluate", "SEEDS/classes", *TINY, "--out", "out")),
    Writer("evaluate a collection", ("evaluate", "questions", *OF, "--out", "out"), "library",
           _questions),
)  # fmt: skip


EXPORT = next(writer for writer in WRITERS if writer.name == "export numpy")
"""A quick one."""


class UnusableError(Exception):
    """A command does not do what it should even when nothing disturbs it."""


class Bench:
    """A place in which commands are tried, which is as it was before each attack.

    Parameters
    ----------
    folder : Path
        Its own; seeds and templates lie in it, too.
    """

    def __init__(self, folder: Path) -> None:
        self.seeds = Seeds(folder / "seeds")
        self.place = folder / "place"
        self.folder = folder
        self._usual: dict[str, tuple[State, State, int, Done]] = {}

    def lay(self, writer: Writer) -> Path:
        """Make the place anew for a command."""
        template = self.folder / "templates" / writer.name.replace(" ", "_")
        if not template.exists():
            shutil.rmtree(self.place, ignore_errors=True)
            self.place.mkdir()
            copy(self.seeds.home, self.place / "home")
            if writer.collection == "library":
                copy(self.seeds.collection(), self.place / "c.sensorium")
            elif writer.collection == "large":
                copy(self.seeds.large(), self.place / "c.sensorium")
            if writer.stage is not None:
                writer.stage(self.seeds, self.place)
            (self.place / "home").mkdir(exist_ok=True)
            copy(self.place, template)
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.copytree(template, self.place, symlinks=True)
        return self.place

    def run(self, writer: Writer, **how: Any) -> Done:
        """Run the command."""
        arguments = [one.replace("SEEDS", str(self.seeds.folder)) for one in writer.arguments]
        return run(*arguments, folder=self.place, home=self.place / "home", **how)

    def usual(self, writer: Writer) -> tuple[State, State, int, Done]:
        """What two undisturbed runs leave, how many calls of one change files, and its end."""
        if writer.name not in self._usual:
            states = []
            for _ in range(2):
                self.lay(writer)
                counted = Counted(self.place)
                done = self.run(writer, decide=counted)
                if done.code not in writer.codes:
                    raise UnusableError(f"undisturbed, it ends with {done.code}: {done.last}")
                states.append(state_of(self.place))
            self._usual[writer.name] = (states[0], states[1], counted.count, done)
        return self._usual[writer.name]


@dataclass
class Counted:
    """Counts the calls that change files of a folder, and lets them go on."""

    folder: Path
    count: int = 0

    def __call__(self, call: Any) -> int | None:
        """See `Decide`."""
        if call.path is not None and call.path.is_relative_to(self.folder):
            self.count += 1
            return self.here(call)
        return 0

    def here(self, call: Any) -> int | None:
        """What becomes of the call with the number `count`."""
        return 0


def state_of(place: Path) -> State:
    """All that lies in a place, by a name for each value."""
    state: State = {}
    for path in sorted(place.rglob("*")):
        name = path.relative_to(place).as_posix()
        if name.startswith("media/") or path.is_dir():
            continue
        if name.startswith("home/") or name.endswith(("-wal", "-shm")):
            continue
        if path.suffix == ".sensorium":
            state.update({f"{name}: {key}": value for key, value in rows_of(path).items()})
        elif "-index/" in name:
            state[re.sub(r"-[0-9a-f]{16}", "-GENERATION", name)] = None
        else:
            state.update(_content(path, re.sub(r"[0-9a-f-]{16,}", "NAME", name)))
    return state


def leftovers(place: Path) -> list[str]:
    """Files that only a command under way may have.

    A hidden folder that is empty was made in the moment of the kill; runs a minute later remove it.
    """
    names = [
        path.relative_to(place).as_posix()
        for path in place.rglob("*")
        if not (path.suffix == ".partial" and not any(path.iterdir()))
    ]
    return [name for name in names if LEFTOVER.search(Path(name).name)]


def _content(path: Path, name: str) -> State:
    if path.suffix == ".json":
        found: State = {name: None}
        _flat(json.loads(path.read_text("utf-8")), name, found)
        return found
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            return {f"{name}: {key}": arrays[key] for key in arrays.files}
    if path.suffix == ".npy":
        return {name: np.load(path, allow_pickle=False)}
    return {name: zlib.crc32(path.read_bytes())}


def _flat(value: Any, name: str, found: State) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            if not VOLATILE.search(key):
                _flat(inner, f"{name}: {key}", found)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            _flat(inner, f"{name}: {number}", found)
    else:
        found[name] = value


def rows_of(path: Path, *, wait: float = 5.0) -> State:
    """Rows of a collection without what tells when they were written."""
    state: State = {}
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=wait)) as db:
        if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'items'").fetchone():
            return state
        items = dict(db.execute("SELECT id, path FROM items"))
        for item, *told in db.execute(
            "SELECT id, modality, size, content_hash, properties, metadata, extracted FROM items"
        ):
            state[items[item]] = tuple(told)
        for table in ("segments", "next_segments"):
            for item, ordinal, vector, *told in db.execute(
                f"SELECT item_id, ordinal, vector, start, stop, modality, details FROM {table}"
            ):
                key = f"{table} {items.get(item, 'no item')} {ordinal}"
                assert key not in state
                state[key] = tuple(told)
                state[f"{key}: vector"] = np.frombuffer(vector, "<f4")
        for item, ordinal, *told in db.execute(
            "SELECT item_id, ordinal, source, text FROM passages"
        ):
            state[f"passage {items.get(item, 'no item')} {ordinal}"] = tuple(told)
        state["words"] = db.execute("SELECT count(*) FROM words_content").fetchone()[0]
    return state


def difference(got: State, usual: State, again: State) -> str:
    """Where a state is another one than those of two undisturbed runs; "" where it is none."""
    lacking = [name for name in usual if name in again and name not in got]
    more = [name for name in got if name not in usual and name not in again]
    if lacking or more:
        return f"lacking {lacking[:3]} ({len(lacking)}), too many {more[:3]} ({len(more)})"
    for name, value in usual.items():
        is_steady = name in again and name in got and _same(value, again[name])
        if is_steady and not _same(got[name], value):
            return f"{name} is {got[name]!r:.120}, not {value!r:.120}"
    return ""


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        if not isinstance(other, np.ndarray) or one.shape != other.shape:
            return False
        if one.dtype.kind == "f":
            return bool(np.allclose(one, other, atol=2e-3, equal_nan=True))
        return bool(np.array_equal(one, other))
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= 1e-3 * max(1.0, abs(one))
    return bool(one == other)
