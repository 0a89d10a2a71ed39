"""The connections of clients: TLS, the fast path, and aiohttp for all other requests."""
