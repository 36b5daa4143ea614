"""The upstream sites: for each its pure parsing, and a client that does the I/O."""
