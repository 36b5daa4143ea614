"""What was read from a site, with its age, in memory and in Redis; concurrent requests share one load."""
