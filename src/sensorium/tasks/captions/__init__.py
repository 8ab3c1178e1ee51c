"""Ways to say what pictures show, and what they are made of."""
