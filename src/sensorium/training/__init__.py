"""Training on your own data: encoders, classifiers, fusion, hash codes, text from pictures."""
