"""Ways to find things in pictures, and what boxes and their labels are."""
