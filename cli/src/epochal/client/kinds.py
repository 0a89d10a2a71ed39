"""The kinds of objects that the command reads and writes, and their paths at the API server."""

import re
from typing import NamedTuple
from urllib.parse import quote

from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode

_NAME = re.compile(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")


class Kind(NamedTuple):
    """A kind of Kubernetes objects.

    Args:
        group: API group; "" for the core group.
        version: Version of the group.
        plural: The name of the kind in URL paths, such as trainingjobs.
        name: The name of the kind in objects, such as TrainingJob.
        namespaced: Whether each object belongs to a namespace.
    """

    group: str
    version: str
    plural: str
    name: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """The `apiVersion` of objects of this kind, such as epochal.dev/v1alpha1."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def url_path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the URL path of an object; without `name`, of all objects in a namespace or the cluster.

        Raises:
            EpochalError: If a name is invalid. Its slashes or dots could change the path.
        """
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"
        parts = ["namespaces", checked_name("namespace", namespace)] if self.namespaced and namespace else []
        parts += [self.plural]
        parts += [checked_name(self.name, name)] if name else []
        parts += [quote(subresource, safe="")] if subresource else []
        return "/".join([root, *parts])


def is_name(name: str) -> bool:
    """Return whether a text is a valid name of a Kubernetes object: a-z, 0-9, - and . only."""
    return _NAME.fullmatch(name) is not None


def checked_name(what: str, name: str) -> str:
    """Return `name` unchanged if it is a valid name of a Kubernetes object.

    Args:
        what: The kind or field that has the name, for the message.
        name: The name, as the user wrote it.

    Raises:
        EpochalError: If the name is invalid.
    """
    if not is_name(name):
        raise EpochalError(
            f"{name[:253]!r} is no name of a {what}: a name has a-z, 0-9, - and . only, and at most 253 characters.",
            "`epochal list` prints the names.",
            exit_code=ExitCode.USAGE,
        )
    return name


TRAINING_JOBS = Kind("epochal.dev", "v1alpha1", "trainingjobs", "TrainingJob")
EXPERIMENTS = Kind("epochal.dev", "v1alpha1", "experiments", "Experiment")
EXPERIMENT_LEDGERS = Kind("epochal.dev", "v1alpha1", "experimentledgers", "ExperimentLedger")
MODEL_SERVERS = Kind("epochal.dev", "v1alpha1", "modelservers", "ModelServer")

CONFIG_MAPS = Kind("", "v1", "configmaps", "ConfigMap")
NAMESPACES = Kind("", "v1", "namespaces", "Namespace", namespaced=False)
NODES = Kind("", "v1", "nodes", "Node", namespaced=False)
PODS = Kind("", "v1", "pods", "Pod")
RESOURCE_QUOTAS = Kind("", "v1", "resourcequotas", "ResourceQuota")
SECRETS = Kind("", "v1", "secrets", "Secret")
SERVICES = Kind("", "v1", "services", "Service")
CRDS = Kind("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False)
DEPLOYMENTS = Kind("apps", "v1", "deployments", "Deployment")
JOBS = Kind("batch", "v1", "jobs", "Job")
EVENTS = Kind("events.k8s.io", "v1", "events", "Event")
NETWORK_POLICIES = Kind("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
ACCESS_REVIEWS = Kind(
    "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False
)
SELF_REVIEWS = Kind("authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", namespaced=False)
CLUSTER_QUEUES = Kind("kueue.x-k8s.io", "v1beta1", "clusterqueues", "ClusterQueue", namespaced=False)
LOCAL_QUEUES = Kind("kueue.x-k8s.io", "v1beta1", "localqueues", "LocalQueue")

EPOCHAL_KINDS = (TRAINING_JOBS, EXPERIMENTS, MODEL_SERVERS)
