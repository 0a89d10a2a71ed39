"""Access to the API server: requests, pages of lists, and a parser with limits for large objects."""
