"""The recipe that builds the text-image space `mini`: `python -m recipes.mini`."""
