"""Leader election by a Lease: one process reconciles, the others wait.

The election of the kubernetes package is not used: it measures with the wall clock, which may jump; one request that
hangs or one connection that breaks leaves a leader behind that has lost its lease and does not know.
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
"""Others take over when the leader has not renewed for so long."""
GIVE_UP_SECONDS = 10.0
"""A leader that could not renew for so long leads no more: before others take over."""
RENEW_SECONDS = 2.0
WAIT_SECONDS = 1.0
"""How often one that waits looks whether the lease is free."""
TRY_SECONDS = 3.0
"""A request that hangs leaves time for others."""

_log = logging.getLogger(__name__)


class LeaseLost(Exception):
    """This process leads no longer."""


class Leadership:
    """This process' part in the election.

    A container that is started again in the same pod has the same identity and leads on at once: the one before it
    has ended.

    Args:
        kube: The API server.
        namespace: Namespace of the Lease.
        name: Name of the Lease.
        identity: Name of this process: its pod's.
        clock: Returns the time in seconds, of any origin; it never jumps.
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
        """Waits until this process leads."""
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
        """Renews the lease for ever.

        Raises:
            LeaseLost: If another process has it, or it could not be renewed in time.
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
        """Returns for how many seconds no other process can lead, whatever becomes of this one.

        Raises:
            LeaseLost: If that is over: this process was stopped for a while, or its clock ran without it.
        """
        left = self._renewed + LEASE_SECONDS - self._clock()
        if left <= 0:
            raise LeaseLost("the lease has run out")
        return left

    async def release(self) -> None:
        """Gives the lease back, if this process has it, so that another one leads at once."""
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
        """Takes or renews the lease if it may; returns whether this process has it now."""
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
        """Returns whether the holder has not touched the lease for its whole time, by this process' own clock."""
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
