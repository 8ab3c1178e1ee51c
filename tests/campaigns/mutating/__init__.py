"""The campaign of mutants, in the order of its way: seeds, mutators, runs, verdicts."""
