"""Fetching bytes: one HTTP leaf per upstream host with limits, retries, circuits and typed errors."""
