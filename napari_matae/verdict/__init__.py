"""Before and after a retraining: one table, one plot, pictures."""
