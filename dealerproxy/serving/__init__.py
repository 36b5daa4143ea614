"""Sockets, worker processes, and the commands that run the service."""
