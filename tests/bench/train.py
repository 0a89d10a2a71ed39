"""The trainer beside a plain Keras script, both in pods of the same image, one at a time and in turn."""

from itertools import chain
from pathlib import Path
from statistics import mean, median

from tests.bench import pods
from tests.bench.figures import Figure, spread
from tests.bench.networks import Network
from tests.bench.pods import Run
from tests.bench.ratio import Ratio
from tests.bench.turns import Who, abba
from tests.kit import buckets
from tests.kit.jobs import Namespace

SCRIPT = Path(__file__).with_name("plain.py")
EPOCHS = 5
"""The first one traces the graph and is left out."""
MINIMA = 1.03
"""Most that the ratio of steady epochs may be, by minima."""
POD = 1.05
"""Most that the ratio of whole pods may be."""


def trainer_beside_script(namespace: Namespace, network: Network) -> list[Figure]:
    """Trains a network with the trainer and with the plain script in turn."""
    like = pods.raw_job(namespace, network.job(f"{network.name}-template", EPOCHS))
    given = {
        "ENDPOINT": buckets.HOST,
        "NETWORK": network.name,
        "EPOCHS": str(EPOCHS),
        "BATCH_SIZE": str(network.batch_size),
    }
    runs: dict[Who, list[Run]] = {"ours": [], "theirs": []}
    for number, who in abba(network.rounds):
        if who == "ours":
            run = pods.ours(namespace, network.job(f"{network.name}-{number}", EPOCHS))
        else:
            run = pods.plain(namespace, like, f"{network.name}-plain-{number}", SCRIPT.read_text(), **given)
        print(f"  {who:6} pod {run.pod:.0f} s, epochs {' '.join(f'{epoch:.2f}' for epoch in run.epochs)}", flush=True)
        runs[who].append(run)
    assert len({run.parameters for run in chain(*runs.values())}) == 1, "the two train different networks"
    return figures(network, runs["ours"], runs["theirs"])


def figures(network: Network, ours: list[Run], plain: list[Run]) -> list[Figure]:
    epochs = Ratio.of([run.epochs for run in ours], [run.epochs for run in plain])
    # Kubernetes tells a container's start and end in whole seconds: means of several know more than medians.
    whole = Ratio.of([[run.pod] for run in ours], [[run.pod] for run in plain], middle=mean)
    more = mean(run.pod for run in ours) - mean(run.pod for run in plain)
    return [
        Figure(
            f"steady epoch: {network.says}",
            f"a plain Keras script in the same image: {_spread(plain)}",
            f"{_spread(ours)}: {epochs.describe(network.goal)} by medians, {epochs.minima:.3f} by minima",
            f"at most {network.goal} by medians, {MINIMA} by minima",
            epochs.within(network.goal) and epochs.minima <= MINIMA,
        ),
        Figure(
            f"whole pod of {EPOCHS} epochs, start to exit: {network.says}",
            f"the same script: {spread([run.pod for run in plain])}",
            f"{spread([run.pod for run in ours])}: {whole.describe(POD)} by means, {more:+.1f} s",
            f"at most {POD} by means",
            whole.within(POD),
        ),
        _checkpoints(network, ours),
    ]


def _spread(runs: list[Run]) -> str:
    return spread([*chain(*(run.epochs for run in runs))])


def _checkpoints(network: Network, ours: list[Run]) -> Figure:
    """Returns the cost of a checkpoint: the training waits for its capture, and runs on while it is written."""
    all_of = [run.summary["checkpoints"] for run in ours]
    taken = sum(item["taken"] for item in all_of)
    size, captured, written = (
        sum(item[name] for item in all_of) / taken for name in ("bytes", "captureSeconds", "writeSeconds")
    )
    epoch = median(chain(*(run.epochs for run in ours)))
    return Figure(
        f"a checkpoint: {network.says}",
        f"an epoch: {epoch:.3g} s; {taken / len(ours):.3g} taken in {EPOCHS}",
        f"{size / 1e6:.3g} MB, captured in {captured * 1000:.3g} ms, written beside the training in {written:.3g} s",
    )
