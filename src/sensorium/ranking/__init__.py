"""From what a search has near, or has read, to scored items: the one place that makes scores."""
