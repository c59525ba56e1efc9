"""One run: claiming ahead, scheduling, workers, stopping, counting; it knows no picture."""
