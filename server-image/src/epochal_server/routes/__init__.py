"""The HTTP routes of a server."""
