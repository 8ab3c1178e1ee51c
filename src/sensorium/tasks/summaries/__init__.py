"""Ways to summarize a text, and what a summary is."""
