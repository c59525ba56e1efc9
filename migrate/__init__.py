"""Rows to copies: images move into our own bucket; knows nothing of how pages are read."""
