"""Prometheus metrics of ModelServers, which the operator computes from the objects. Their pods export other metrics."""

from epochal_api.modelserver.spec import KIND
from epochal_api.modelserver.status import IMAGES_SUITABLE, SERVER_CONDITIONS, SERVER_STATES

from epochal_operator.modelserver.reasons import Reason
from epochal_operator.runtime.api.resource import Object, part
from epochal_operator.runtime.metrics import KindMetrics, created_time, status_number, status_time


def _model(server: Object) -> dict[str, str]:
    model = part(part(server, "status"), "model")
    return {name: str(model.get(name, "")) for name in ("runtime", "sha256")}


METRICS = KindMetrics(
    kind=KIND,
    states=SERVER_STATES,
    conditions=SERVER_CONDITIONS,
    statuses={"Progressing": ("True", "False", "Unknown"), IMAGES_SUITABLE: ("False",)},
    reason_condition="Progressing",
    reasons=Reason,
    info=_model,
    values=(
        ("replicas", "Existing pods.", status_number("replicas")),
        ("ready_replicas", "Ready pods.", status_number("readyReplicas")),
        ("created_time_seconds", "When the ModelServer was created.", created_time),
        ("ready_time_seconds", "When the ModelServer was first ready.", status_time("readyTime")),
    ),
)
