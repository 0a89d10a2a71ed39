"""Leader election by a Lease: one process reconciles, the others wait.

The kubernetes package's election measures with the wall clock, which may jump. After a request that hangs or a broken
connection, its leader does not notice that it lost the lease. So it is not used here.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic

from epochal_operator.runtime.errors import ApiError, Conflict, NotFound
from epochal_operator.runtime.kube import Kube, Object
from epochal_operator.runtime.resource import LEASES

LEASE_SECONDS = 15
"""Seconds without a renewal after which another process takes over."""
GIVE_UP_SECONDS = 10.0
"""Seconds without a renewal after which the leader stops, before another process takes over."""
RENEW_SECONDS = 2.0
WAIT_SECONDS = 1.0
"""Seconds between attempts of a standby process to acquire the lease."""
TRY_SECONDS = 3.0
"""Timeout of one attempt in seconds, short enough for further attempts before the lease expires."""

_log = logging.getLogger(__name__)


class LeaseLost(Exception):
    """This process is no longer the leader."""


class Leadership:
    """This process in the leader election.

    A container that restarts in the same pod has the same identity and leads at once, because its predecessor has
    ended.

    Args:
        kube: The API server.
        namespace: Namespace of the Lease.
        name: Name of the Lease.
        identity: Name of this process's pod.
        clock: Returns a monotonic time in seconds.
    """

    def __init__(
        self, kube: Kube, namespace: str, name: str, identity: str, clock: Callable[[], float] = monotonic
    ) -> None:
        self._kube = kube
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._clock = clock
        self._seen: tuple[str, float] = ("", 0.0)
        self._renewed = float("-inf")

    async def acquire(self) -> None:
        """Wait until this process is the leader."""
        while True:
            try:
                if await self._renew():
                    _log.info("leads as %s", self._identity)
                    return
            except Conflict:
                pass
            except (ApiError, TimeoutError) as error:
                _log.warning("the lease cannot be read or written: %s", str(error) or "no answer in time")
            await asyncio.sleep(WAIT_SECONDS)

    async def hold(self) -> None:
        """Renew the lease until it is lost.

        Raises:
            LeaseLost: If another process holds the lease, or the renewal failed for GIVE_UP_SECONDS.
        """
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                held = await self._renew()
            except (ApiError, TimeoutError) as error:
                _log.warning("the lease was not renewed: %s", str(error) or "no answer in time")
                if self._clock() - self._renewed >= GIVE_UP_SECONDS:
                    raise LeaseLost(f"the lease could not be renewed for {GIVE_UP_SECONDS:.0f} s") from error
                continue
            if not held:
                raise LeaseLost("another process has taken the lease")

    def seconds_left(self) -> float:
        """Return the seconds for which no other process can become the leader.

        Raises:
            LeaseLost: If the lease has expired, for example because this process was paused.
        """
        left = self._renewed + LEASE_SECONDS - self._clock()
        if left <= 0:
            raise LeaseLost("the lease has run out")
        return left

    async def release(self) -> None:
        """Release the lease if this process holds it, so that another process can lead at once."""
        self._renewed = float("-inf")
        try:
            async with asyncio.timeout(TRY_SECONDS):
                lease = await self._kube.get(LEASES, self._namespace, self._name)
                spec = lease.get("spec") or {}
                if spec.get("holderIdentity") == self._identity:
                    lease["spec"] = spec | {"holderIdentity": "", "renewTime": _now()}
                    await self._kube.replace(LEASES, lease)
        except (ApiError, TimeoutError) as error:
            _log.warning("the lease was not given back: %s", str(error) or "no answer in time")

    async def _renew(self) -> bool:
        """Acquire or renew the lease if possible; return whether this process holds it."""
        asked = self._clock()
        async with asyncio.timeout(TRY_SECONDS):
            held = await self._try()
        if held:
            self._renewed = asked
        return held

    async def _try(self) -> bool:
        try:
            lease = await self._kube.get(LEASES, self._namespace, self._name)
        except NotFound:
            await self._kube.create(LEASES, self._changed({}, 0))
            return True
        spec = lease.get("spec") or {}
        holder = spec.get("holderIdentity") or ""
        if holder not in {"", self._identity} and not self._expired(lease, spec):
            return False
        transitions = spec.get("leaseTransitions") or 0
        await self._kube.replace(LEASES, self._changed(lease, transitions + (holder != self._identity)))
        return True

    def _expired(self, lease: Object, spec: Object) -> bool:
        """Return whether the lease did not change for its whole duration, measured with this process's clock."""
        version = lease["metadata"]["resourceVersion"]
        if version != self._seen[0]:
            self._seen = version, self._clock()
        return self._clock() - self._seen[1] > (spec.get("leaseDurationSeconds") or LEASE_SECONDS)

    def _changed(self, lease: Object, transitions: int) -> Object:
        spec = lease.get("spec") or {}
        mine = spec.get("holderIdentity") == self._identity
        return {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": lease.get("metadata") or {"namespace": self._namespace, "name": self._name},
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": LEASE_SECONDS,
                "acquireTime": (mine and spec.get("acquireTime")) or _now(),
                "renewTime": _now(),
                "leaseTransitions": transitions,
            },
        }


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
