"""Encar: its query language, search rows, adverts, papers and client."""
