"""What Lance does that one would not expect, and what the store in Lance is built upon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lance
import numpy as np
import pandas
import pyarrow
import pytest
from lance.commit import CommitConflictError
from lance.fragment import write_fragments

WIDTH = 8
SCHEMA = pyarrow.schema(
    [("id", pyarrow.int64()), ("vector", pyarrow.list_(pyarrow.float32(), WIDTH))]
)


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return str(tmp_path / "facts.lance")


def rows(ids: list[int], vectors: Any) -> pyarrow.Table:
    return pyarrow.table({"id": ids, "vector": [list(map(float, v)) for v in vectors]}, SCHEMA)


def scattered(count: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    rng = np.random.default_rng(0)
    return (rng.normal(size=(count, WIDTH)) * rng.uniform(0.1, 9, (count, 1))).astype(np.float32)


def cosines(vectors: Any, query: Any) -> list[int]:
    lengths = np.linalg.norm(vectors, axis=1)
    return np.argsort(-(vectors @ query) / lengths, kind="stable").tolist()  # type: ignore[no-any-return]


def test_merge_insert_takes_a_new_key_twice_and_moves_an_updated_row(uri: str) -> None:
    """Rows are therefore written by the key that the mirror found to be new."""
    table = lance.write_dataset(rows([1, 2, 3], np.eye(3, WIDTH)), uri)
    new = rows([9, 9, 1], np.eye(3, WIDTH))
    table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all().execute(new)
    assert lance.dataset(uri).to_table()["id"].to_pylist()[:2] == [2, 3]
    assert sorted(lance.dataset(uri).to_table()["id"].to_pylist()) == [1, 2, 3, 9, 9]


def test_without_the_index_a_cosine_index_is_measured_by_l2(uri: str) -> None:
    """The store ranks by products of its own, in every case."""
    vectors = scattered(300)
    table = lance.write_dataset(rows(list(range(300)), vectors), uri)
    table = table.create_index("vector", "IVF_FLAT", metric="cosine", num_partitions=1)
    query = scattered(301)[-1]
    asked = {"column": "vector", "q": query, "k": 5}

    def found(**options: Any) -> list[int]:
        return table.to_table(nearest={**asked, **options})["id"].to_pylist()  # type: ignore[no-any-return]

    by_cosine = cosines(vectors, query)[:5]
    by_length = np.argsort(((vectors - query) ** 2).sum(axis=1)).tolist()[:5]
    assert by_cosine != by_length
    assert found() == by_cosine
    assert found(use_index=False) == by_length
    assert found(use_index=False, metric="cosine") == by_cosine


def test_a_zero_vector_is_in_no_cosine_search_and_filters_come_after(uri: str) -> None:
    """All others are found, however many are asked for; a filter has to be told to come first."""
    vectors = np.concatenate([np.zeros((1, WIDTH)), np.eye(WIDTH)])
    table = lance.write_dataset(rows(list(range(9)), vectors), uri)
    asked = {"column": "vector", "q": np.eye(WIDTH)[0], "k": 9, "metric": "cosine"}
    assert sorted(table.to_table(nearest=asked)["id"].to_pylist()) == list(range(1, 9))
    few = {**asked, "k": 2}
    nearest = table.to_table(nearest=few)["id"].to_pylist()
    told = f"id NOT IN ({nearest[0]}, {nearest[1]})"
    assert table.to_table(nearest=few, filter=told, prefilter=False).num_rows == 0
    assert table.to_table(nearest=few, filter=told, prefilter=True).num_rows == 2


def test_lists_without_a_schema_cannot_be_searched(uri: str) -> None:
    plain = pyarrow.table({"id": [1], "vector": [[0.5] * WIDTH]})
    assert plain.schema.field("vector").type == pyarrow.list_(pyarrow.float64())
    table = lance.write_dataset(plain, uri)
    with pytest.raises(TypeError, match="must be a vector"):
        table.to_table(nearest={"column": "vector", "q": np.ones(WIDTH, np.float32), "k": 1})


def test_texts_of_pandas_are_of_another_type(uri: str) -> None:
    frame = pandas.DataFrame({"text": ["a"]})
    assert pyarrow.Table.from_pandas(frame).schema.field("text").type == pyarrow.large_string()
    lance.write_dataset(pyarrow.table({"text": ["a"]}), uri)
    with pytest.raises((ValueError, OSError), match=r"(?i)schema|type"):
        lance.write_dataset(frame, uri, mode="append")


def test_commits_that_only_add_do_not_conflict(uri: str) -> None:
    """Two new items of one path would both be taken: so every commit replaces one common row."""
    base = lance.write_dataset(rows([0], np.eye(1, WIDTH)), uri)

    def commit(**others: Any) -> None:
        new = write_fragments(rows([7], np.eye(1, WIDTH)), base, schema=SCHEMA, mode="append")
        lance.LanceDataset.commit(
            base, lance.LanceOperation.Update(new_fragments=new, **others),
            read_version=base.version, max_retries=0,
        )  # fmt: skip

    commit()
    commit()
    assert lance.dataset(uri).to_table()["id"].to_pylist() == [0, 7, 7]
    base = lance.dataset(uri)
    (first, *_) = base.get_fragments()
    commit(removed_fragment_ids=[first.fragment_id])
    with pytest.raises((CommitConflictError, OSError), match="onflict"):
        commit(removed_fragment_ids=[first.fragment_id])
    again = write_fragments(rows([1], np.eye(1, WIDTH)), base, schema=SCHEMA, mode="overwrite")
    with pytest.raises((CommitConflictError, OSError), match="onflict"):
        lance.LanceDataset.commit(
            base, lance.LanceOperation.Overwrite(SCHEMA, again), read_version=base.version,
            max_retries=0,
        )  # fmt: skip
