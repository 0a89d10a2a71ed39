"""The health of a TrainingJob or an Experiment by docs/gitops.md."""

from typing import NamedTuple

from tests.unit.docs.gitops import EXPRESSIONS, SCRIPTS, Object, argo_cd, flux, replaced


class Health(NamedTuple):
    """The health for Argo CD and Flux, and for both with the change for users who wait for the whole training."""

    argo_cd: str
    flux: str
    argo_cd_in_all: str
    flux_in_all: str


BEFORE = Health("Progressing", "InProgress", "Progressing", "InProgress")
UNDER_WAY = Health("Healthy", "Current", "Progressing", "InProgress")
TO_MEND = Health("Degraded", "InProgress", "Degraded", "InProgress")
WAITS_AS_TOLD = Health("Suspended", "Current", "Suspended", "Current")
DONE = Health("Healthy", "Current", "Healthy", "Current")
WRONG = Health("Degraded", "Failed", "Degraded", "Failed")


def training_health(served: Object) -> Health:
    """Returns the health by the page's checks, and by those with the change that the page describes."""
    script, expressed = SCRIPTS[served["kind"]], EXPRESSIONS[served["kind"]]
    current = replaced(expressed["current"], "'Ready'", "'Complete'")
    return Health(
        argo_cd(served, script)["status"],
        flux(served, expressed),
        argo_cd(served, replaced(script, "elseif is.Ready then", "elseif is.Complete then"))["status"],
        flux(served, expressed | {"current": current}),
    )
