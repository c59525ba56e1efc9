"""Looking after the copies that are there: verify, prune, recheck, exclusions."""
