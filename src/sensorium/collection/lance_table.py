"""The Lance table that holds a collection: one row for each row of the collection's tables.

All kinds of rows lie in one table, because Lance commits one table at a time: what belongs together
is there at once, or not at all. The row of the kind ``head`` is written anew by every commit: two
that were made at the same time therefore meet in it, and the second one fails and is made again.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.collection.lance_columns import KEY, described, schema_of, table_of
from sensorium.collection.lance_placing import UNUSED, described_fragment
from sensorium.collection.results import Version
from sensorium.encoders import Space
from sensorium.errors import CollectionError, MissingExtraError

# Before Lance is imported: it would tell the terminal of every commit that is made again.
os.environ.setdefault("LANCE_LOG", "error")

try:
    import lance
    import pyarrow
    from lance.commit import CommitConflictError
    from lance.fragment import write_fragments
except ModuleNotFoundError as error:
    raise MissingExtraError("lance", "lance") from error

FORMAT = 1
SMALL_FRAGMENTS = 64
"""Fragments, one of each commit, from which on they are put together."""

SMALL_ROWS = 1 << 14
"""Rows of a fragment that is left alone then: putting ever more into one would write what is there
again and again."""

LARGE_ROWS = 1 << 20
"""Rows of a fragment after `Table.tidy`."""

KEPT_CHANGES = 1000
"""Commits whose removals are remembered. Who has followed none for longer reads the whole table."""

KEPT_SECONDS = 24 * 3600
"""So long the files of earlier versions are left to whoever is reading them."""


FRUGAL = {
    "batch_size": 1024, "batch_readahead": 1, "fragment_readahead": 1, "scan_in_order": True,
    "io_buffer_size": 32 << 20,
}  # fmt: skip
"""Lets Lance hold some 100 MB while it reads; it would take several times what is asked for."""

REACHED_WITH = {
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT",
    "gs": "GOOGLE_SERVICE_ACCOUNT, the path of a key file",
    "az": "AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT_KEY",
}
"""Of object stores, what Lance reads from the environment; it tells what it lacked in other
words."""


SEARCHED = "searched by its index"
"""What was not done where that is damaged; see `Table.failed`."""


class ConflictError(CollectionError):
    """Somebody else has committed in the meantime: what is to be written has to be made again."""


@dataclass(frozen=True)
class Head:
    """The last commit, by its row.

    Attributes
    ----------
    change : int
        Number of the commit; rows that it wrote say it, too.
    token : str
        Random: tells this commit from that of the same number in a copy of the table.
    epoch : int
        The commit that last wrote the table as a whole.
    changes, removals : int
        See `sensorium.collection.rows.Changes`.
    sequence : dict
        The largest id that was ever given, by table.
    """

    change: int
    epoch: int
    changes: int = 0
    removals: int = 0
    sequence: Mapping[str, int] = field(default_factory=dict)
    token: str = field(default_factory=lambda: secrets.token_hex(8))

    def row(self) -> dict[str, Any]:
        """As it is stored."""
        value = {
            "epoch": self.epoch, "changes": self.changes, "removals": self.removals,
            "sequence": dict(self.sequence),
        }  # fmt: skip
        return {"kind": "head", "id": self.change, "name": self.token, "value": json.dumps(value)}


class Table:
    """A Lance table at one of its versions.

    Parameters
    ----------
    uri : str
        A folder, or an address of an object store that Lance knows.
    create : bool
        Whether a missing one is made.
    version : int or str, optional
        Number or name of the one version that is read, and not written.

    Raises
    ------
    CollectionError
        When it cannot be opened, is missing (without `create`), is no collection, or has no such
        version.
    """

    def __init__(self, uri: str, *, create: bool, version: int | str | None = None) -> None:
        self.uri = uri
        self.is_fixed = version is not None
        self._lock = threading.RLock()
        self.folder = None if "://" in uri else Path(uri)
        try:
            self.dataset = lance.dataset(uri)
            if version is not None:
                self.dataset = self._older(version)
        except (ValueError, OSError) as error:
            if "not found" not in str(error):
                raise self.failed("opened", error) from error
            if not create:
                raise CollectionError(f"{uri}: no such collection in Lance") from error
            self.dataset = self._create()
        _require_whole(uri, self.dataset)
        facts = self.facts
        if facts.get("format") != FORMAT:
            told = "no collection" if not facts else f"of format {facts.get('format')}"
            raise CollectionError(
                f"{uri} is a Lance table, but {told}: `sensorium import` takes vectors from such"
                if not facts
                else f"{uri} is {told}, this version reads {FORMAT}: upgrade Sensorium"
            )

    def _older(self, version: int | str) -> Any:
        try:
            return self.dataset.checkout_version(version)
        except (OSError, ValueError, OverflowError) as error:
            known = [one["version"] for one in self.dataset.versions()]
            names = ", ".join(sorted(self.dataset.tags.list())) or "none"
            raise CollectionError(
                f"{self.uri} has no version {version!r}: there are {len(known)} from {known[0]} to "
                f"{known[-1]}, and of names {names} (`sensorium versions` lists them)"
            ) from error

    def _create(self) -> Any:
        if self.folder is not None:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
        facts = {"format": FORMAT, "id": secrets.token_hex(16)}
        schema = schema_of(facts, None)
        try:
            dataset = lance.write_dataset(
                table_of([{**Head(0, 0).row(), "change": 0}], schema), self.uri, mode="create"
            )
        except OSError as error:
            if "already exists" not in str(error):
                raise self.failed("made", error) from error
            dataset = lance.dataset(self.uri)  # another process was faster
        self._sync([*dataset.get_fragments()], dataset.version)
        return dataset

    def failed(self, done: str, error: Exception) -> CollectionError:
        """What Lance says, as this project's error."""
        # Lance names the line of its source, too, and what a machine far away was called.
        reason = " ".join(str(error).partition(", /")[0].split())[:200]
        mend = ""
        if self.folder is None and done in ("opened", "made"):
            names = REACHED_WITH.get(self.uri.partition("://")[0], "")
            mend = f"; it is reached with what the environment says: {names} (docs/lance.md)"
        if done == SEARCHED:
            mend = "; `sensorium optimize` builds that anew, with --kind exact it is left out"
        return CollectionError(
            f"{self.uri}: cannot be {done} as a collection in Lance ({reason}){mend}"
        )

    @property
    def facts(self) -> dict[str, Any]:
        """What the table says of itself; empty for one that is no collection."""
        try:
            facts = json.loads((self.dataset.schema.metadata or {}).get(KEY, b"{}"))
        except ValueError:
            return {}
        return facts if isinstance(facts, dict) else {}

    @property
    def dimension(self) -> int | None:
        """Numbers of a vector; None while there are none."""
        schema = self.dataset.schema
        return schema.field("vector").type.list_size if "vector" in schema.names else None

    @property
    def version(self) -> int:
        """The version of Lance that is read."""
        return int(self.dataset.version)

    def latest(self) -> int:
        """The newest version that anybody has committed, or the only one that is read."""
        if self.is_fixed:
            return self.version
        try:
            return int(self.dataset.latest_version)
        except (OSError, ValueError) as error:
            raise self.failed("read", error) from error

    def at(self, version: int) -> None:
        """Read this version from now on."""
        if version != self.version:
            try:
                self.dataset = self.dataset.checkout_version(version)
            except (OSError, ValueError) as error:
                raise self.failed("read", error) from error

    # Reading

    def head(self) -> Head:
        """The last commit of the version that is read."""
        # It lies in the newest fragment, unless that was put together with others.
        for fragment in sorted(self.dataset.get_fragments(), key=lambda f: -f.fragment_id):
            rows = self._scan(["id", "name", "value"], "kind = 'head'", [fragment]).to_pylist()
            if rows:
                values = json.loads(rows[0]["value"])
                return Head(rows[0]["id"], token=rows[0]["name"], **values)
        raise CollectionError(
            f"{self.uri} is damaged: it does not say what was written last. Restore it from a copy"
        )

    def changed(self, after: int, fragment: int | None) -> pyarrow.Table:
        """Rows that commits after one wrote, without vectors.

        Parameters
        ----------
        after : int
            Number of the commit.
        fragment : int or None
            The largest number of a fragment that was known; None looks at all.
        """
        fragments = None
        if fragment is not None:
            fragments = [f for f in self.dataset.get_fragments() if f.fragment_id > fragment]
        return self._scan(described(), f"change > {after}", fragments)

    def everything(self, kind: str) -> Iterator[pyarrow.RecordBatch]:
        """All rows of a kind, without vectors."""
        try:
            yield from self.dataset.to_batches(
                columns=described(), filter=f"kind = '{kind}'", batch_size=SMALL_ROWS
            )
        except (OSError, ValueError) as error:
            raise self.failed("read", error) from error

    def vectors(
        self, condition: str, column: str = "vector", *, many: bool = False
    ) -> Iterator[pyarrow.RecordBatch]:
        """Some rows, in any order: ids, ordinal, checksum and a vector.

        Of `many` little is held at a time; few are sought everywhere at once.
        """
        if column not in self.dataset.schema.names:
            return
        columns = ["id", "item_id", "ordinal", "checksum", column]
        try:
            yield from self.dataset.scanner(
                columns=columns, filter=condition, **(FRUGAL if many else {})
            ).to_batches()
        except (OSError, ValueError) as error:
            raise self.failed("read", error) from error

    def _scan(self, columns: list[str], condition: str, fragments: Any) -> pyarrow.Table:
        if fragments is not None and not fragments:
            return self.dataset.schema.empty_table().select(columns)
        try:
            return self.dataset.scanner(
                columns=columns, filter=condition, fragments=fragments
            ).to_table()
        except (OSError, ValueError) as error:
            raise self.failed("read", error) from error

    def bytes_stored(self) -> int:
        """What the files of the table take; in an object store those of this version's rows."""
        if self.folder is not None:
            return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
        return sum(
            file.file_size_bytes or 0
            for fragment in self.dataset.get_fragments() for file in fragment.data_files()
        )  # fmt: skip

    def fragment(self) -> int:
        """The largest number of a fragment."""
        return max((f.fragment_id for f in self.dataset.get_fragments()), default=-1)

    # Writing

    def commit(
        self,
        gone: Mapping[str, Sequence[int | str]],
        rows: Sequence[dict[str, Any]],
        placed: Sequence[tuple[str, Mapping[int, dict[str, Any]]]] = (),
    ) -> None:
        """Take rows away and write others, at once, on top of the version that is read.

        Parameters
        ----------
        gone : mapping
            Ids (or names) of rows that are there, by kind.
        rows : sequence of dict
            With values of some columns; ``head`` is among them.
        placed : sequence of (str, mapping)
            Vectors that `lance_placing.place_vectors` wrote, and what is said of each by its place.

        Raises
        ------
        ConflictError
            When somebody else has committed since.
        """
        schema = self.dataset.schema
        known = {kind: keys for kind, keys in gone.items() if keys}
        try:
            updated, removed = self._without(known)
            new = write_fragments(
                table_of(rows, schema), self.dataset, schema=schema, mode="append"
            )
            new += [described_fragment(self.dataset, *one) for one in placed]
            operation = lance.LanceOperation.Update(
                removed_fragment_ids=removed, updated_fragments=updated, new_fragments=new
            )
            self._finish(operation, [*updated, *new])
        except (OSError, ValueError) as error:
            raise self.failed("written", error) from error

    def _without(self, gone: Mapping[str, Sequence[int | str]]) -> tuple[list[Any], list[int]]:
        """Fragments as they are without the head and some rows, and those that are left empty."""
        updated, removed = [], []
        condition = " OR ".join(["kind = 'head'", *map(_condition, gone.items())])
        left = 1 + sum(map(len, gone.values()))
        for fragment in sorted(self.dataset.get_fragments(), key=lambda f: -f.fragment_id):
            if not left:
                break
            there = self._scan(["kind"], condition, [fragment]).num_rows
            if there:
                left -= there
                without = fragment.delete(condition)
                if without is None:
                    removed.append(fragment.fragment_id)
                else:
                    updated.append(without)
        return updated, removed

    def overwrite(
        self, space: Space | None, dimension: int, batches: Iterator[Sequence[dict[str, Any]]]
    ) -> None:
        """Write all rows anew, with vectors of another space, on top of the version that is read.

        Parameters
        ----------
        space : Space or None
            None while the collection does not say which it is.
        dimension : int
            Numbers of a vector.
        batches : iterator of sequences of dict
            As for `commit`.

        Raises
        ------
        ConflictError
            When somebody else has committed since.
        """
        facts = {"format": FORMAT, "id": self.facts["id"]}
        if space is not None:
            facts |= {
                "fingerprint": space.fingerprint, "dimension": space.dimension,
                "space": json.loads(space.to_json()),
            }  # fmt: skip
        schema = schema_of(facts, dimension)
        reader = pyarrow.RecordBatchReader.from_batches(
            schema, (batch for rows in batches for batch in table_of(rows, schema).to_batches())
        )
        try:
            new = write_fragments(
                reader, self.dataset, schema=schema, mode="overwrite", max_rows_per_file=LARGE_ROWS
            )
            self._finish(lance.LanceOperation.Overwrite(schema, new), new)
        except (OSError, ValueError) as error:
            raise self.failed("written", error) from error

    def _finish(self, operation: Any, fragments: Sequence[Any]) -> None:
        base = self.version
        self._sync(fragments, None)
        try:
            # No retries: Lance would bring what is compatible with what it knows of it, and nobody
            # knows that two new items have the same id or path.
            self.dataset = lance.LanceDataset.commit(
                self.dataset, operation, read_version=base, max_retries=0
            )
        except CommitConflictError as error:
            raise ConflictError(f"{self.uri}: another process has written to it") from error
        except OSError as error:
            if "onflict" in str(error):
                raise ConflictError(f"{self.uri}: another process has written to it") from error
            raise
        self._sync((), self.version)

    def _sync(self, fragments: Sequence[Any], version: int | None) -> None:
        """Bring to the disk what Lance leaves to the system: a power failure may come next."""
        if self.folder is None or os.name == "nt":
            return
        paths = []
        for fragment in fragments:
            data = getattr(fragment, "files", None)
            data = fragment.data_files() if data is None else data
            paths += [self.folder / "data" / file.path for file in data]
            if (deleted := fragment.deletion_file) is not None and not callable(deleted):
                paths.append(self.folder / deleted.path(_number(fragment)))
        if version is not None:
            for name in (f"{2**64 - 1 - version:020d}.manifest", f"{version}.manifest"):
                paths.append(self.folder / "_versions" / name)
        folders = {path.parent for path in paths} | ({self.folder} if version == 1 else set())
        for path in (*paths, *folders):
            try:
                handle = os.open(path, os.O_RDONLY)
            except FileNotFoundError:
                continue  # one of the two ways to name a version
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    # Order

    def gather(self) -> None:
        """Put small fragments together once they are many; a conflict leaves it to the next."""
        if len(self.dataset.get_fragments()) >= SMALL_FRAGMENTS:
            self._compact(SMALL_ROWS)

    def tidy(self) -> None:
        """Put all fragments together, and forget what nobody reads any more."""
        self._compact(LARGE_ROWS)
        try:
            newest = lance.dataset(self.uri)
            last = self.head().change - KEPT_CHANGES
            told = f"kind IN ('gone', 'commit') AND change < {last} OR kind = '{UNUSED}'"
            if newest.count_rows(filter=told):
                newest.delete(told)
        except (OSError, ValueError) as error:
            raise self.failed("tidied", error) from error
        self.forget(KEPT_SECONDS)

    def newest(self) -> Any:
        """The table as anybody has committed it last."""
        try:
            return lance.dataset(self.uri)
        except (OSError, ValueError) as error:
            raise self.failed("opened", error) from error

    def versions(self) -> list[Version]:
        """All versions that can be read, the oldest first."""
        try:
            names: dict[int, list[str]] = {}
            for name, tag in self.dataset.tags.list().items():
                names.setdefault(int(tag["version"]), []).append(name)
            return [
                Version(
                    int(one["version"]), one["timestamp"].astimezone(UTC),
                    sorted(names.get(int(one["version"]), [])),
                )
                for one in self.dataset.versions()
            ]  # fmt: skip
        except (OSError, ValueError) as error:
            raise self.failed("read", error) from error

    def keep(self, name: str) -> None:
        """Give the version that is read a name, or move the name to it: it is never forgotten."""
        try:
            tags = self.dataset.tags
            (tags.update if name in tags.list() else tags.create)(name, self.version)
        except (OSError, ValueError) as error:
            raise self.failed("named", error) from error

    def forget(self, seconds: float) -> int:
        """Delete versions without a name that are older, and files of them; gives the bytes."""
        try:
            removed = lance.dataset(self.uri).cleanup_old_versions(
                older_than=timedelta(seconds=seconds), error_if_tagged_old_versions=False
            )
        except (OSError, ValueError) as error:
            raise self.failed("tidied", error) from error
        return int(removed.bytes_removed)

    def _compact(self, rows: int) -> None:
        try:
            newest = lance.dataset(self.uri)
            newest.optimize.compact_files(target_rows_per_fragment=rows)
        except (OSError, ValueError, RuntimeError) as error:
            if "onflict" not in str(error):
                raise self.failed("tidied", error) from error


