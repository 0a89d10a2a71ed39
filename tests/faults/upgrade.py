"""An upgrade from the last release to this checkout, and the rollback, while all three kinds run."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from epochal_operator.experiment.ledger.encoding import decode
from epochal_operator.experiment.ledger.events import Finished

from tests.faults.disturbed_search import Search, learning
from tests.faults.disturbed_training import Bed, Cost, Training
from tests.faults.scenario import Outcome, Trial, slug
from tests.faults.serving.bed import Bed as ServingBed
from tests.faults.serving.bed import bed as serving_bed
from tests.faults.serving.scenario import broken_promises
from tests.kit import operator
from tests.kit.cache import CACHE
from tests.kit.chart import ROOT, helm, image_option, install
from tests.kit.kubectl import get, wait

RELEASED = ROOT / "tests" / "released"
"""The version and the commit of the last release."""
COMMITS = CACHE / "commits"
"""The files of commits whose images `tests/cluster build-commit` has built."""
EPOCHS = 10_000
"""So many that the training outlasts the upgrade and the rollback; nobody waits for its end."""
TRIALS = 16
"""So many that the search outlasts them, too."""
PROGRESS_SECONDS = 150


@dataclass(frozen=True)
class Release:
    """A release.

    Args:
        version: Its version.
        commit: Its commit.
    """

    version: str
    commit: str


def last_release() -> Release:
    """Return the last release, as tests/released names it."""
    return Release(*RELEASED.read_text().split())


@dataclass(frozen=True)
class Upgrade:
    """`helm upgrade` from the last release to this checkout, then `helm rollback`.

    Args:
        name: The row of the table.
        alone: Whether nothing else may run meanwhile.
    """

    name: str = "helm upgrade from the last release, then helm rollback"
    alone: bool = True

    def trials(self) -> list[Trial]:
        """Return the trial: a training, a search and a server through both."""
        return [Trial(slug(self.name), 2, self._run)]

    def _run(self, bed: Bed) -> Outcome:
        with _installed(last_release()), serving_bed(f"{bed.namespace.name}-upgrade") as serving:
            search = Search(bed, "upgraded-search")
            with bed.train("upgraded", epochs=EPOCHS) as training:
                wrong = _upgrade_and_roll_back(training, search, serving)
            if not wrong:  # A search that stalls would hide the cause behind its own end.
                wrong += search.left().faults()
        wrong += [fault for fault in bed.audit.faults if fault.startswith("upgraded")]
        return Outcome((Cost(until=0.0),) * 2, wrong=tuple(wrong))


def _upgrade_and_roll_back(training: Training, search: Search, serving: ServingBed) -> list[str]:
    """Return what a training, a search and a server lost by an upgrade and the rollback."""
    search.apply(learning(search.name, maxTrials=TRIALS))
    wait("the first report", lambda: _epoch(training), seconds=PROGRESS_SECONDS)
    _wait_trials(search, 1)
    servers = serving.server.started()
    wrong = []
    with serving.load() as load:
        _upgrade_to_checkout()
        wrong += _stalled(training, search, "helm upgrade")
        helm("rollback", "epochal", "--wait")
        wrong += _stalled(training, search, "helm rollback")
    wrong += broken_promises(load.asked)
    if (now := serving.server.started()) != servers:
        wrong.append(f"the server's containers changed from {servers} to {now}")
    if len(training.observer.runs) != 1:
        wrong.append(f"{training.name} had {len(training.observer.runs)} trainers")
    return wrong


@contextmanager
def _installed(release: Release) -> Iterator[None]:
    """Install a release in place of the checkout, which is installed again in the end."""
    as_before = image_option()
    chart = COMMITS / release.commit / "charts" / "epochal"
    assert chart.exists(), f"the images of {release.version} are missing: make released"
    tags = [f"{image}.tag={release.commit}" for image in ("image", "trainerImage", "serverImage")]
    try:
        install(*(option for tag in tags for option in ("--set", tag)), chart=chart)
        yield
    finally:
        install(*as_before)


def _upgrade_to_checkout() -> None:
    """Upgrade as a user does: with the chart and the images of the checkout."""
    before = _operator_image()
    install()
    assert _operator_image() != before, f"helm upgrade left the operator's image {before}"


def _operator_image() -> str:
    deployment = get("deployment", "epochal", namespace=operator.NAMESPACE)
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])


def _stalled(training: Training, search: Search, cause: str) -> list[str]:
    """Return which of the two makes no progress after a change of the operator; empty if both do."""
    wrong = []
    epoch, trials = _epoch(training), _finished(search)
    try:
        wait("a report", lambda: _epoch(training) > epoch, seconds=PROGRESS_SECONDS)
    except TimeoutError:
        wrong.append(f"no report of {training.name} arrived for {PROGRESS_SECONDS} s after {cause}")
    if training.namespace.status(training.name)["state"] != "Running":
        wrong.append(f"{training.name} ended before {cause} had finished; raise EPOCHS")
    try:
        _wait_trials(search, trials + 1)
    except TimeoutError:
        wrong.append(f"no trial of {search.name} finished for {PROGRESS_SECONDS} s after {cause}")
    return wrong


def _wait_trials(search: Search, count: int) -> None:
    wait(f"{count} finished rungs", lambda: _finished(search) >= count, seconds=PROGRESS_SECONDS)


def _epoch(training: Training) -> int:
    return int(training.namespace.status(training.name).get("progress", {}).get("epoch", 0))


def _finished(search: Search) -> int:
    """Return how many rungs the ledger calls finished; 0 before there is a ledger."""
    if not search.status():
        return 0
    ledger = get("experimentledger", search.name, namespace=search.namespace.name)
    return sum(isinstance(event, Finished) for event in decode(ledger["data"]))


SCENARIOS = (Upgrade(),)
