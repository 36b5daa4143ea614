"""How bytes are fetched: deadlines, one polite HTTP leaf per upstream, typed trouble, a chunk cache."""
