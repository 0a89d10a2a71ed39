"""The searcher, which suggests parameters: its requests, its sampler, and its subprocess."""
