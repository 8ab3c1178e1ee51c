"""Damages to files and rows."""

from __future__ import annotations

import json
import random
import sqlite3
from contextlib import closing
from pathlib import Path


def damage_files(place: Path, pattern: str, rng: random.Random, number: int) -> str:
    """Damage one of the files of a pattern; says how."""
    files = sorted(path for path in place.glob(pattern) if path.is_file())
    if not files:  # caches and notes of a home in which there are none yet
        path = place / "home" / ("named-encoders.txt", "openvino", "library.sensorium")[number % 3]
        if not path.exists():
            path.write_bytes(rng.randbytes(rng.choice((0, 10, 5000))))
        return f"{path.name} of random bytes"
    path = files[number % len(files)]
    name = path.relative_to(place).as_posix()
    content = path.read_bytes()
    kinds = ["bit", "byte", "block", "cut", "cut", "more", "gone", "empty", "other", "moved",
             "zeros", "doubled"]  # fmt: skip
    if path.suffix in (".json", ".jsonl"):
        kinds += ["value"] * 8
    kind = rng.choice(kinds)
    changed = bytearray(content)
    at = rng.randrange(max(1, len(content)))
    if kind == "bit" and content:
        changed[at] ^= 1 << rng.randrange(8)
    elif kind == "byte" and content:
        changed[at] = rng.randrange(256)
    elif kind == "block":
        changed[at : at + 64] = rng.randbytes(64)
    elif kind == "zeros":
        changed[at : at + 512] = bytes(len(changed[at : at + 512]))
    elif kind == "cut":
        del changed[at:]
    elif kind == "more":
        changed += rng.randbytes(100)
    elif kind == "empty":
        changed.clear()
    elif kind == "doubled":
        changed += bytes(changed)
    elif kind == "moved":
        half = len(changed) // 2
        changed = changed[half:] + changed[:half]
    elif kind == "value":
        return f"{name}: {_damage_json(path, rng)}"
    elif kind == "other":
        changed = bytearray(files[(number + 1) % len(files)].read_bytes())
    if kind == "gone":
        path.unlink()
    else:
        path.write_bytes(changed)
    return f"{name}: {kind} at {at} of {len(content)}"


WRONG_VALUES = (None, -1, 10**30, 1e308, "x", [], {}, True, [[[]]], "\x1b[31m", 0)


def _damage_json(path: Path, rng: random.Random) -> str:
    """Give a value another type, or take it away."""
    try:
        content = json.loads(path.read_text("utf-8").splitlines()[0] if path.suffix == ".jsonl"
                             else path.read_text("utf-8"))  # fmt: skip
    except ValueError:
        return "is no JSON"
    places: list[tuple[object, object]] = []

    def walk(value: object) -> None:
        if isinstance(value, dict):
            places.extend((value, key) for key in value)
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            places.extend((value, key) for key in range(min(3, len(value))))
            for inner in value[:3]:
                walk(inner)

    walk(content)
    if not places:
        return "has no values"
    holder, key = rng.choice(places)
    wrong = [v for v in WRONG_VALUES if type(v) is not type(holder[key])]  # type: ignore[index]
    value = rng.choice(wrong)
    if rng.random() < 0.3:
        del holder[key]  # type: ignore[attr-defined]
    else:
        holder[key] = value  # type: ignore[index]
    path.write_text(json.dumps(content) + "\n", "utf-8")
    return f"{key!r} is {value!r}"


def _splice(before: int, number: str, after: int) -> str:
    """Put a number, four bytes, into a vector."""
    return (
        f"UPDATE segments SET vector = CAST(substr(vector, 1, {before}) || x'{number}' || "
        f"substr(vector, {after}) AS BLOB) WHERE id = {{id}}"
    )


