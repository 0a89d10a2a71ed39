"""A second S3 server, the Versity S3 Gateway: nothing may depend on MinIO being the server."""

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
NAME = "versitygw"
HTTP, HTTPS = 8333, 8334
ROOT = ("versitygw-root", "versitygw-root-secret")
USER = ("versitygw-user", "versitygw-user-secret")
READER = ("versitygw-reader", "versitygw-reader-secret")


@dataclass(frozen=True)
class VersityGW:
    """A server that runs in a namespace, with plain HTTP and with TLS at once.

    Args:
        tls: Its certificate, and the private authority that signed it.
    """

    namespace: str
    tls: Bundle

    @property
    def endpoint(self) -> str:
        return f"http://{NAME}.{self.namespace}.svc:{HTTP}"

    @property
    def tls_endpoint(self) -> str:
        return f"https://{NAME}.{self.namespace}.svc:{HTTPS}"

    def client(self) -> Minio:
        return Minio(f"{NAME}.{self.namespace}.svc:{HTTP}", *ROOT, secure=False)

    def make_bucket(self, bucket: str) -> None:
        """Creates a bucket that the user may read and write, and the reader may read."""
        client = self.client()
        client.make_bucket(bucket)
        client.set_bucket_policy(bucket, json.dumps(policy(bucket)))


def policy(bucket: str) -> Object:
    """Returns the bucket policy for the user and the reader."""
    arns = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    reads = ["s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket"]
    allowed = {USER[0]: ["s3:*"], READER[0]: reads}
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": [who]}, "Action": actions, "Resource": arns}
            for who, actions in allowed.items()
        ],
    }


def start(namespace: str) -> VersityGW:
    """Starts a server in a namespace, empty, and waits until it serves."""
    server = VersityGW(namespace, renew(None, service_names(f"{NAME}.{namespace}.svc"), datetime.now(UTC)))
    apply(*_manifests(_image(), server.tls), namespace=namespace)
    kubectl("wait", "--for=condition=Ready", f"pod/{NAME}", "--namespace", namespace, "--timeout=60s")
    return server


def _image() -> str:
    command = [sys.executable, str(CLUSTER), "program-image", "versitygw"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def users() -> Object:
    accounts = {access: {"access": access, "secret": secret, "role": "user"} for access, secret in (USER, READER)}
    return {"accessAccounts": accounts}


def _container(image: str, scheme: str, port: int, *arguments: str) -> Object:
    """Returns the container for plain HTTP or for TLS; both share the folder with the buckets."""
    return {
        "name": scheme.lower(),
        "image": image,
        "args": [f"--port=:{port}", "--iam-dir=/etc/versitygw", "--health=/healthz", *arguments, "posix", "/data"],
        "env": [
            {"name": "ROOT_ACCESS_KEY", "value": ROOT[0]},
            {"name": "ROOT_SECRET_KEY", "value": ROOT[1]},
        ],
        "ports": [{"name": scheme.lower(), "containerPort": port}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": port, "scheme": scheme}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/versitygw", "readOnly": True},
            {"name": "data", "mountPath": "/data"},
        ],
    }


def _manifests(image: str, tls: Bundle) -> list[Object]:
    files = {"users.json": json.dumps(users()).encode(), "tls.crt": tls.certificate, "tls.key": tls.key}
    certificate = ("--cert=/etc/versitygw/tls.crt", "--key=/etc/versitygw/tls.key")
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
        "containers": [_container(image, "HTTP", HTTP), _container(image, "HTTPS", HTTPS, *certificate)],
        "volumes": [{"name": "config", "secret": {"secretName": NAME}}, {"name": "data", "emptyDir": {}}],
    }
    ports = {"http": HTTP, "https": HTTPS}
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
