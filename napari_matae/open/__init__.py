"""Choosing a clip: the panel, what a folder holds, what a file leaves unsaid."""
