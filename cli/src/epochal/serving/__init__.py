"""ModelServers: their manifests, and requests to them through the API server."""
