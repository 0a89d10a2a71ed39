"""Checks of the ResourceQuotas of the namespace."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from epochal_api.model import quantity_value
from epochal_api.scheduling import Resources
from epochal_api.text import printable

from epochal.client.kinds import RESOURCE_QUOTAS
from epochal.doctor.finding import Finding, Subject, ok, problem
from epochal.doctor.nodes import quantities, requests, shown
from epochal.sentences import counted

_COUNTED = {"pods": 1, "count/pods": 1, "count/jobs.batch": 1, "count/trainingjobs.epochal.dev": 1}
_MUST_HAVE = ("requests.cpu", "requests.memory", "limits.cpu", "limits.memory")
"""If a ResourceQuota limits such a resource, Kubernetes refuses each pod that sets no value for it."""


def check_quota(subject: Subject) -> Sequence[Finding]:
    """Return the findings on whether the ResourceQuotas of the namespace have enough left for the worker of the job."""
    quotas = subject.cluster.list(RESOURCE_QUOTAS)
    return list(describe_quotas(quotas, subject.job.spec.resources if subject.job else None))


def describe_quotas(quotas: Sequence[Mapping[str, Any]], resources: Resources | None) -> Iterator[Finding]:
    """Yield a problem for each limited resource that a worker would exceed, or sets no value for; else OK.

    Args:
        quotas: The ResourceQuotas of the namespace.
        resources: Resources of the worker; None to check only whether a quota is used up.
    """
    needed = _needed(resources)
    is_free = True
    for quota in quotas:
        # Quotas with a scope or a selector apply to some pods only.
        if any((quota.get("spec") or {}).get(key) for key in ("scopes", "scopeSelector")):
            continue
        name = printable(str((quota.get("metadata") or {}).get("name")))
        status = quota.get("status") or {}
        hard, used = quantities(status.get("hard") or {}), quantities(status.get("used") or {})
        for resource in hard:
            free = hard[resource] - used.get(resource, Decimal(0))
            key = resource if "." in resource or "/" in resource or resource == "pods" else f"requests.{resource}"
            amount = needed.get(key)
            if amount is None and resources is not None and key in _MUST_HAVE:
                is_free = False
                yield problem(
                    f"the ResourceQuota {name} limits {key}, so each worker must have a value",
                    f"Set spec.resources.{key.partition('.')[0]}.{key.partition('.')[2]}.",
                )
            elif amount is not None and amount > free:
                is_free = False
                yield problem(
                    f"the ResourceQuota {name} leaves {shown(max(free, Decimal(0)))} of {shown(hard[resource])} "
                    f"{resource}, and the job needs {shown(amount)}",
                    "Wait for other jobs, delete or suspend some (epochal list), request less, or ask for more quota.",
                )
    if is_free:
        yield ok(
            f"room for the worker in {counted(len(quotas), 'ResourceQuota')}"
            if quotas
            else "the namespace has no ResourceQuota"
        )


def _needed(resources: Resources | None) -> dict[str, Decimal]:
    needed = {name: Decimal(count) for name, count in _COUNTED.items()}
    if resources is not None:
        needed |= {f"requests.{name}": amount for name, amount in requests(resources).items()}
        needed |= {f"limits.{name}": quantity_value(text) for name, text in resources.limits.items()}
    return needed
