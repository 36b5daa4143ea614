"""Captured upstream pages: kept when something breaks, scrubbed of personal data, and replayed in tests and by hand."""
