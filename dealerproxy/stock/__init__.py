"""A site's listings read whole: how they are stored, when they are read, and how they answer a query."""
