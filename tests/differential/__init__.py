"""Valid files of every kind, compared with what independent readers make of them."""
