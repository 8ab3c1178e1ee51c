"""What a user brings: files, tables, examples, questions."""
