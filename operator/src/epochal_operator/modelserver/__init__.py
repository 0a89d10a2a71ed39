"""The kind ModelServer: its model, its Deployment and what else it owns, its status, its Events and its series."""
