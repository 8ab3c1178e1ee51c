"""What trained models do for a user: media and texts in, labels and texts out."""
