"""What runs in a thread takes its memory to its end, whether or not its client is still there."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from epochal_server.intake import Intake
from epochal_server.work import Threads


async def test_what_has_begun_is_waited_for_though_its_client_has_gone() -> None:
    began, goes_on = threading.Event(), threading.Event()
    intake, large = Intake(8, 1000), asyncio.Lock()

    def takes_long() -> None:
        began.set()
        goes_on.wait(10)
        raise ValueError("nobody wants to know")

    with ThreadPoolExecutor(1) as pool:
        work = Threads(pool, intake)

        async def asked() -> None:
            async with large:
                await work(takes_long)

        first = asyncio.create_task(asked())
        await asyncio.to_thread(began.wait, 10)
        second = asyncio.create_task(work(print))
        await asyncio.sleep(0)
        assert intake.waiting == 2
        for task in (first, second):
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second  # it had not begun
        assert (first.done(), intake.waiting, large.locked()) == (False, 1, True)
        goes_on.set()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert (intake.waiting, large.locked()) == (0, False)


async def test_tells_what_came_of_it() -> None:
    with ThreadPoolExecutor(1) as pool:
        work = Threads(pool, Intake(8, 1000))
        assert await work(divmod, 7, 3) == (2, 1)
        with pytest.raises(ZeroDivisionError):
            await work(divmod, 7, 0)
