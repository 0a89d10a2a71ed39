"""The storages that Studio connects to, and their keys."""
