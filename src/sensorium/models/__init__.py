"""Torch modules: towers side by side, fusion, hashing heads. Training them is `training`'s work."""
