"""Classifiers for a task of one's own, from class names alone to an encoder that is tuned."""
