"""The recipe that builds the lexicon of English and Chinese words: `python -m recipes.lexicon`."""
