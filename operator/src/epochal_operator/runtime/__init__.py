"""The runtime that all kinds share: informers, work queues and API server requests. It depends on no kind."""
