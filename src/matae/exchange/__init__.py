"""Training data out and in."""
