"""A server over collections: HTTP, a page to look at, and tools for language models."""
