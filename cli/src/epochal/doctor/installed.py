"""Checks of the API server, of the kinds (CRDs) of Epochal, and of the operator."""

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from epochal_api.crd import schema
from epochal_api.experiment.spec import Experiment
from epochal_api.kind import API_VERSION, KubernetesObject
from epochal_api.modelserver.spec import ModelServer
from epochal_api.text import printable
from epochal_api.trainingjob.spec import TrainingJob

from epochal.client.cluster import Cluster
from epochal.client.failures import NOT_FOUND, ApiError
from epochal.client.kinds import DEPLOYMENTS, EPOCHAL_KINDS, TRAINING_JOBS
from epochal.doctor.finding import Finding, Subject, ok, problem, warning
from epochal.doctor.operator import LABEL, Installation, installation_of
from epochal.errors import EpochalError
from epochal.sentences import listed

MIN_MINOR = 31
"""Minimum minor version of Kubernetes (1.MIN_MINOR), as in the Helm chart."""
_MAX_DEPTH = 12
_MODELS: Sequence[type[KubernetesObject]] = (TrainingJob, Experiment, ModelServer)
_INSTALL = "Install Epochal: helm install epochal charts/epochal --namespace epochal-system --create-namespace"
_UPGRADE = "Upgrade Epochal in the cluster: helm upgrade, with the chart of this version."
DEFAULT_NAMESPACE = "epochal-system"
"""Namespace of the operator in the documentation: searched if the user may not list Deployments of all namespaces."""


def check_api_server(subject: Subject) -> Sequence[Finding]:
    """Return the findings on whether the API server answers, accepts the credentials, and has a supported version."""
    cluster = subject.cluster
    found = cluster.read("/version")
    name = printable(str(found.get("gitVersion"))[:64])
    # Anyone may read the version: only another request shows whether the credentials are valid.
    cluster.can("get", TRAINING_JOBS)
    major, minor = (str(found.get(key, "")).rstrip("+") for key in ("major", "minor"))
    if major == "1" and minor.isdecimal() and int(minor) < MIN_MINOR:
        return [problem(f"Kubernetes is {name}, and must be at least 1.{MIN_MINOR}", "Upgrade the cluster.")]
    return [ok(f"Kubernetes {name} at {printable(cluster.address)}, namespace {cluster.namespace}")]


def check_kinds(subject: Subject) -> Sequence[Finding]:
    """Return findings about kinds of Epochal that the cluster lacks, and spec fields that cluster or command lacks."""
    try:
        served = subject.cluster.read(f"/apis/{API_VERSION}")
    except ApiError as error:
        if error.status != NOT_FOUND:
            raise
        served = {}
    plurals = {resource.get("name") for resource in served.get("resources") or []}
    if missing := [kind.name for kind in EPOCHAL_KINDS if kind.plural not in plurals]:
        return [problem(f"the cluster has no {', '.join(missing)} of {API_VERSION}", _INSTALL)]
    document = subject.cluster.read(f"/openapi/v3/apis/{API_VERSION}")
    return list(compare_fields((document.get("components") or {}).get("schemas") or {}))


