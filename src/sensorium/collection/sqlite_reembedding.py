"""Changing a collection's SQLite file over to another space, resumably."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sensorium.collection.rows import ReembeddedItem, insert_segments
from sensorium.collection.schema import LOG_REMOVALS
from sensorium.collection.sqlite_writing import count_change
from sensorium.encoders import Space
from sensorium.errors import CollectionError

if TYPE_CHECKING:
    from sensorium.collection.sqlite_store import SQLiteStore

_COPIED = "item_id, ordinal, start, stop, vector, modality, details, passage_id, checksum"


class SQLiteReembedding:
    """See `sensorium.collection.store.Reembedding`.

    Parameters
    ----------
    store : SQLiteStore
    space : Space
        The next space.
    encoder : str
        Name that its encoder loads by.
    """

    def __init__(self, store: SQLiteStore, space: Space, encoder: str) -> None:
        self._store = store
        self._space = space
        with store.transaction() as db:
            pending = store.state().next_space
            if pending is not None and pending[0].fingerprint == space.fingerprint:
                return
            db.execute("DELETE FROM next_segments")
            for key, value in (("next_space", space.to_json()), ("next_encoder", encoder)):
                db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def missing(self) -> list[tuple[int, str, bytes]]:
        """See `Reembedding.missing`."""
        return self._store.read(
            "SELECT id, path, content_hash FROM items "
            "WHERE id NOT IN (SELECT item_id FROM next_segments) ORDER BY id"
        )

    def write(self, batch: Iterable[ReembeddedItem]) -> bool:
        """See `Reembedding.write`."""
        with self._store.transaction() as db:
            if not self._is_pending():
                return False
            for new in batch:
                sql = "SELECT 1 FROM items WHERE id = ? AND content_hash = ?"
                if not db.execute(sql, (new.id, new.content_hash)).fetchall():
                    continue  # deleted meanwhile, or added with new content: it is listed again
                # OR IGNORE: another process may re-embed the same collection.
                insert_segments(
                    db, new.id, new.segments, new.vectors, "INSERT OR IGNORE INTO next_segments"
                )
                if new.file_hash != new.content_hash:
                    # The file was edited but not added again. Nobody may copy these vectors as
                    # those of the old content, and the next `add` has to look at the file.
                    db.execute("UPDATE items SET content_hash = x'' WHERE id = ?", (new.id,))
        return True

    def _is_pending(self) -> bool:
        """Whether it is under way, not finished by another process."""
        state, fingerprint = self._store.state(), self._space.fingerprint
        pending, stored = state.next_space, state.space
        if pending is not None and pending[0].fingerprint == fingerprint:
            return True
        if pending is None and stored is not None and stored[0].fingerprint == fingerprint:
            return False
        instead = pending[0] if pending else "another space"
        raise CollectionError(
            f"{self._store.path}: another process re-embeds it into {instead} instead"
        )

    def finish(self, failed: Iterable[tuple[int, bytes]]) -> bool:
        """See `Reembedding.finish`."""
        with self._store.transaction() as db:
            if not self._is_pending():
                return True
            waiting = {(item, content) for item, _, content in self.missing()}
            if waiting - set(failed):
                return False
            db.execute("DROP TRIGGER IF EXISTS log_removal")  # one line says it for all
            db.execute(
                "INSERT INTO removed_segments (first, last) SELECT min(id), max(id) FROM segments "
                "HAVING count(*)"
            )
            db.execute("DELETE FROM segments")
            db.execute(LOG_REMOVALS)
            db.execute(
                f"INSERT INTO segments ({_COPIED}) SELECT {_COPIED} FROM next_segments "
                "ORDER BY item_id, ordinal"
            )
            db.execute("DELETE FROM next_segments")
            db.execute("DELETE FROM meta WHERE key IN ('space', 'encoder')")
            for key in ("space", "encoder"):
                db.execute("UPDATE meta SET key = ? WHERE key = ?", (key, f"next_{key}"))
            count_change(db, 1)
        return True
