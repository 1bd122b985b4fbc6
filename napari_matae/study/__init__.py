"""The study that is open: stored, restored, watched, and where two people differ."""
