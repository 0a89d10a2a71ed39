"""The model: its runtimes, the batching of requests, and the check of its inputs."""
