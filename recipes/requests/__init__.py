"""The recipe that learns what requests mean: `python -m recipes.requests`."""
