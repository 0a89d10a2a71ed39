"""Formats objects of the cluster as text for users. These modules send no requests."""
