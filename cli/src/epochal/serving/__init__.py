"""Writes manifests of ModelServers, and sends requests to ModelServers through the API server's proxy."""
