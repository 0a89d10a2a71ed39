"""Checks each request (host, origin, size, session), and adds security headers to each answer."""
