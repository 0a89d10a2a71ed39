"""Search methods in comparison, in virtual time on the recorded curves."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import product
from statistics import median

from epochal_operator.experiment.search_space.space import Space

from tests.bench.experiments.curves import Curves, read
from tests.bench.experiments.search import ASHA, EPOCHS, FULL, HYPERBAND, METRIC, PARAMETERS, experiment, spec_of
from tests.bench.experiments.simulate import Run, simulate
from tests.bench.figures import Figure
from tests.bench.ratio import Ratio, interval
from tests.kit.kubectl import Object

SEEDS = 20
SHARE = 1 / 3
"""Most of Random's epochs that ASHA + TPE may take to be as good."""
FROM_CHECKPOINTS = 0.8
"""Most of the epochs that a schedule with checkpoints may take, of those of the schedule without."""


@dataclass(frozen=True)
class Method:
    """A search method, its schedule, and whether a rung continues from the checkpoint of the rung below."""

    name: str
    search: str
    schedule: str
    trials: int
    epochs: int = EPOCHS
    from_checkpoints: bool = True

    def experiment(self, seed: int) -> Object:
        schedule = {"None": FULL, "ASHA": ASHA, "Hyperband": HYPERBAND}[self.schedule]
        return experiment(self.search, schedule, trials=self.trials, seed=seed, epochs=self.epochs)


RANDOM = Method("Random, each trial trained in full", "Random", "None", 60)
TPE = Method("TPE, each trial trained in full", "TPE", "None", 60)
# With Random as many trials as take a third of the epochs of those 60. TPE suggests ever better ones: more go on.
ASHA_RANDOM = Method("ASHA + Random", "Random", "ASHA", 145)
ASHA_TPE = Method("ASHA + TPE", "TPE", "ASHA", 145)
HYPERBAND_TPE = Method("Hyperband + TPE", "TPE", "Hyperband", 50)
METHODS = (RANDOM, TPE, ASHA_RANDOM, ASHA_TPE, HYPERBAND_TPE)
SHORT = Method("ASHA + TPE, rungs 1, 3, 9", "TPE", "ASHA", 60, epochs=9)
FROM_ZERO = (
    (SHORT, Method("the same from zero", "TPE", "ASHA", 60, epochs=9, from_checkpoints=False)),
    (ASHA_TPE, Method("the same from zero", "TPE", "ASHA", 145, from_checkpoints=False)),
)
Runs = Mapping[Method, Sequence[Run]]
"""The runs of each method, by their seeds."""


def searches() -> list[Figure]:
    methods = dict.fromkeys((*METHODS, *(method for pair in FROM_ZERO for method in pair)))
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        found = processes.map(run, *zip(*product(methods, range(SEEDS)), strict=True))
        runs = {method: [next(found) for _ in range(SEEDS)] for method in methods}
    return figures(runs)


def figures(runs: Runs) -> list[Figure]:
    return [
        *(figure_of(method, runs) for method in METHODS),
        _beside_random(runs),
        *(_beside_zero(runs, ours, theirs) for ours, theirs in FROM_ZERO),
        _repeated(runs),
    ]


def middle(values: Sequence[float], unit: str) -> str:
    """Returns the median with its interval, such as `512 epochs (498-530)`."""
    low, high = interval(values, median)
    return f"{median(values):.4g} {unit} ({low:.4g}-{high:.4g})"


def run(method: Method, seed: int) -> Run:
    return simulate(method.experiment(seed), _curves(), from_checkpoints=method.from_checkpoints)


@cache
def _curves() -> Curves:
    names = [parameter["name"] for parameter in PARAMETERS]
    return Curves(read(names), Space.of(spec_of(RANDOM.experiment(0)).parameters))


def figure_of(method: Method, runs: Runs) -> Figure:
    those = runs[method]
    return Figure(
        f"{method.name}: {method.trials} trials",
        "",
        f"{middle([item.best for item in those], METRIC)} in {middle([item.epochs for item in those], 'epochs')}; "
        f"as good as Random in the end after {middle(_until(those, runs[RANDOM]), 'epochs')}",
    )


def _until(those: Sequence[Run], random: Sequence[Run]) -> list[float]:
    """Returns the epochs until each run was as good as Random at its end, with the same seed."""
    return [one.epochs_until(other.best) for one, other in zip(those, random, strict=True)]


def _beside_random(runs: Runs) -> Figure:
    until = _until(runs[ASHA_TPE], runs[RANDOM])
    ratio = Ratio.of([[item] for item in until], [[item.epochs] for item in runs[RANDOM]])
    reached = sum(item < float("inf") for item in until)
    return Figure(
        "epochs until ASHA + TPE is as good as Random with full training",
        f"Random: {middle([item.epochs for item in runs[RANDOM]], 'epochs')}",
        f"{middle(until, 'epochs')}: {ratio.describe(SHARE)}, with {reached} of {len(until)} seeds at all",
        "at most a third of the epochs",
        ratio.within(SHARE),
    )


def _beside_zero(runs: Runs, ours: Method, theirs: Method) -> Figure:
    trained = [[run.epochs] for run in runs[ours]]
    ratio = Ratio.of(trained, [[run.epochs_from_zero] for run in runs[ours]])
    anew = Ratio.of(trained, [[run.epochs] for run in runs[theirs]])
    return Figure(
        f"epochs with promotion from checkpoints: {ours.trials} trials of at most {ours.epochs} epochs",
        f"the same rungs from zero: {middle([run.epochs_from_zero for run in runs[ours]], 'epochs')}; "
        f"a search from zero, which promotes others: {middle([run.epochs for run in runs[theirs]], 'epochs')}",
        f"{middle([run.epochs for run in runs[ours]], 'epochs')}: "
        f"{ratio.describe(FROM_CHECKPOINTS)} to the same rungs, "
        f"{anew.describe(FROM_CHECKPOINTS)} to the other search",
        f"at most {FROM_CHECKPOINTS} of the same rungs",
        ratio.within(FROM_CHECKPOINTS),
    )


def _repeated(runs: Runs) -> Figure:
    counted = [run for method, those in runs.items() if method.from_checkpoints for run in those]
    repeated = sum(run.repeated for run in counted)
    baseline = f"{sum(run.epochs for run in counted)} epochs of {len(counted)} searches"
    return Figure("epochs trained twice", baseline, str(repeated), "0", not repeated)
