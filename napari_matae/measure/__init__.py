"""Volumes and ejection fraction: the panel, its numbers, plots and report."""
