"""The normalised car everybody speaks: listings in won from upstreams, summaries in dollars for clients."""
