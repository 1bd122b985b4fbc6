"""Readings of the open clip by several raters: what is hidden, how far they agree, and which of them counts."""
