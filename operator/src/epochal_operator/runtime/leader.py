"""Leader election by a Lease: one process reconciles, the others wait.

The kubernetes package's election measures with the wall clock, which may jump. After a request that hangs or a broken
connection, its leader does not notice that it lost the lease. So it is not used here.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic

from epochal_operator.runtime.api.errors import ApiError, Conflict, NotFound
from epochal_operator.runtime.api.kube import Kube, Object
from epochal_operator.runtime.api.resource import LEASES

LEASE_SECONDS = 15
"""Seconds without a renewal after which another process takes over."""
RENEW_DEADLINE_SECONDS = 10.0
"""Seconds without a renewal after which the leader stops, before another process takes over."""
RENEW_SECONDS = 2.0
ACQUIRE_SECONDS = 1.0
"""Seconds between attempts of a standby process to acquire the lease."""
ATTEMPT_SECONDS = 3.0
"""Timeout of one attempt in seconds, short enough for further attempts before the lease expires."""

_log = logging.getLogger(__name__)


class LeaseLost(Exception):
    """This process is no longer the leader."""


class Leadership:
    """This process in the election of the holder of a Lease.

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

    async def acquire(self) -> None:
        """Wait until this process is the leader."""
        while True:
            try:
                if await self._renew():
                    _log.info("acquired the leader lease as %s", self._identity)
                    return
            except Conflict:
                pass
            except (ApiError, TimeoutError) as error:
                _log.warning("cannot read or write the leader lease: %s", str(error) or "timeout")
            await asyncio.sleep(ACQUIRE_SECONDS)

    async def hold(self) -> None:
        """Renew the lease until it is lost.

        Raises:
            LeaseLost: If another process holds the lease, or the renewal failed for RENEW_DEADLINE_SECONDS.
        """
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                is_holder = await self._renew()
            except (ApiError, TimeoutError) as error:
                _log.warning("cannot renew the leader lease: %s", str(error) or "timeout")
                if self._clock() - self._renewed >= RENEW_DEADLINE_SECONDS:
                    raise LeaseLost(f"cannot renew the leader lease for {RENEW_DEADLINE_SECONDS:.0f} s") from error
                continue
            if not is_holder:
                raise LeaseLost("another replica holds the leader lease")

    def seconds_left(self) -> float:
        """Return the seconds for which no other process can become the leader.

        Raises:
            LeaseLost: If the lease has expired, for example because this process was paused.
        """
        seconds = self._renewed + LEASE_SECONDS - self._clock()
        if seconds <= 0:
            raise LeaseLost("the leader lease has expired")
        return seconds

    async def release(self) -> None:
        """Release the lease if this process holds it, so that another process can lead at once."""
        self._renewed = float("-inf")
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                lease = await self._kube.get(LEASES, self._namespace, self._name)
                spec = lease.get("spec") or {}
                if spec.get("holderIdentity") == self._identity:
                    lease["spec"] = spec | {"holderIdentity": "", "renewTime": _now()}
                    await self._kube.replace(LEASES, lease)
        except (ApiError, TimeoutError) as error:
            _log.warning("cannot release the leader lease: %s", str(error) or "timeout")

    async def _renew(self) -> bool:
        """Acquire or renew the lease if possible; return whether this process holds it."""
        started = self._clock()  # The lease counts from the request: others may have seen it at any time since then.
        async with asyncio.timeout(ATTEMPT_SECONDS):
            try:
                lease = await self._kube.get(LEASES, self._namespace, self._name)
            except NotFound:
                await self._kube.create(LEASES, self._renewal({}))
            else:
                spec = lease.get("spec") or {}
                if spec.get("holderIdentity") not in {None, "", self._identity} and not self._expired(lease, spec):
                    return False
                await self._kube.replace(LEASES, self._renewal(lease))
        self._renewed = started
        return True

    def _expired(self, lease: Object, spec: Object) -> bool:
        """Return whether the lease did not change for its whole duration, measured with this process's clock."""
        version = lease["metadata"]["resourceVersion"]
        if version != self._observed[0]:
            self._observed = version, self._clock()
        return self._clock() - self._observed[1] > (spec.get("leaseDurationSeconds") or LEASE_SECONDS)

    def _renewal(self, lease: Object) -> Object:
        """Return the lease with this process as its holder."""
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


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
