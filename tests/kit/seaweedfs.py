"""A second S3 server, SeaweedFS: nothing may depend on MinIO being the server."""

import base64
import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from epochal_operator.web.certificates import Bundle, renew, service_names
from minio import Minio

from tests.kit.kubectl import Object, apply, kubectl

CLUSTER = Path(__file__).parents[1] / "cluster"
NAME = "seaweedfs"
HTTP, HTTPS = 8333, 8334
ROOT = ("seaweedfs-root", "seaweedfs-root-secret")
USER = ("seaweedfs-user", "seaweedfs-user-secret")
READER = ("seaweedfs-reader", "seaweedfs-reader-secret")


@dataclass(frozen=True)
class SeaweedFS:
    """A server that runs in a namespace, with plain HTTP and with TLS at once.

    Args:
        namespace: The namespace.
        tls: Its certificate, and the private authority that signed it.
    """

    namespace: str
    tls: Bundle

    @property
    def endpoint(self) -> str:
        """Its address for plain HTTP."""
        return f"http://{NAME}.{self.namespace}.svc:{HTTP}"

    @property
    def tls_endpoint(self) -> str:
        """Its address for TLS."""
        return f"https://{NAME}.{self.namespace}.svc:{HTTPS}"

    def client(self) -> Minio:
        """Returns a client with all rights."""
        return Minio(f"{NAME}.{self.namespace}.svc:{HTTP}", *ROOT, secure=False)


def start(namespace: str) -> SeaweedFS:
    """Starts a server in a namespace, empty, and waits until it serves."""
    server = SeaweedFS(namespace, renew(None, service_names(f"{NAME}.{namespace}.svc"), datetime.now(UTC)))
    apply(*_manifests(_image(), server.tls), namespace=namespace)
    kubectl("wait", "--for=condition=Ready", f"pod/{NAME}", "--namespace", namespace, "--timeout=60s")
    return server


def _image() -> str:
    command = [sys.executable, str(CLUSTER), "program-image", "weed"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def _identity(keys: tuple[str, str], *actions: str) -> Object:
    access_key, secret_key = keys
    credentials = {"accessKey": access_key, "secretKey": secret_key}
    return {"name": access_key, "credentials": [credentials], "actions": actions}


def _manifests(image: str, tls: Bundle) -> list[Object]:
    identities = [
        _identity(ROOT, "Admin", "Read", "List", "Tagging", "Write"),
        _identity(USER, "Read", "List", "Tagging", "Write"),
        _identity(READER, "Read", "List"),
    ]
    files = {"s3.json": json.dumps({"identities": identities}).encode(), "tls.crt": tls.certificate, "tls.key": tls.key}
    ports = {"http": HTTP, "https": HTTPS}
    container = {
        "name": NAME,
        "image": image,
        "args": [
            "server",
            "-dir=/data",
            "-ip=127.0.0.1",
            "-ip.bind=0.0.0.0",
            "-master.volumeSizeLimitMB=64",
            "-master.electionTimeout=1s",
            "-volume.max=0",
            "-volume.preStopSeconds=0",
            "-s3",
            "-s3.config=/etc/seaweedfs/s3.json",
            f"-s3.port={HTTP}",
            f"-s3.port.https={HTTPS}",
            "-s3.cert.file=/etc/seaweedfs/tls.crt",
            "-s3.key.file=/etc/seaweedfs/tls.key",
        ],
        "ports": [{"name": name, "containerPort": port} for name, port in ports.items()],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/seaweedfs", "readOnly": True},
            {"name": "data", "mountPath": "/data"},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }
    user = 65532
    pod = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": user,
            "fsGroup": user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [
            {"name": "config", "secret": {"secretName": NAME}},
            {"name": "data", "emptyDir": {}},
            {"name": "tmp", "emptyDir": {}},
        ],
    }
    metadata = {"name": NAME, "labels": {"app": NAME}}
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata,
            "data": {name: base64.b64encode(content).decode() for name, content in files.items()},
        },
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {
                "selector": {"app": NAME},
                "ports": [{"name": name, "port": port, "targetPort": name} for name, port in ports.items()],
            },
        },
    ]
