"""The HTTP servers of the operator: TLS with its certificate, health and metrics, and authentication of pods."""
