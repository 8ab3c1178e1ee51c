"""Ways to answer a question, and what an answer is."""
