"""Runs: what dealers list is discovered, visited and saved as rows; no image is touched."""
