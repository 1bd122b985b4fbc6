"""Training data: export, import, releases."""
