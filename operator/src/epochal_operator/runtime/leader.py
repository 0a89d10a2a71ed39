"""Leader election by a Lease: one process reconciles, the others wait.

The kubernetes package's election measures with the wall clock, which may jump. After a request that hangs or a broken
connection, its leader does not notice that it lost the lease. So it is not used here.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic

from epochal_operator.runtime.api.errors import ApiError, Conflict, NotFound
from epochal_operator.runtime.api.kube import Kube, Object
from epochal_operator.runtime.api.resource import LEASES, PODS, Resource

LEASE_SECONDS = 30
"""Seconds without a renewal after which another process takes over from a leader that may still run. On a busy machine,
the leader and the API server may lack the CPU for a renewal for many seconds. Kubernetes itself waits 40 to 50 seconds
until it counts a node as lost."""
RENEW_DEADLINE_SECONDS = 25.0
"""Seconds without a successful renewal after which the leader stops reconciling, before another process takes over."""
RENEW_SECONDS = 2.0
ACQUIRE_SECONDS = 1.0
"""Seconds between attempts of a standby process to acquire the lease."""
REQUEST_SECONDS = 8.0
"""Timeout of one request in seconds, short enough to try again before the lease expires."""
ENDED_SECONDS = 5.0
"""Seconds without a renewal after which another process takes over from a leader whose container has ended."""
CONTAINER = "operator"
"""Name of the operator's container in the chart."""
_POD_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
"""The identity of a process outside of a cluster contains an underscore, so it is no name of a pod."""

_log = logging.getLogger(__name__)


class LeaseLost(Exception):
    """This process is no longer the leader."""


