"""Builds the documents into a site: `python -m scripts.site`."""
