"""Address, credentials and namespace of a cluster, from a kubeconfig, or from the pod in which the command runs."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from os import pathsep
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from epochal.client.failures import shortened
from epochal.environment import Environment
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

KUBECONFIG, CONTEXT, NAMESPACE = "KUBECONFIG", "EPOCHAL_CONTEXT", "EPOCHAL_NAMESPACE"
"""Environment variables that choose the cluster. --kubeconfig, --context and --namespace set them for one command."""
_POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class Login(NamedTuple):
    """The result of `log_in`: an API client with address and credentials, and the default namespace."""

    api: "ApiClient"
    namespace: str


def log_in(environment: Environment, context: str | None = None) -> Login:
    """Return an API client and the default namespace, without a request to the API server.

    A kubeconfig may run a program (exec plugin) to get credentials.

    Args:
        environment: Variables, and the folder of relative paths.
        context: Context of the kubeconfig. Default: $EPOCHAL_CONTEXT, or the current one.

    Raises:
        EpochalError: If there is no usable configuration.
    """
    from kubernetes.client import ApiClient, Configuration  # noqa: PLC0415 - half of the time of a command
    from kubernetes.config import ConfigException  # noqa: PLC0415
    from yaml import YAMLError  # noqa: PLC0415

    files = kubeconfig_files(environment)
    context = context or environment.variables.get(CONTEXT) or None
    configuration = Configuration()
    configuration.keep_alive = True
    with _errors() as errors:
        try:
            namespace = _configure(environment, files, context, configuration)
        except (ConfigException, OSError, ValueError, TypeError, KeyError, AttributeError, YAMLError) as error:
            raise _unusable(" ".join(str(error).split()) or type(error).__name__) from error
    if errors:
        raise _unusable("; ".join(errors))
    return Login(ApiClient(configuration), namespace or "default")


def kubeconfig_files(environment: Environment) -> list[Path]:
    """Return the kubeconfig files that exist: those in $KUBECONFIG, or ~/.kube/config."""
    return [path for path in _paths(environment) if path.is_file()]


def _paths(environment: Environment) -> list[Path]:
    variables = environment.variables
    if named := [part for part in variables.get(KUBECONFIG, "").split(pathsep) if part]:
        return [environment.folder / Path(part).expanduser() for part in named]
    home = variables.get("HOME") or variables.get("USERPROFILE")
    return [Path(home) / ".kube" / "config"] if home else []


def _configure(environment: Environment, files: list[Path], context: str | None, configuration: object) -> str:
    """Set address and credentials in a Configuration of the package kubernetes; return the namespace, "" if unset."""
    from kubernetes.config import ConfigException, load_incluster_config  # noqa: PLC0415
    from kubernetes.config.kube_config import KubeConfigLoader, KubeConfigMerger  # noqa: PLC0415

    if files:
        merged = KubeConfigMerger(pathsep.join(map(str, files))).config
        # `load_kube_config` does the same, but the namespace would need to read the files once more.
        loader = KubeConfigLoader(config_dict=merged, active_context=context, config_base_path=None)
        loader.load_and_set(configuration)
        return str(loader.current_context["context"].get("namespace") or "")
    if context is None and "KUBERNETES_SERVICE_HOST" in environment.variables:
        load_incluster_config(client_configuration=configuration)
        return _POD_NAMESPACE.read_text().strip() if _POD_NAMESPACE.exists() else ""
    missing = " or ".join(map(str, _paths(environment))) or "~/.kube/config"
    raise ConfigException(f"there is no kubeconfig file {missing}")


@contextmanager
def _errors() -> Iterator[list[str]]:
    """Yield a list that collects errors which the package kubernetes logs but does not raise (exec plugins)."""
    messages: list[str] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield messages
    finally:
        root.removeHandler(handler)


def _unusable(cause: str) -> EpochalError:
    return EpochalError(
        f"no usable configuration of a cluster: {shortened(cause)}",
        "Name a kubeconfig with --kubeconfig or $KUBECONFIG, and one of its contexts with --context. "
        "`kubectl config get-contexts` prints them.",
        exit_code=ExitCode.NO_CONNECTION,
    )
