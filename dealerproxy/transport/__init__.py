"""How bytes are fetched: one HTTP leaf per upstream with limits, retries, circuits and typed errors."""
