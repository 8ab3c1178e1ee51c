"""What pictures are made of: a file for each format and each step to upright RGB."""
