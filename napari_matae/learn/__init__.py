"""Retraining and its runs, the models panel, forgetting a patient."""
