"""The models there are, and the one in use."""
