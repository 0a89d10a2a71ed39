import pytest

from tests.bench.experiments.compare import (
    ASHA_TPE,
    FROM_ZERO,
    METHODS,
    RANDOM,
    SHORT,
    Method,
    figures,
    middle,
)
from tests.bench.experiments.simulate import Job, Run
from tests.bench.figures import Figure

SEEDS = 20


def run(epochs: int, value: float = 0.5, *, first: int = 0) -> Run:
    """Returns a search of one trial, which reaches this value with its last epoch."""
    return Run({}, (), (Job(1, 0, begin=0, end=1, first=first, last=first + epochs, value=value),))


def figures_by_name(**changes: Run) -> dict[str, Figure]:
    """Returns the figures by their names, where each method takes 30 epochs but for changes."""
    runs = {method: [run(90)] * SEEDS for method in METHODS}
    runs |= {method: [run(30)] * SEEDS for method in (SHORT, ASHA_TPE)}
    runs |= {theirs: [run(40)] * SEEDS for _, theirs in FROM_ZERO}
    names: dict[str, Method] = {"asha_tpe": ASHA_TPE, "random": RANDOM, "short": SHORT}
    runs |= {names[name]: [changed] * SEEDS for name, changed in changes.items()}
    return {figure.name: figure for figure in figures(runs)}


@pytest.fixture(scope="module")
def usual() -> dict[str, Figure]:
    """The figures without changes."""
    return figures_by_name()


BESIDE_RANDOM = "epochs until ASHA + TPE is as good as Random with full training"


def test_as_good_as_random_in_a_third_of_its_epochs(usual: dict[str, Figure]) -> None:
    figure = usual[BESIDE_RANDOM]
    assert figure.met
    assert figure.baseline == "Random: 90 epochs (90-90)"
    assert figure.measured == "30 epochs (30-30): ratio 0.333 (0.333-0.333), with 20 of 20 seeds at all"


@pytest.mark.parametrize("asha_tpe", [run(31), run(10, value=0.51)], ids=["too late", "never"])
def test_too_late_is_not_met(asha_tpe: Run) -> None:
    assert not figures_by_name(asha_tpe=asha_tpe)[BESIDE_RANDOM].met


def test_a_value_that_is_never_reached_is_shown_as_never() -> None:
    assert figures_by_name(asha_tpe=run(10, value=0.51))[BESIDE_RANDOM].measured == (
        "inf epochs (inf-inf): ratio inf (inf-inf), with 0 of 20 seeds at all"
    )


@pytest.mark.parametrize(("epochs", "met"), [(32, True), (33, False)])
def test_going_on_from_checkpoints_is_compared_with_the_same_rungs_from_zero(epochs: int, met: bool) -> None:  # noqa: FBT001
    name = "epochs with promotion from checkpoints: 60 trials of at most 9 epochs"
    figure = figures_by_name(short=run(epochs, first=40 - epochs))[name]
    assert figure.met is met
    assert figure.baseline == (
        "the same rungs from zero: 40 epochs (40-40); a search from zero, which promotes others: 40 epochs (40-40)"
    )


def test_repeated_epochs_are_counted(usual: dict[str, Figure]) -> None:
    assert usual["epochs trained twice"].met
    again = Run({}, (), (*run(30).jobs, *run(4, first=28).jobs))
    figure = figures_by_name(asha_tpe=again)["epochs trained twice"]
    assert not figure.met
    assert figure.measured == str(2 * SEEDS)


def test_every_method_has_a_figure(usual: dict[str, Figure]) -> None:
    figure = usual["Random, each trial trained in full: 60 trials"]
    assert not figure.goal
    assert figure.measured == (
        "0.5 val_loss (0.5-0.5) in 90 epochs (90-90); as good as Random in the end after 90 epochs (90-90)"
    )


def test_a_median_has_its_interval() -> None:
    assert middle([512.0] * 20, "epochs") == "512 epochs (512-512)"


def test_ways_to_search_are_experiments() -> None:
    spec = SHORT.experiment(7)["spec"]
    assert spec["search"] == {"method": "TPE", "seed": 7}
    assert (spec["schedule"]["method"], spec["maxTrials"], spec["template"]["spec"]["training"]["epochs"]) == (
        "ASHA",
        60,
        9,
    )
