"""The cache of entries that were read from sites, in memory and in Redis; concurrent requests share one load."""
