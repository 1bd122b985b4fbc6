"""The study: one database of what people drew, and everything about it."""
