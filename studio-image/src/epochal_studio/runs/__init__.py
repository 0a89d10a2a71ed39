"""Decisions about runs: pure functions from objects of the API server to the JSON of the pages."""
