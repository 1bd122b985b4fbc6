"""A clinic's archive (PACS) from the dock: clips are found there and fetched, and what was made of them goes back."""
