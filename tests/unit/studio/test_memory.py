"""The memory of calls and answers: a bound for all users, and one for each of them."""

from threading import Thread

import pytest
from epochal_studio.memory import JSON, Memory
from epochal_studio.problems import Refusal


def test_a_call_gives_back_its_memory() -> None:
    memory = Memory(100, 60)

    def call(size: int) -> int:
        memory.reserve(size)
        memory.reserve_json(1)
        memory.reserve_json(-1)
        return memory.count

    assert memory.call("ada", call, 30) == 30
    with pytest.raises(Refusal, match="for you"):
        memory.call("ada", call, 61)
    with pytest.raises(Refusal, match="for you"):  # after 50 bytes
        memory.call("ada", call, 60 - JSON + 1)
    assert memory.count == 0


def test_users_share_the_memory() -> None:
    memory = Memory(100, 60)
    with memory.hold("ada", 60):
        with pytest.raises(Refusal, match="for you"):
            memory.call("ada", memory.reserve, 1)
        with pytest.raises(Refusal, match="files for all users"), memory.hold("bob", 41):
            raise AssertionError
        with memory.hold("bob", 40):
            assert memory.count == 100
    assert memory.count == 0


def test_threads_count_together() -> None:
    memory = Memory(10**9, 10**9)

    def add() -> None:
        for _ in range(2000):
            memory.call("ada", memory.reserve, 3)

    threads = [Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert memory.count == 0
