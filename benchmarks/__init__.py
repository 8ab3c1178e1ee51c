"""Benchmarks of Sensorium, and the data sets they need.

    python -m benchmarks fetch [SET ...]                     bring the data sets into the cache
    python -m benchmarks NAME [--quick] [--json FILE]        measure; `--help` lists the names

Every benchmark prints a table; `--json` writes its rows, ours and each rival's alike. `--quick`
ends within 5 minutes on 2 cores. The programs need `pip install -e '.[bench]'` and run from
a clone of the repository.
"""
