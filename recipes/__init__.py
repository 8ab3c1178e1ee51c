"""Recipes: programs that build what the package ships."""
