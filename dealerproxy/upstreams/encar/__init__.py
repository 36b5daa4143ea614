"""Encar: its query language, its search rows, its client."""
