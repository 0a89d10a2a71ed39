"""The configuration of the operator, from the command line and the environment."""

import argparse
import json
import math
import os
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from epochal_operator.runtime.metrics import label_name

LEVELS = ("debug", "info", "warning", "error")
MAX_METRIC_LABELS = 8
"""Maximum number of metric labels: each series of each object has all of them."""
_LABEL = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set."""
_RESERVED = re.compile(r"^([^/]*\.)?(kubernetes\.io|k8s\.io|epochal\.dev)/|^(controller-uid|job-name)$")
"""Labels by which controllers select pods."""


@dataclass(frozen=True)
class Config:
    """The configuration of the operator.

    Args:
        namespaces: Namespaces that the operator serves; empty for all namespaces.
        trainer_image: Image of trainers whose spec names none.
        server_image: Image of model servers.
        storage_endpoint: S3 service of jobs whose spec names none; None for no default.
        scratch_limit: Size limit of /scratch in a trainer's pod, a quantity.
        tmp_limit: Size limit of /tmp in a trainer's pod, a quantity.
        service: The operator's Service as NAME.NAMESPACE.svc, to which trainers report.
        tls_secret: Secret in the operator's namespace with the certificate of the progress endpoint.
        lease: Lease in the operator's namespace for the leader election.
        metric_labels: Object labels that become labels of their series, Jobs and pods.
        server_network: Ingress and egress of model servers, as in the spec of a NetworkPolicy; None for no policy.
        workers: Objects of one kind in one namespace that are reconciled concurrently.
        status_writes_per_second: Progress reports that this replica may write per second.
        log_level: Minimum level of the logs.
        namespace: Namespace of the operator.
        instance: Unique name of this replica.
        http_port: Port of /metrics, /healthz and /readyz.
        progress_port: Port of the progress endpoint.
    """

    namespaces: tuple[str, ...]
    trainer_image: str
    server_image: str
    storage_endpoint: str | None
    scratch_limit: str
    tmp_limit: str
    service: str
    tls_secret: str
    lease: str
    metric_labels: tuple[str, ...]
    server_network: Mapping[str, Any] | None
    workers: int
    status_writes_per_second: float
    log_level: str
    namespace: str
    instance: str
    http_port: int
    progress_port: int


def read_config(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> Config:
    """Return the configuration from the command line; exit with a message if the command line is invalid.

    Args:
        arguments: The command line without the program name.
        environ: The environment, with POD_NAMESPACE and POD_NAME.
    """
    parser = argparse.ArgumentParser(prog="epochal-operator", description="Reconciles TrainingJobs.")
    add = parser.add_argument
    add("--namespaces", type=_names, default=(), metavar="A,B", help="namespaces to serve (default: all)")
    add("--trainer-image", required=True, metavar="REF", help="image of trainers that name none")
    add("--server-image", required=True, metavar="REF", help="image of servers")
    add("--storage-endpoint", type=_optional, metavar="URL", help="S3 service of jobs that name none")
    add("--scratch-limit", default="256Gi", metavar="QUANTITY", help="most that a trainer's /scratch may hold")
    add("--tmp-limit", default="4Gi", metavar="QUANTITY", help="most that a trainer's /tmp may hold")
    add("--service", default="epochal.epochal-system.svc", metavar="NAME.NAMESPACE.svc", help="the operator's Service")
    add("--tls-secret", default="epochal-tls", metavar="NAME", help="Secret of the progress endpoint's certificate")
    add("--lease", default="epochal", metavar="NAME", help="Lease by which replicas choose a leader")
    add("--metric-labels", type=_labels, default=(), metavar="A,B", help="labels that series, Jobs and pods have, too")
    add("--server-network", type=_rules, metavar="JSON", help="ingress and egress of servers, as in a NetworkPolicy")
    add("--workers", type=_positive, default=4, metavar="N", help="TrainingJobs of a namespace reconciled at once")
    add("--status-writes-per-second", type=_rate, default=50.0, metavar="N", help="progress reports that it writes")
    add("--log-level", choices=LEVELS, default="info", help="least level that is logged")
    add("--http-port", type=int, default=8080, metavar="PORT", help="port of /metrics, /healthz and /readyz")
    add("--progress-port", type=int, default=8443, metavar="PORT", help="port that trainers report to")
    given = vars(parser.parse_args(arguments))
    return Config(
        **given,
        namespace=environ.get("POD_NAMESPACE") or "epochal-system",
        instance=environ.get("POD_NAME") or f"{socket.gethostname()}-{os.getpid()}",
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _labels(text: str) -> tuple[str, ...]:
    labels = tuple(dict.fromkeys(_names(text)))
    if len(labels) > MAX_METRIC_LABELS:
        raise argparse.ArgumentTypeError(f"must be at most {MAX_METRIC_LABELS} labels, found {len(labels)}")
    for label in labels:
        if not _LABEL.fullmatch(label) or _RESERVED.search(label):
            raise argparse.ArgumentTypeError(f"must be labels that are anybody's to give, found {label}")
    names = {label_name(label): label for label in labels}
    for label in labels:
        if (other := names[label_name(label)]) != label:
            called = f"both are called {label_name(label)} in Prometheus"
            raise argparse.ArgumentTypeError(f"must not hold {label} and {other}: {called}")
    return labels


def _rules(text: str) -> Mapping[str, Any]:
    try:
        rules = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be JSON, found {text!r}: {error}") from None
    if not isinstance(rules, dict) or not {"ingress"} <= rules.keys() <= {"ingress", "egress"}:
        raise argparse.ArgumentTypeError(f"must be an object with ingress, and egress or not, found {text}")
    return rules


def _optional(text: str) -> str | None:
    return text or None


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, found {number}")
    return number


def _rate(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"must be greater than 0, found {text}")
    return number
