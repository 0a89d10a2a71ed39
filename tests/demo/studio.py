"""`make demo-studio`: prepares an empty namespace and a user who may edit it, and says how to sign in."""

import sys
import tempfile
from pathlib import Path

from rich.console import Console

from tests.kit.buckets import ENDPOINT, SECRET, connect, credentials, fill
from tests.kit.jobs import DIGITS, digits_file
from tests.kit.kubectl import Object, apply, kubectl

NAMESPACE = "studio"
USER = "ada"
TOKEN = ("create", "token", USER, "--namespace", NAMESPACE, "--duration=12h")


def user() -> list[Object]:
    """Return the namespace, and in it a ServiceAccount with the role edit."""
    metadata = {"name": USER, "namespace": NAMESPACE}
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
        },
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
            "subjects": [{"kind": "ServiceAccount", **metadata}],
        },
    ]


def prepare() -> None:
    """Create the user, and upload digits for the first training."""
    apply(*user())
    with tempfile.TemporaryDirectory() as folder:
        fill(connect(), DIGITS["spec"]["data"]["bucket"], [digits_file(Path(folder))])


def main() -> int:
    """Print how to sign in to Studio, and a first step there."""
    console = Console(highlight=False)
    prepare()
    access_key, secret_key = credentials()
    data, results = (DIGITS["spec"][part]["bucket"] for part in ("data", "results"))
    token = kubectl(*TOKEN).strip()
    console.print(
        f"The user {USER} may edit the namespace {NAMESPACE}. Studio has the rights of the user who signs in.\n\n"
        f"$ kubectl {' '.join(TOKEN)}\n{token}\n\n"
        f"1. Sign in with this token on the page of Studio, below, and enter the namespace {NAMESPACE}.\n"
        f"2. Connect the storage {ENDPOINT}, with the access key {access_key}, the secret key {secret_key}\n"
        f"   and the Secret {SECRET}. Let Studio create the buckets {data} and {results}.\n"
        f"3. Train a network, and watch it in Studio:\n"
        f"   tests/cluster/run kubectl apply --namespace {NAMESPACE} --filename manifests/examples/digits.yaml\n",
        soft_wrap=True,
        markup=False,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
