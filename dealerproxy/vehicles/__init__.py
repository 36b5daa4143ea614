"""The normalised car: listings in won from upstreams, summaries in US dollars for clients."""