class Leadership:
    """Acquires, renews and releases the Lease by which the replicas of the operator elect a leader.

    A container that restarts in the same pod has the same identity and leads at once, because its predecessor has
    ended.
    """

    def __init__(
        self, kube: Kube, namespace: str, name: str, identity: str, clock: Callable[[], float] = monotonic
    ) -> None:
        self._kube = kube
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._clock = clock
        self._observed: tuple[str, float] = ("", 0.0)  # resourceVersion of the lease, and the time of its first read
        self._renewed = float("-inf")
        self._held: Object | None = None  # the lease as this process last wrote it

    async def acquire(self) -> None:
        """Wait until this process is the leader."""
        while True:
            try:
                if await self._try_acquire_or_renew():
                    _log.info("acquired the leader lease as %s", self._identity)
                    return
            except Conflict:
                pass
            except (ApiError, TimeoutError) as error:
                _log.warning("cannot read or write the leader lease: %s", str(error) or "timeout")
            await asyncio.sleep(ACQUIRE_SECONDS)

    async def renew_until_lost(self) -> None:
        """Renew the lease until it is lost.

        Raises:
            LeaseLost: If another process holds the lease, or the renewal failed for RENEW_DEADLINE_SECONDS.
        """
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                async with asyncio.timeout(self._renewed + RENEW_DEADLINE_SECONDS - self._clock()):
                    is_holder = await self._try_acquire_or_renew()
            except (ApiError, TimeoutError) as error:
                _log.warning("cannot renew the leader lease: %s", str(error) or "timeout")
                if self._clock() - self._renewed >= RENEW_DEADLINE_SECONDS:
                    raise LeaseLost(f"cannot renew the leader lease for {RENEW_DEADLINE_SECONDS:.0f} s") from error
                continue
            if not is_holder:
                raise LeaseLost("another replica holds the leader lease")

    def seconds_left(self) -> float:
        """Return the seconds until the lease of this process expires. No other process can lead until then.

        Raises:
            LeaseLost: If the lease has expired, for example because this process was paused.
        """
        seconds = self._renewed + LEASE_SECONDS - self._clock()
        if seconds <= 0:
            raise LeaseLost("the leader lease has expired")
        return seconds

    async def release(self) -> None:
        """If this process holds the lease, remove it as the holder, so that another process can lead at once."""
        self._renewed, self._held = float("-inf"), None
        try:
            lease = await self._read(LEASES, self._name)
            spec = lease.get("spec") or {}
            if spec.get("holderIdentity") == self._identity:
                lease["spec"] = spec | {"holderIdentity": "", "renewTime": _now()}
                async with asyncio.timeout(REQUEST_SECONDS):
                    await self._kube.replace(LEASES, lease)
        except (ApiError, TimeoutError) as error:
            _log.warning("cannot release the leader lease: %s", str(error) or "timeout")

    async def _try_acquire_or_renew(self) -> bool:
        """Acquire or renew the lease if possible; return whether this process holds it."""
        lease, self._held = self._held, None
        if lease is not None:
            try:
                return await self._write(lease)
            except (Conflict, NotFound):
                pass  # Another process may have taken over.
        try:
            lease = await self._read(LEASES, self._name)
        except NotFound:
            return await self._write(None)
        return await self._is_free(lease) and await self._write(lease)

    async def _read(self, resource: Resource, name: str) -> Object:
        async with asyncio.timeout(REQUEST_SECONDS):
            return await self._kube.get(resource, self._namespace, name)

    async def _write(self, lease: Object | None) -> bool:
        """Write the lease with this process as its holder; create it if `lease` is None. Always returns True."""
        started = self._clock()  # The lease counts from the request: others may have seen it at any time since then.
        async with asyncio.timeout(REQUEST_SECONDS):
            if lease is None:
                self._held = await self._kube.create(LEASES, self._renewal({}))
            else:
                self._held = await self._kube.replace(LEASES, self._renewal(lease))
        self._renewed = started
        return True

    async def _is_free(self, lease: Object) -> bool:
        """Return whether this process may write itself as the holder of a lease.

        It may if the lease has no holder, this process is the holder, the lease has expired, or the holder's container
        has ended.
        """
        spec = lease.get("spec") or {}
        holder = spec.get("holderIdentity")
        if holder in {None, "", self._identity}:
            return True
        seconds = self._seconds_unchanged(lease)
        is_expired = seconds > (spec.get("leaseDurationSeconds") or LEASE_SECONDS)
        return is_expired or (seconds > ENDED_SECONDS and await self._has_ended(holder, spec.get("renewTime")))

    def _seconds_unchanged(self, lease: Object) -> float:
        """Return the seconds for which a lease has not changed, measured with this process's clock."""
        version = lease["metadata"]["resourceVersion"]
        if version != self._observed[0]:
            self._observed = version, self._clock()
        return self._clock() - self._observed[1]

    async def _has_ended(self, holder: str, renew_time: str | None) -> bool:
        """Return whether the holder's pod does not exist, or its operator ended at or after the renewal of the lease.

        Return False if this is unknown.
        """
        if not _POD_NAME.fullmatch(holder):
            return False
        try:
            return has_ended(await self._read(PODS, holder), renew_time)
        except NotFound:
            return True
        except ApiError as error:
            _log.warning("cannot read the pod %s, which holds the leader lease: %s", holder, error)
            return False

    def _renewal(self, lease: Object) -> Object:
        """Return the lease to write, with this process as its holder and the current time as its renewal."""
        spec, now = lease.get("spec") or {}, _now()
        is_holder = spec.get("holderIdentity") == self._identity
        return LEASES.header | {
            "metadata": lease.get("metadata") or {"namespace": self._namespace, "name": self._name},
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": LEASE_SECONDS,
                "acquireTime": (is_holder and spec.get("acquireTime")) or now,
                "renewTime": now,
                "leaseTransitions": (spec.get("leaseTransitions") or 0) + (bool(lease) and not is_holder),
            },
        }


def has_ended(pod: Object, renew_time: str | None) -> bool:
    """Return whether a pod has ended, or the container of its operator ended at or after the renewal of the lease.

    The pod's kubelet reports both. A pod on a node that is lost or cut off counts as running: its operator may still
    write. A container that ended before the renewal has restarted: the kubelet of a busy node reports the restart late.
    """
    status = pod.get("status") or {}
    if status.get("phase") in {"Succeeded", "Failed"}:
        return True
    for container in status.get("containerStatuses") or []:
        if container["name"] == CONTAINER and "running" not in (container.get("state") or {}):
            return renew_time is not None and _finish_time(container)[:_SECONDS] >= renew_time[:_SECONDS]
    return False


def _finish_time(container: Object) -> str:
    """Return the time at which a container last terminated, as RFC 3339, or an empty text if it is unknown."""
    states = [container.get(name) or {} for name in ("state", "lastState")]
    return max((state.get("terminated") or {}).get("finishedAt") or "" for state in states)


_SECONDS = len("2026-11-25T12:00:00")
"""Number of characters of a time up to the seconds. Fractions are not compared: times of a container have none."""


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
