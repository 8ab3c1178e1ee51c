"""Which space a collection's vectors are in, and changing over to another, resumably."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from functools import lru_cache

from sensorium.collection.database import Database
from sensorium.collection.rows import ReembeddedItem, insert_segments
from sensorium.collection.schema import LOG_REMOVALS
from sensorium.encoders import Space
from sensorium.errors import CollectionError, SpaceMismatchError


class SpaceStore(Database):
    """The space of a collection's vectors, and the one that they are on their way to.

    Writes are single transactions, durable when the method returns.
    """

    def space(self) -> tuple[Space, str] | None:
        """The space of the stored vectors and the name its encoder loads by; None while unset."""
        return self._space("space", "encoder")

    def next_space(self) -> tuple[Space, str] | None:
        """The space that an unfinished re-embedding is on its way to."""
        return self._space("next_space", "next_encoder")

    def _space(self, *keys: str) -> tuple[Space, str] | None:
        values = dict(self._read("SELECT key, value FROM meta WHERE key IN (?, ?)", keys))
        return (_parsed_space(values[keys[0]]), values[keys[1]]) if values else None

    def claim_space(self, space: Space, encoder: str) -> None:
        """Make `space` the collection's own when it has none.

        Raises
        ------
        SpaceMismatchError
            When the collection holds another space.
        """
        with self._transaction():
            self._claim_space(space, encoder)

    def _claim_space(self, space: Space, encoder: str) -> None:
        """`claim_space` inside of a transaction."""
        for key, value in (("space", space.to_json()), ("encoder", encoder)):
            self._connection.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (key, value))
        self.require_space(space, encoder)

    def require_space(self, space: Space, encoder: str = "") -> None:
        """Refuse vectors of another space than the stored one; `encoder` loads by this name."""
        stored = self.space()
        if stored is not None and stored[0].fingerprint != space.fingerprint:
            raise SpaceMismatchError(
                f"{self.path} holds vectors of the space {stored[0]}, the encoder makes {space}; "
                "they cannot be compared. Open it with the encoder it was made with, or re-embed: "
                f"sensorium reembed --collection {shlex.quote(str(self.path))} "
                f"--encoder {shlex.quote(encoder or space.name)}"
            )

    def begin_reembedding(self, space: Space, encoder: str) -> None:
        """Set out for a new space, or resume when the last, unfinished run had the same."""
        with self._transaction() as db:
            pending = self.next_space()
            if pending is not None and pending[0].fingerprint == space.fingerprint:
                return
            db.execute("DELETE FROM next_segments")
            for key, value in (("next_space", space.to_json()), ("next_encoder", encoder)):
                db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def not_reembedded(self) -> list[tuple[int, str, bytes]]:
        """Id, path and content hash of the items that have no vector of the next space yet."""
        return self._read(
            "SELECT id, path, content_hash FROM items "
            "WHERE id NOT IN (SELECT item_id FROM next_segments) ORDER BY id"
        )

    def write_reembedded(self, space: Space, batch: Iterable[ReembeddedItem]) -> bool:
        """Keep vectors of the next space until all are there.

        Returns
        -------
        bool
            False when another process has finished this re-embedding.

        Raises
        ------
        CollectionError
            When another process has begun to re-embed into yet another space.
        """
        with self._transaction() as db:
            if not self._is_pending(space):
                return False
            for new in batch:
                sql = "SELECT 1 FROM items WHERE id = ? AND content_hash = ?"
                if not self._read(sql, (new.id, new.content_hash)):
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

    def _is_pending(self, space: Space) -> bool:
        """Whether the re-embedding into `space` is under way, not finished by another process."""
        pending, stored = self.next_space(), self.space()
        if pending is not None and pending[0].fingerprint == space.fingerprint:
            return True
        if pending is None and stored is not None and stored[0].fingerprint == space.fingerprint:
            return False
        instead = pending[0] if pending else "another space"
        raise CollectionError(f"{self.path}: another process re-embeds it into {instead} instead")

    def finish_reembedding(self, space: Space, failed: Iterable[tuple[int, bytes]]) -> bool:
        """Change over to the next space in one step.

        Parameters
        ----------
        space : Space
            The next space.
        failed : iterable of (id, content hash)
            Items that could not be embedded; they stay, without vectors.

        Returns
        -------
        bool
            False when items were added or changed in the meantime that still need a vector.

        Raises
        ------
        CollectionError
            As `write_reembedded`.
        """
        with self._transaction() as db:
            if not self._is_pending(space):
                return True
            waiting = {(item, content) for item, _, content in self.not_reembedded()}
            if waiting - set(failed):
                return False
            pending = self.next_space()
            assert pending is not None  # _is_pending
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
            db.execute("DELETE FROM meta WHERE key IN ('next_space', 'next_encoder')")
            for key, value in (("space", pending[0].to_json()), ("encoder", pending[1])):
                db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
            self._count_change(1)
        return True

    def _count_change(self, removals: int) -> None:
        self._connection.execute(
            "UPDATE counters SET changes = changes + 1, removals = removals + ?", (removals,)
        )


_COPIED = "item_id, ordinal, start, stop, vector, modality, details, passage_id"

_parsed_space = lru_cache(maxsize=16)(Space.from_json)
"""Every search looks at the space; reading and hashing it anew would cost it 0.1 ms."""
