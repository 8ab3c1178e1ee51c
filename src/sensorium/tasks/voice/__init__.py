"""What a voice needs to know of a text: sentences, words for numbers and signs, and sounds."""
