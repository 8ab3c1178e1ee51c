"""One model over all columns of a table: pictures, texts, sounds, numbers, categories."""
