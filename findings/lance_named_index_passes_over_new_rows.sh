#!/usr/bin/env bash
# A search of Lance that names the index it asks leaves out all rows that were added since.
#
# pylance 14.0.2 compares rows that no index has yet one by one, so that a search finds what was just added; `fast_search=True`
# asks for the index alone. With `index_segments`, which chooses among several indexes of a column, rows outside of it are never
# looked at, whatever `fast_search` says: the nearest row, equal to what is sought, is missing. Compaction gives a segment
# another uuid, too, so that a name is to be resolved anew with every version.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check 'pylance==14.0.2' 'numpy==2.4.6'
cd "$work"
LANCE_LOG=error "$work/env/bin/python" - <<'PYTHON'
import lance
import numpy as np
import pyarrow as pa

WIDTH = 32
rng = np.random.default_rng(0)


def rows(ids, vectors):
    lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.astype(np.float32).reshape(-1)), WIDTH)
    return pa.table({"id": pa.array(ids), "vector": lists})


vectors = rng.normal(size=(2000, WIDTH))
table = lance.write_dataset(rows(range(2000), vectors), "t.lance", max_rows_per_file=500)
table.create_index("vector", "IVF_RQ", name="one", metric="dot", num_partitions=4)
new = 10 * vectors[7:8]
table = lance.write_dataset(rows([9999], new), "t.lance", mode="append")


def uuids():
    return [s.uuid for index in lance.dataset("t.lance").describe_indices() for s in index.segments]


def best(**options):
    found = table.scanner(
        columns=["id", "_distance"], nearest={"column": "vector", "q": new[0].astype(np.float32), "k": 1, "nprobes": 4}, **options
    )
    return found.to_table()["id"].to_pylist()


print("lance", lance.__version__)
print("no index named:               ", plain := best())
print("named, fast_search=False:     ", named := best(index_segments=uuids(), fast_search=False))
before = uuids()
table.optimize.compact_files()
print("the uuid after a compaction:  ", "another" if uuids() != before else "the same")
assert plain == [9999] and named != [9999] and uuids() != before
PYTHON
