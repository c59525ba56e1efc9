"""Dealers' pages to rows; knows nothing of the migration of images."""
