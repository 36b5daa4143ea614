"""Replaces personal data in a page before it is written to disk."""
