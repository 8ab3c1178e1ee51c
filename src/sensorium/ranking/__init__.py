"""From the scores of one or more searches to one ranking."""
