"""What the server answers over HTTP, beside the dialects of other programs."""
