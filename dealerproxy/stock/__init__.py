"""A site's listings read whole: what is kept of them, when they are read, and how a query is answered from them."""
