"""Migrations of the study database."""
