"""What the process serves: HTTP, TLS and its certificate, health."""
