"""Access to the API server: requests, pages of lists, and reading within bounds."""
