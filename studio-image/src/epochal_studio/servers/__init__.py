"""The models that ModelServers serve: their descriptions, predictions, and numbers of requests."""
