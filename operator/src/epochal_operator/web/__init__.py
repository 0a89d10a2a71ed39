"""The HTTP servers of the operator: TLS and its certificate, health and metrics, and authentication of pods."""
