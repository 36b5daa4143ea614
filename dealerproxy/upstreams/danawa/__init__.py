"""Danawa: its addresses, list pages, names and feeder."""
