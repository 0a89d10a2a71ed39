"""The kind ModelServer: its model, its Deployment and other owned objects, its status, Events and metrics."""
