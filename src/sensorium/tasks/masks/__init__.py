"""Ways to tell the pixels of things, and what masks are."""
