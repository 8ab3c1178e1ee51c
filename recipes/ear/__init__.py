"""`ear`: the shipped encoder of recordings, made of aiSFX's weights."""