ROWS: tuple[tuple[str, str], ...] = (
    ("a NaN in a vector", _splice(40, "0000c07f", 45)),
    ("1e4 in a vector", _splice(40, "00401c46", 45)),
    ("infinity in a vector", _splice(8, "0000807f", 13)),
    ("a vector turned", "UPDATE segments SET vector = CAST(substr(vector, 97) || "
     "substr(vector, 1, 96) AS BLOB) WHERE id = {id}"),
    ("a shorter vector", "UPDATE segments SET vector = substr(vector, 1, 100) WHERE id = {id}"),
    ("a longer vector", "UPDATE segments SET vector = CAST(vector || vector AS BLOB) "
     "WHERE id = {id}"),
    ("an empty vector", "UPDATE segments SET vector = x'' WHERE id = {id}"),
    ("a vector of text", "UPDATE segments SET vector = 'hello' WHERE id = {id}"),
    ("a vector that is a number", "UPDATE segments SET vector = 7 WHERE id = {id}"),
    ("a vector of zeros", "UPDATE segments SET vector = zeroblob(192) WHERE id = {id}"),
    ("vectors exchanged", "UPDATE segments SET vector = (SELECT vector FROM segments AS s WHERE "
     "s.id = (SELECT max(id) FROM segments)) WHERE id = {id}"),
    ("a checksum of text", "UPDATE segments SET checksum = 'x' WHERE id = {id}"),
    ("another checksum", "UPDATE segments SET checksum = checksum + 1 WHERE id = {id}"),
    ("a vector of no item", "UPDATE segments SET item_id = 9999 WHERE id = {id}"),
    ("an unknown modality", "UPDATE segments SET modality = 'smell' WHERE id = {id}"),
    ("a modality of bytes", "UPDATE segments SET modality = x'ff' WHERE id = {id}"),
    ("broken details", "UPDATE segments SET details = '{{\"page\": ' WHERE id = {id}"),
    ("details of another kind", "UPDATE segments SET details = '[1]' WHERE id = {id}"),
    ("a time of text", "UPDATE segments SET start = 'x', stop = x'00' WHERE id = {id}"),
    ("infinite times", "UPDATE segments SET start = 9e999, stop = -9e999 WHERE id = {id}"),
    ("an ordinal of text", "UPDATE segments SET ordinal = 'x' WHERE id = {id}"),
    ("a passage of none", "UPDATE segments SET passage_id = 9999 WHERE id = {id}"),
    ("broken metadata", "UPDATE items SET metadata = '{{' WHERE id = {item}"),
    ("metadata of another kind", "UPDATE items SET metadata = '[]' WHERE id = {item}"),
    ("metadata of bytes", "UPDATE items SET metadata = x'ff00' WHERE id = {item}"),
    ("broken properties", "UPDATE items SET properties = 'null' WHERE id = {item}"),
    ("deep metadata", "UPDATE items SET metadata = '{deep}' WHERE id = {item}"),
    ("a path of bytes", "UPDATE items SET path = x'ff2f' WHERE id = {item}"),
    ("a path of zeros", "UPDATE items SET path = zeroblob(9) WHERE id = {item}"),
    ("an empty path", "UPDATE items SET path = '' WHERE id = {item}"),
    ("an unknown kind of item", "UPDATE items SET modality = 'smell' WHERE id = {item}"),
    ("a size of text", "UPDATE items SET size = 'x' WHERE id = {item}"),
    ("a hash of text", "UPDATE items SET content_hash = 'x' WHERE id = {item}"),
    ("what was extracted, broken", "UPDATE items SET extracted = '{{' WHERE id = {item}"),
    ("a vector of letters", "UPDATE segments SET vector = CAST(vector AS TEXT) WHERE id = {id}"),
    ("an item that is gone", "PRAGMA foreign_keys = OFF; DELETE FROM items WHERE id = {item}"),
    ("no words", "DELETE FROM words_data"),
    ("words of nobody", "DELETE FROM words_content WHERE id = {item}"),
    ("broken words", "UPDATE words_data SET block = x'00' WHERE id > 1"),
    ("no space", "DELETE FROM meta WHERE key = 'space'"),
    ("a broken space", "UPDATE meta SET value = '{{' WHERE key = 'space'"),
    ("a space of another kind", "UPDATE meta SET value = '[]' WHERE key = 'space'"),
    ("no encoder", "DELETE FROM meta WHERE key = 'encoder'"),
    ("no meta", "DELETE FROM meta"),
    ("no counters", "DELETE FROM counters"),
    ("counters of text", "UPDATE counters SET changes = 'x', removals = 'y'"),
    ("no modalities", "DELETE FROM segment_modalities"),
    ("unknown modalities", "INSERT INTO segment_modalities VALUES ('smell')"),
    ("no fields", "DELETE FROM fields"),
    ("a newer version", "PRAGMA user_version = 99"),
    ("another application", "PRAGMA application_id = 1"),
    ("a re-embedding that never was", "INSERT INTO next_segments (item_id, ordinal, vector) "
     "VALUES (1, 0, x'00')"),
    ("a text of passage, broken", "UPDATE passages SET text = x'ff', details = '{{'"),
)  # fmt: skip


def damage_rows(place: Path, rng: random.Random, number: int) -> str:
    """Damage a row of a collection by SQL; says how."""
    name, statement = ROWS[number % len(ROWS)]
    deep = '{"a":' + "[" * 5000 + "]" * 5000 + "}"
    with closing(sqlite3.connect(place / "c.sensorium")) as db:
        ids = [row for (row,) in db.execute("SELECT id FROM segments")]
        items = [row for (row,) in db.execute("SELECT id FROM items")]
        chosen = {"id": rng.choice(ids), "item": rng.choice(items), "deep": deep}
        try:
            db.executescript(statement.format(**chosen))
            db.commit()
        except sqlite3.Error as error:
            return f"{name}, which SQLite refuses ({error})"
    return f"{name}, segment {chosen['id']}, item {chosen['item']}"
