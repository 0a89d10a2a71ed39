"""The identity of the installed operator, and the settings with which it builds objects on the local cluster."""

from epochal_operator.pods.installation import Installation

from tests.kit import operator

OPERATOR = f"--as=system:serviceaccount:{operator.NAMESPACE}:epochal"
"""Option of kubectl that impersonates the operator."""
INSTALLATION = Installation(
    trainer_image="localhost/epochal-trainer:dev",
    server_image="localhost/epochal-server:dev",
    storage_endpoint="http://minio.minio.svc:9000",
    scratch_limit="1Gi",
    tmp_limit="1Gi",
    progress_url=operator.PROGRESS,
    progress_ca="none",
    server_network={"ingress": [{"ports": [{"port": 8080, "protocol": "TCP"}]}]},
)
