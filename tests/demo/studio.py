"""`make demo-studio`: prepares an empty namespace and a user who may edit it, and says how to sign in."""

import sys
import tempfile
from pathlib import Path

from rich.console import Console

from tests.demo.mnist import files
from tests.kit.buckets import ENDPOINT, SECRET, connect, credentials, fill
from tests.kit.jobs import DIGITS, digits_file
from tests.kit.kubectl import Object, apply, kubectl

NAMESPACE = "studio"
USER = "ada"
DATA, RESULTS = "mnist-data", "mnist-results"
"""Buckets of the template `mnist`, which trains a network for photographs of digits."""
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


def prepare(mnist: Path) -> None:
    """Create the user, and upload the data of the templates `mnist` and `digits`.

    Args:
        mnist: Folder of the files of MNIST.
    """
    apply(*user())
    fill(connect(), DATA, files(mnist))
    with tempfile.TemporaryDirectory() as folder:
        fill(connect(), DIGITS["spec"]["data"]["bucket"], [digits_file(Path(folder))])


def main() -> int:
    """Print how to sign in to Studio, and the way there from an empty namespace to the answer of a model."""
    console = Console(highlight=False)
    prepare(Path(sys.argv[1]))
    access_key, secret_key = credentials()
    token = kubectl(*TOKEN).strip()
    console.print(
        f"The user {USER} may edit the namespace {NAMESPACE}. Studio has the rights of the user who signs in.\n\n"
        f"$ kubectl {' '.join(TOKEN)}\n{token}\n\n"
        f"1. Sign in with this token on the page of Studio, below, and enter the namespace {NAMESPACE}.\n"
        f"2. Storage: connect {ENDPOINT}, with the access key {access_key}, the secret key {secret_key}, and\n"
        f"   {SECRET} as the name of the Secret. Choose to create two buckets: {DATA} and {RESULTS}.\n"
        "3. New run: choose the template mnist, whose data are in the storage, and Start. For a shorter training, set\n"
        "   fewer epochs in the step Training. The Modeler opens the template, too, to draw another network.\n"
        "4. Watch the curves and the log on the page of the run. When it is Complete, choose Deploy.\n"
        "5. As soon as the server is Ready, choose Try the model: draw a digit, or drop a photograph of one.\n\n"
        "The template digits trains in seconds. Its model takes numbers, and no drawings.\n",
        soft_wrap=True,
        markup=False,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
