"""The command `scrape`."""
