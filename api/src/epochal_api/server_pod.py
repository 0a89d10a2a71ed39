"""Where in the pod of a ModelServer its server finds what the operator puts there, and where it is found itself.

Nothing is imported for it: a server listens before it has read anything else.
"""

SERVER_ANNOTATION = "epochal.dev/server"
"""Annotation of the pod with its server_config.ServerConfig: JSON, mounted as SERVER_FILE."""
SERVER_FILE = "/etc/epochal/server.json"
MODEL_FOLDER = "/model"
"""An emptyDir: where the init container leaves the model that it converted, and the server what it fetched."""
AUTH_FOLDER = "/etc/epochal-auth"
"""The Secret of spec.auth: each of its values of at least 16 characters is a bearer key."""
TLS_FOLDER = "/etc/epochal-tls"
"""The Secret of spec.tls: tls.crt and tls.key."""

HTTP_PORT = 8080
"""All protocols, and health."""
METRICS_PORT = 9090
"""/metrics and MODEL_PATH, which ask for no key."""
MODEL_PATH = "/model"
"""What the model takes and gives, for the operator: JSON with inputs and outputs, each with name, shape and dtype, and
with the digest of its signature, see signature.Signature.digest."""

GRACE_SECONDS = 30
"""Time that a server has to answer what it has accepted, once it is told to end."""
STAY_SECONDS = 5.0
"""How long a server that is told to end goes on accepting: until all who send requests know that it is to get none."""
WAIT_SECONDS = 120
"""How long a server waits for its storage before it ends and says so in its last words."""
