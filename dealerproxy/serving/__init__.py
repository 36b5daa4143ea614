"""Sockets, workers, and the commands that serve."""
