"""Captured upstream pages: kept when something breaks, without what is personal, and replayed in tests and by hand."""
