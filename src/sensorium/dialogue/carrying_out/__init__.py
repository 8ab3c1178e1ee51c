"""A plan into calls of tools, and what came of them."""
