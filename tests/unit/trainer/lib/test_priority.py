import os
import threading

from epochal_trainer.lib import priority


def test_only_the_priority_of_the_calling_thread_is_lowered() -> None:
    found: list[int] = []

    def ask() -> None:
        priority.lower()
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert found == [10]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before
