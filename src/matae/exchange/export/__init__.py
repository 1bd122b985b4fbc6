"""Planning an export, showing what leaves, de-identifying and writing it."""