def compare_fields(schemas: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield findings about spec fields that only the cluster's kinds or only the kinds of this command have.

    Args:
        schemas: The schemas in the OpenAPI document of the API server.
    """
    older, newer = list[str](), list[str]()
    for model in _MODELS:
        kind = model.__name__
        suffix = f".{API_VERSION.partition('/')[2]}.{kind}"
        found: Mapping[str, Any] = next((value for name, value in schemas.items() if name.endswith(suffix)), {})
        theirs = set(_fields((found.get("properties") or {}).get("spec") or {}))
        ours = set(_fields(schema(model)["properties"]["spec"]))
        older += (f"{kind}.spec.{name}" for name in sorted(ours - theirs))
        newer += (f"{kind}.spec.{name}" for name in sorted(theirs - ours))
    if older:
        yield warning(
            f"the kinds of the cluster are older than this command: they lack the fields {listed(older)}", _UPGRADE
        )
    if newer:
        yield warning(
            f"the kinds of the cluster are newer than this command, which does not know the fields {listed(newer)}",
            "Install the wheels of the newer version, as in docs/command.md.",
        )
    if not older and not newer:
        yield ok(f"{', '.join(model.__name__ for model in _MODELS)} of {API_VERSION}, with the fields of this version")


def _fields(node: Mapping[str, Any], path: str = "", depth: int = 0) -> Iterator[str]:
    """Yield the paths of all fields in a schema, such as training.epochs, also of fields in list items."""
    if depth > _MAX_DEPTH:
        return
    for name, inner in (node.get("properties") or {}).items():
        yield f"{path}{name}"
        yield from _fields(inner, f"{path}{name}.", depth + 1)
    if isinstance(items := node.get("items"), Mapping):
        yield from _fields(items, path, depth + 1)


def find_installation(cluster: Cluster) -> Installation | None:
    """Return the installation of Epochal whose operator serves the user's namespace, or else any installation.

    The result is None if no installation exists, or the user may not list the Deployment of its operator.
    """
    try:
        deployments = cluster.list(DEPLOYMENTS, selector=LABEL, all_namespaces=True)
    except EpochalError:
        try:
            deployments = cluster.list(DEPLOYMENTS, selector=LABEL, namespace=DEFAULT_NAMESPACE)
        except EpochalError:
            return None
    found = [installation_of(deployment) for deployment in deployments]
    return next((one for one in found if one.serves(cluster.namespace)), found[0] if found else None)


def check_operator(subject: Subject) -> Sequence[Finding]:
    """Return the findings on whether an operator is ready and serves the user's namespace."""
    if subject.installation is None:
        return [_check_reaction(subject.cluster)]
    return list(describe_installation(subject.installation, subject.cluster.namespace, version("epochal")))


def describe_installation(found: Installation, namespace: str, own_version: str) -> Iterator[Finding]:
    """Yield findings: whether an operator is ready, serves a namespace, and has the version of this command."""
    place, _, name = found.name.partition("/")
    if not found.ready:
        yield problem(
            f"the operator {found.name} is not ready",
            f"Read its log: kubectl logs --namespace {place} deployment/{name}",
        )
    elif not found.serves(namespace):
        yield problem(
            f"the operator {found.name} does not serve the namespace {namespace}, only {listed(found.namespaces)}",
            "Add the namespace to the chart's watchNamespaces, or choose a namespace that it serves with --namespace.",
        )
    else:
        yield ok(f"{found.name} {found.version}, {found.ready} ready")
    if found.version and _normal(found.version) != _normal(own_version):
        yield warning(
            f"the operator has the version {printable(found.version)}, and this command {own_version}",
            "Use the same version of both, because fields and reasons may differ.",
        )


def _normal(text: str) -> str:
    """Return a version in the same form for Helm (0.2.0-dev) and Python (0.2.0.dev0), so that both can be compared."""
    return text.removeprefix("v").replace("-dev", ".dev0").partition("+")[0]


def _check_reaction(cluster: Cluster) -> Finding:
    """Return the finding on whether TrainingJobs get a status from an operator whose Deployment is not readable."""
    jobs = cluster.list(TRAINING_JOBS)
    ignored = [job for job in jobs if not job.get("status")]
    if ignored and len(ignored) == len(jobs):
        name = ignored[0]["metadata"].get("name")
        return problem(
            f"no operator was found, and the TrainingJob {name} has no status",
            f"{_INSTALL}. If it is installed, ask its administrator whether it serves {cluster.namespace}.",
        )
    if jobs:
        return ok("an operator writes the status of TrainingJobs; you may not read its Deployment")
    return warning(
        f"no Deployment with the label {LABEL} was found, or you may not read it",
        f"{_INSTALL}. If it is installed, submit a TrainingJob: its status shows whether the operator runs.",
    )
