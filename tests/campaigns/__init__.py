"""Attacks on Sensorium with files, stores, disks and servers that are damaged or made to do harm.

`python -m tests.campaigns` runs them all (hours), `python -m tests.campaigns mutants --count 200`
a piece of one. They are seeded: the same seed and number make the same attack. Seeds are valid
files and stores that the attacks make themselves; nothing that breaks a library is kept.
"""
