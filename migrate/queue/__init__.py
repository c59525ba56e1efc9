"""Claims, leases and results: the queue in the database as the program sees it; no image bytes."""
