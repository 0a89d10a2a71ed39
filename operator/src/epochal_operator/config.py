"""The configuration of the operator, from the command line and the environment."""

import argparse
import json
import math
import os
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from epochal_operator.runtime.metrics import label_name

LEVELS = ("debug", "info", "warning", "error")
MAX_METRIC_LABELS = 8
"""Maximum number of labels in `--metric-labels`. More are refused: each metric series gets all these labels."""
_LABEL = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set."""
_RESERVED = re.compile(r"^([^/]*\.)?(kubernetes\.io|k8s\.io|epochal\.dev)/|^(controller-uid|job-name)$")
"""Labels that Kubernetes or Epochal itself sets, such as to select pods. `--metric-labels` must not contain them."""


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _labels(text: str) -> tuple[str, ...]:
    labels = tuple(dict.fromkeys(_names(text)))
    if len(labels) > MAX_METRIC_LABELS:
        raise argparse.ArgumentTypeError(f"must be at most {MAX_METRIC_LABELS} labels, found {len(labels)}")
    names: dict[str, str] = {}
    for label in labels:
        if not _LABEL.fullmatch(label) or _RESERVED.search(label):
            raise argparse.ArgumentTypeError(
                f"must be valid labels that neither Kubernetes nor Epochal uses, found {label}"
            )
        name = label_name(label)
        if other := names.get(name):
            message = f"must not contain both {other} and {label}: both become the metric label {name}"
            raise argparse.ArgumentTypeError(message)
        names[name] = label
    return labels


def _network_policy(text: str) -> Mapping[str, Any]:
    try:
        rules = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be JSON, found {text!r}: {error}") from None
    if not isinstance(rules, dict) or not {"ingress"} <= rules.keys() <= {"ingress", "egress"}:
        raise argparse.ArgumentTypeError(f"must be a JSON object with ingress and optionally egress, found {text}")
    return rules


def _none_if_empty(text: str) -> str | None:
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


def _option(help: str, metavar: str | None = None, **argument: Any) -> Any:  # noqa: A002 - argparse's name
    """Return a dataclass field of `Config` from which `read_config` makes a command-line option.

    `argument` contains further arguments for argparse's `add_argument`. Without `default`, the option is required.
    """
    return field(metadata={"help": help, "metavar": metavar, "required": "default" not in argument} | argument)


@dataclass(frozen=True, kw_only=True)
class Config:
    """The settings of the operator: from options of the command line, except `namespace` and `instance`.

    Args:
        namespace: Namespace of the operator, from POD_NAMESPACE. Default: epochal-system.
        instance: Unique name of this replica: the name of its pod, from POD_NAME. Outside of a cluster: the host name,
            an underscore and the process ID.
    """

    namespaces: tuple[str, ...] = _option("namespaces to serve; default: all", "A,B", type=_names, default=())
    trainer_image: str = _option("default image of trainers", "REF")
    server_image: str = _option("image of model servers", "REF")
    storage_endpoint: str | None = _option("default S3 service of jobs", "URL", type=_none_if_empty, default=None)
    scratch_limit: str = _option("size limit of a trainer's /scratch", "QUANTITY", default="256Gi")
    tmp_limit: str = _option("size limit of a trainer's /tmp", "QUANTITY", default="4Gi")
    checker_url: str | None = _option(
        "URL of the checker, which checks networks before their training; default: no checks",
        "URL",
        type=_none_if_empty,
        default=None,
    )
    service: str = _option(
        "DNS name of the operator's Service, to which trainers send progress reports",
        "NAME.NAMESPACE.svc",
        default="epochal.epochal-system.svc",
    )
    tls_secret: str = _option("Secret of the progress endpoint's certificate", "NAME", default="epochal-tls")
    lease: str = _option("Lease of the leader election", "NAME", default="epochal")
    metric_labels: tuple[str, ...] = _option(
        "keys of labels that the metric series, Jobs and pods of an object copy from the object",
        "A,B",
        type=_labels,
        default=(),
    )
    server_network: Mapping[str, Any] | None = _option(
        "ingress and egress rules for the NetworkPolicies of model servers; default: no NetworkPolicies",
        "JSON",
        type=_network_policy,
        default=None,
    )
    workers: int = _option("maximum concurrent reconciles of one kind in one namespace", "N", type=_positive, default=4)
    status_writes_per_second: float = _option(
        "maximum progress reports written per second", "N", type=_rate, default=50.0
    )
    log_level: str = _option("minimum level of the logs", choices=LEVELS, default="info")
    http_port: int = _option("port of /metrics, /healthz and /readyz", "PORT", type=int, default=8080)
    progress_port: int = _option("port to which trainers report", "PORT", type=int, default=8443)
    namespace: str
    instance: str


def read_config(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> Config:
    """Return the configuration from the command line (without the program name) and the pod's environment.

    Exits with a message if the command line is invalid.
    """
    parser = argparse.ArgumentParser(prog="epochal-operator", description="Reconciles TrainingJobs.")
    for option in fields(Config):
        if option.metadata:
            parser.add_argument(f"--{option.name.replace('_', '-')}", **option.metadata)
    return Config(
        **vars(parser.parse_args(arguments)),
        namespace=environ.get("POD_NAMESPACE") or "epochal-system",
        instance=environ.get("POD_NAME") or f"{socket.gethostname()}_{os.getpid()}",  # no name of a pod
    )
