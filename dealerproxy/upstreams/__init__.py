"""The upstream sites: for each, a pure parser and a client that does the I/O."""
