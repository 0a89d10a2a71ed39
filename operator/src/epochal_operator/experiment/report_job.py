"""Placeholder."""

from collections.abc import Mapping
from typing import Any

from epochal_api.experiment import ExperimentSpec

from epochal_operator.trainingjob.pod_template import Installation


def report_job(
    experiment: Mapping[str, Any], ledger: str, spec: ExperimentSpec, installation: Installation
) -> dict[str, Any]:
    metadata = experiment["metadata"]
    owner = {
        "apiVersion": "epochal.dev/v1alpha1",
        "kind": "Experiment",
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "metadata": {
            "name": f"{metadata['name']}-report",
            "namespace": metadata["namespace"],
            "labels": {"epochal.dev/experiment": metadata["name"]},
            "ownerReferences": [owner],
        },
        "spec": {},
    }
