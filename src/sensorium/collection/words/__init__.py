"""Full text: what is a word, in what is stored and in what is asked, and which items have it."""
