"""The rules for each request: host, origin, size, session and headers."""