def _require_whole(uri: str, dataset: Any) -> None:
    """Refuse a table whose maker has put rows anywhere: servers would be asked for them."""
    if hasattr(dataset, "base_paths") and (bases := dataset.base_paths()):
        places = ", ".join(repr(base.path) for base in bases.values())
        raise CollectionError(f"{uri} keeps rows in other places ({places:.200}): not opened")


def is_collection(table: Path | str) -> bool:
    """Whether a folder, or an address, is a collection, and no other table of Lance.

    Raises
    ------
    ValueError, OSError
        When it cannot be read.
    """
    return KEY in (lance.dataset(str(table)).schema.metadata or {})


def _number(fragment: Any) -> int:
    return int(getattr(fragment, "fragment_id", getattr(fragment, "id", 0)))


def _condition(gone: tuple[str, Sequence[int | str]]) -> str:
    """An expression of Lance for rows of a kind with some ids or names."""
    kind, keys = gone
    if isinstance(keys[0], str):
        names = ", ".join("'" + str(key).replace("'", "''") + "'" for key in keys)
        return f"(kind = '{kind}' AND name IN ({names}))"
    return f"(kind = '{kind}' AND {among(np.asarray(keys, np.int64))})"


def decoded(
    batch: Any, dimension: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Ids of segments and items, and vectors, of rows; what is not as it was written is NaN."""
    ids, owners = (batch[name].to_numpy() for name in ("id", "item_id"))
    column = batch["vector"]
    if column.type.list_size != dimension or column.null_count:
        found = np.full((len(ids), dimension), np.nan, np.float32)
    else:
        found = column.flatten().to_numpy().reshape(-1, dimension).astype(np.float32)
    for row, checksum in enumerate(batch["checksum"].to_pylist()):
        if checksum is not None and zlib.crc32(found[row]) != checksum:
            found[row] = np.nan
    return ids, owners, found


def among(ids: npt.NDArray[np.int64]) -> str:
    """An expression of Lance for rows with some ids."""
    return f"id IN ({', '.join(map(str, ids.tolist()))})" if len(ids) else "false"
