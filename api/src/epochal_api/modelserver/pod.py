"""Files and ports in the pod of a ModelServer.

This module imports nothing, because a server starts to listen before it loads other modules.
"""

SERVER_ANNOTATION = "epochal.dev/server"
"""Annotation of the pod with its configuration, a config.ServerConfig as JSON: mounted as SERVER_FILE."""
SERVER_FILE = "/etc/epochal/server.json"
MODEL_FOLDER = "/model"
"""An emptyDir for the model that the init container converts, and for files that the server downloads."""
AUTH_FOLDER = "/etc/epochal-auth"
"""Volume with the Secret of spec.auth: each value of at least 16 characters is a bearer key."""
TLS_FOLDER = "/etc/epochal-tls"
"""Volume with the Secret of spec.tls: tls.crt and tls.key."""

HTTP_PORT = 8080
"""Port of all protocols and of the health checks."""
METRICS_PORT = 9090
"""Port of /metrics and METADATA_URL_PATH, which require no key."""
METADATA_URL_PATH = "/model"
"""Path of the model's metadata for the operator: JSON with inputs and outputs, each with name, shape and dtype, and
with the digest of its signature, see signature.Signature.digest."""

GRACE_SECONDS = 30
"""Maximum seconds from SIGTERM until a server ends, with ENDPOINT_REMOVAL_SECONDS and the accepted requests."""
ENDPOINT_REMOVAL_SECONDS = 5.0
"""Seconds for which a terminating server still accepts requests, until all clients have removed it from their
endpoints."""
STORAGE_WAIT_SECONDS = 120
"""Seconds for which a server retries requests to its storage before it exits with a termination message."""
