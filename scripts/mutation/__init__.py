"""What `scripts/mutate.py` is made of: the changes, and their trial."""
