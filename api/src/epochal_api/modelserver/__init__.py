"""The ModelServer: its spec, its status, and the configuration of its pods."""
