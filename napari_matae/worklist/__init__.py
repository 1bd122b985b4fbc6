"""The clips of a study as a table: found, filtered, opened where one left off, and segmented in the background."""
