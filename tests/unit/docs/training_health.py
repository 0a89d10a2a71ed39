"""How what trains is, by docs/gitops.md: a TrainingJob or an Experiment."""

from typing import NamedTuple

from tests.unit.docs.gitops import EXPRESSIONS, SCRIPTS, Object, argo_cd, flux, replaced


class Health(NamedTuple):
    """How one is.

    Args:
        argo_cd: For Argo CD.
        flux: For Flux.
        argo_cd_in_all: For Argo CD where it waits for the whole training, or the whole search.
        flux_in_all: For Flux likewise.
    """

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
    """Returns how one is, as the page has it, and with what it says to change for who waits for the end."""
    script, expressed = SCRIPTS[served["kind"]], EXPRESSIONS[served["kind"]]
    current = replaced(expressed["current"], "'Ready'", "'Complete'")
    return Health(
        argo_cd(served, script)["status"],
        flux(served, expressed),
        argo_cd(served, replaced(script, "elseif is.Ready then", "elseif is.Complete then"))["status"],
        flux(served, expressed | {"current": current}),
    )
