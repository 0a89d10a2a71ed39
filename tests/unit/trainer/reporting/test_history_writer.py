import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from epochal_trainer.lib.failures import Failure, refused_failure
from epochal_trainer.lib.signals import Terminated
from epochal_trainer.reporting.attempts import Attempts
from epochal_trainer.reporting.best import Monitor
from epochal_trainer.reporting.history import Epoch
from epochal_trainer.reporting.history_writer import FIRST_CURVES, INTERVAL, HistoryWriter
from epochal_trainer.reporting.results import Results
from epochal_trainer.storage import FolderBucket


class Clock:
    """A clock that is set by the test, and records that it was read."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.looked = threading.Event()

    def __call__(self) -> float:
        self.looked.set()
        return self.now


class Storage(FolderBucket):
    """A bucket that signals each try to write, and raises the error that is set."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.tries = threading.Semaphore(0)
        self.stored: list[tuple[str, int]] = []
        self.error: BaseException | None = None
        self.go_on = threading.Event()
        self.go_on.set()

    def upload(self, path: Path, key: str, *, before: Callable[[], None] = lambda: None) -> None:
        try:
            self.go_on.wait(10)
            if self.error is not None:
                raise self.error
            super().upload(path, key, before=before)
            self.stored.append((key, path.read_bytes().count(b"\n") - 1 if key.endswith("csv") else 0))
        finally:
            self.tries.release()

    def tried(self) -> None:
        assert self.tries.acquire(timeout=10)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    (tmp_path / "bucket").mkdir()
    return Storage(tmp_path / "bucket")


LOSS = Monitor("loss")


def writing(folder: Path, storage: Storage, clock: Clock, check: Callable[[], None] = lambda: None) -> HistoryWriter:
    return HistoryWriter(Results(storage, "r", check), folder, title="n/j", monitor=LOSS, clock=clock)


@pytest.fixture
def writer(tmp_path: Path, storage: Storage, clock: Clock) -> Iterator[HistoryWriter]:
    with writing(tmp_path, storage, clock) as running:
        yield running


def epochs(count: int) -> list[Epoch]:
    return [Epoch(number, 1.0, None, {"loss": 0.5}) for number in range(1, count + 1)]


def test_uploads_are_at_least_ten_seconds_apart(writer: HistoryWriter, storage: Storage, clock: Clock) -> None:
    writer.put(epochs(1))
    storage.tried()
    for count, seconds in ((2, 0.1), (3, INTERVAL / 2)):
        clock.now += seconds
        clock.looked.clear()
        writer.put(epochs(count))
        assert clock.looked.wait(10)
    clock.now += INTERVAL / 2
    writer.put(epochs(4))
    storage.tried()
    assert storage.stored == [("r/history.csv", 1), ("r/history.csv", 4)]


def test_drawing_takes_a_limited_share_of_the_time(
    writer: HistoryWriter, storage: Storage, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    cpu = 0.0

    def draw(drawing: list[Epoch], path: Path, *, title: str, monitor: Monitor) -> None:
        nonlocal cpu
        assert monitor is LOSS
        cpu += 0.5
        drawn.append(len(drawing))
        path.write_text(title)

    monkeypatch.setattr("epochal_trainer.reporting.history_writer.draw_curves", draw)
    monkeypatch.setattr("time.thread_time", lambda: cpu)
    for count, seconds, files in ((1, FIRST_CURVES - 1, 1), (2, INTERVAL, 2), (3, 45.0, 1), (4, 10.0, 2)):
        clock.now += seconds
        writer.put(epochs(count))
        for _ in range(files):
            storage.tried()
    assert drawn == [2, 4]
    assert (storage.root / "r/curves.png").read_text() == "n/j"


@pytest.mark.parametrize(
    "error", [refused_failure("ResultsNotWritable", "no room left"), OSError("full"), ValueError("x")]
)
def test_a_failed_upload_is_logged_once_and_retried(
    writer: HistoryWriter, storage: Storage, clock: Clock, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    storage.error = error
    for count in (1, 2):
        writer.put(epochs(count))
        storage.tried()
        clock.now += INTERVAL
    storage.error = None
    writer.put(epochs(3))
    storage.tried()
    assert storage.stored == [("r/history.csv", 3)]
    assert len([message for message in caplog.messages if str(error) in message]) == 1


def test_a_silent_storage_does_not_block_the_training(tmp_path: Path, storage: Storage, clock: Clock) -> None:
    storage.go_on.clear()
    writer = writing(tmp_path, storage, clock)
    with suppress(ZeroDivisionError), writer:
        writer.put(epochs(1))
        writer.put(epochs(2))
        raise ZeroDivisionError  # who fails does not wait for it either
    assert storage.stored == []
    storage.go_on.set()


def test_no_upload_begins_after_the_end(tmp_path: Path, storage: Storage, clock: Clock) -> None:
    storage.go_on.clear()
    with writing(tmp_path, storage, clock) as writer:
        writer.put(epochs(1))
        while not clock.looked.wait(10) or writer._waiting:
            pass
        threading.Timer(0.05, storage.go_on.set).start()
    assert storage.stored == []  # a try that comes after the end is none
    writer.put(epochs(2))
    assert storage.stored == []


def test_the_thread_ends_on_sigterm(writer: HistoryWriter, storage: Storage) -> None:
    storage.error = Terminated()
    writer.put(epochs(1))
    storage.tried()
    writer._thread.join(10)
    assert not writer._thread.is_alive()


def test_the_history_of_a_later_attempt_is_not_overwritten(tmp_path: Path, storage: Storage, clock: Clock) -> None:
    earlier, later = (Attempts(storage, "r", pod) for pod in ("earlier", "later"))
    earlier.begin("spec")
    with writing(tmp_path, storage, clock, earlier.check) as writer:
        writer.put(epochs(2))
        storage.tried()
        later.begin("spec")
        clock.now += INTERVAL
        writer.put(epochs(3))
        storage.tried()
        writer._thread.join(10)
        assert not writer._thread.is_alive()
    assert storage.stored == [("r/history.csv", 2)]
    with pytest.raises(Failure, match="attempt 2 of pod later has begun since"):
        earlier.check()


def test_the_final_history_is_stored(tmp_path: Path, storage: Storage, clock: Clock) -> None:
    with writing(tmp_path, storage, clock) as writer:
        pass
    writer.store_last(epochs(3))
    assert storage.stored == [("r/history.csv", 3), ("r/curves.png", 0)]
    storage.error = refused_failure("ResultsNotWritable", "no room left")
    with pytest.raises(Failure, match="no room left"):
        writer.store_last(epochs(3))
