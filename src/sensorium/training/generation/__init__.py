"""Models that write: captions of pictures, and texts in other words."""
