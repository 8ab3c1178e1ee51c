"""Where writing in pictures stands, and in which order it is read."""
