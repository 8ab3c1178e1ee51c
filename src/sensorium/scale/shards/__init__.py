"""Search by several processes: each holds a part of a collection, one asks them all."""
