"""What is done while a list is read."""

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, cast

import pytest
from epochal_operator.runtime.errors import Unavailable
from epochal_operator.runtime.listing import list_source
from epochal_operator.runtime.pages import Page
from epochal_operator.runtime.resource import JOBS, PODS

from tests.unit.operator.runtime.test_resync import Lists, informer_of

if TYPE_CHECKING:
    from epochal_operator.runtime.kube import Kube


async def test_the_garbage_collector_is_off_until_the_last_list_has_ended() -> None:
    class Slow(Lists):
        def __init__(self) -> None:
            super().__init__(refuses=0)
            self.ends = asyncio.Event()

        async def list_pods(self, *_: Any) -> AsyncIterator[Page]:
            await self.ends.wait()
            yield Page([], "7")
            raise Unavailable(503, "ServiceUnavailable", "later")

    slow, informer = Slow(), informer_of([])
    jobs, pods = (next(one for one in informer.sources if one.resource == resource) for resource in (JOBS, PODS))
    waiting = asyncio.create_task(list_source(cast("Kube", slow), informer, pods, None))
    await asyncio.sleep(0)
    assert not gc.isenabled()
    await list_source(cast("Kube", slow), informer, jobs, None)
    assert not gc.isenabled()
    slow.ends.set()
    with pytest.raises(Unavailable):
        await waiting
    assert gc.isenabled()
