"""What is waited for in a thread holds up nobody."""

import threading

import pytest
from epochal_server.daemon import in_daemon


@pytest.mark.parametrize("result", [1, None])
async def test_returns_what_the_function_returns(result: int | None) -> None:
    assert await in_daemon(lambda: result) == result


async def test_raises_what_the_function_raises() -> None:
    def fail() -> None:
        raise KeyError("here")

    with pytest.raises(KeyError, match="here"):
        await in_daemon(fail)


async def test_its_thread_need_not_end_before_the_process_does() -> None:
    assert await in_daemon(lambda: threading.current_thread().daemon)
