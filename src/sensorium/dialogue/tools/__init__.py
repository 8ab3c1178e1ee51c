"""The tools of a dialogue: what may be asked of a collection, with checked arguments."""
