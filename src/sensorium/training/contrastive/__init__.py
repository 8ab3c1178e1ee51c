"""Dual encoders of pictures and texts, trained by contrasting what belongs together."""
