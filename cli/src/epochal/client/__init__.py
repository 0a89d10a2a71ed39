"""Clients of the Kubernetes cluster and of S3 buckets, with the rights of the user."""

from typing import TYPE_CHECKING

from epochal.environment import Environment

if TYPE_CHECKING:
    from epochal.client.cluster import Cluster


def connect(environment: Environment, *, context: str | None = None, namespace: str | None = None) -> "Cluster":
    """Return a client of the cluster, without a request to the API server yet.

    Args:
        environment: Variables ($KUBECONFIG, $EPOCHAL_CONTEXT, $EPOCHAL_NAMESPACE), the folder of relative paths, and
            the stream for warnings.
        context: Context of the kubeconfig. Default: $EPOCHAL_CONTEXT, or the current one.
        namespace: Namespace of requests that name no namespace. Default: $EPOCHAL_NAMESPACE, or that of the context.

    Raises:
        EpochalError: If there is no usable configuration.
    """
    from epochal.client.cluster import Cluster  # noqa: PLC0415 - a command that needs no cluster imports none of it
    from epochal.client.configuration import NAMESPACE, log_in  # noqa: PLC0415
    from epochal.client.transport import Transport  # noqa: PLC0415

    login = log_in(environment, context)
    chosen = namespace or environment.variables.get(NAMESPACE) or login.namespace
    return Cluster(Transport(login.api, environment), chosen, environment)
