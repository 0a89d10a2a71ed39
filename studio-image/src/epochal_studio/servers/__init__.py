"""The models that ModelServers serve: their description, their predictions and their requests so far."""
