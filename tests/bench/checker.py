"""How long the checker takes for networks of 100 and 500 layers, and for an edit, beside Keras' own calls."""

import asyncio
import json
import time
import urllib.request
from functools import partial
from itertools import count
from statistics import median
from typing import Any

from epochal_api.checker import CHECK_PATH, PORT

from tests.bench import pods
from tests.bench.at_once import NODES, RESOURCES, SCHEDULING, clear, start_rate
from tests.bench.figures import Figure, percentile, spread
from tests.bench.ratio import Ratio
from tests.bench.schedule import timed, until, until_created
from tests.bench.turns import Who, abba
from tests.kit import kwok, operator
from tests.kit.jobs import Namespace, digits
from tests.kit.kubectl import Object, items, kubectl

QUESTIONS = 30
ROUNDS = 15
MANY = 1000
"""TrainingJobs that are created at once."""
SHARE = 0.9
"""Least share of the starts a second without questions."""
SELECTOR = "app.kubernetes.io/name=epochal-checker"
GOALS = {100: 0.3, 500: 2.0}
"""Seconds at the 95th percentile, by the number of layers."""
EDIT_SECONDS = 0.3
KERAS = """
import json, time, keras
def build(count):
    begin = time.monotonic()
    with keras.StatelessScope(initialize_variables=False):
        tensor = keras.Input((28, 28, 1))
        for index in range(count - 2):
            even = index % 2 == 0
            layer = keras.layers.Conv2D(8, 3, padding="same") if even else keras.layers.BatchNormalization()
            tensor = layer(tensor)
        keras.layers.Dense(10)(keras.layers.Flatten()(tensor))
    return time.monotonic() - begin
build(10)
print("Seconds:", json.dumps({count: [build(count) for _ in range(5)] for count in (100, 500)}))
"""
"""The same layers by Keras alone."""


def network(layers: int, units: int, filters: int = 8) -> dict[str, Any]:
    """Returns a network of so many layers, which differs from others in its first layer or its last."""
    conv = {"layer": "Conv2D", "filters": filters, "kernel_size": 3, "padding": "same"}
    pairs = [conv if index % 2 == 0 else {"layer": "BatchNormalization"} for index in range(layers - 2)]
    return {
        "input": {"shape": [28, 28, 1]},
        "layers": [*pairs, {"layer": "Flatten"}, {"layer": "Dense", "units": units}],
    }


def checker(namespace: Namespace) -> list[Figure]:
    """Measures questions about new networks, and about edits at the end of the last one."""
    like = pods.raw_job(namespace, digits("checker-template"))
    log = pods.script(namespace, like, "checker-keras", KERAS)
    alone, numbers, figures = json.loads(log.rpartition("Seconds:")[2]), count(1), []
    for layers, goal in GOALS.items():
        seconds = [_ask(network(layers, 10, 8 + next(numbers))) for _ in range(QUESTIONS)]
        baseline = f"Keras' own calls: {spread(alone[str(layers)])}"
        figures.append(figure(f"the checker: a new network of {layers} layers", baseline, seconds, goal))
    _ask(network(500, 10))
    edits = [_ask(network(500, 10 + next(numbers))) for _ in range(QUESTIONS)]
    figures.append(figure("the checker: an edit at the end of 500 layers", "", edits, EDIT_SECONDS))
    return [*figures, Figure("memory of the checker", "", f"{_megabytes():.0f} MB with 4 networks")]


def refused(namespace: Namespace) -> list[Figure]:
    """Measures the time from `kubectl apply` of a network with a wrong shape until its TrainingJob is Failed."""
    seconds = list[float]()
    with timed(namespace.name, "tj") as seen:
        for number in range(ROUNDS):
            job, began = digits(f"refused-{number}"), time.time()
            layers = [{"layer": "Conv2D", "filters": 8 + number, "kernel_size": 9}, {"layer": "Flatten"}]
            job["spec"]["network"] = {"input": {"shape": [8, 8, 1]}, "layers": layers}
            namespace.apply(job)
            seconds.append(until(seen, partial(_is_refused, name=job["metadata"]["name"])) - began)
    return [figure("apply -> InvalidNetwork, a convolution larger than its input, without a pod", "", seconds, 1.0)]


def _is_refused(job: Object, name: str) -> bool:
    """Returns whether a TrainingJob of this name is Failed, which only the checker may have caused."""
    status = job.get("status", {})
    if job["metadata"]["name"] != name or status.get("state") != "Failed":
        return False
    (failed,) = [condition for condition in status["conditions"] if condition["type"] == "Failed"]
    assert failed["reason"] == "InvalidNetwork", failed
    assert "startTime" not in status, "a pod has run"
    return True


def asked_and_not(namespace: Namespace) -> list[Figure]:
    """Creates TrainingJobs of different networks, in turn asked about and not, one by one and many at once.

    With the default image in its spec.image, a TrainingJob is the same but for the question.
    """
    image = _pod()["spec"]["containers"][0]["image"]
    times: dict[str, list[float]] = {"asked": [], "not": []}
    with timed(namespace.name, "pods") as seen:
        for number in range(ROUNDS):
            for who, seconds in times.items():
                name, began = f"{who}-{number}", time.time()
                namespace.apply(_different(name, number, None if who == "asked" else image))
                seconds.append(until_created(seen, name) - began)
                kubectl("delete", "tj", name, "--namespace", namespace.name, "--cascade=foreground", "--wait")
    more = (median(times["asked"]) - median(times["not"])) * 1000
    rates: dict[Who, list[float]] = {"ours": [], "theirs": []}
    with kwok.nodes(NODES):
        for number, turn in abba(2):
            given = None if turn == "ours" else image
            jobs = [
                _different(f"{turn}-{number}-{item}", MANY * number + item, given, on_kwok=True) for item in range(MANY)
            ]
            rates[turn].append(asyncio.run(start_rate(namespace.name, "trainingjobs", jobs)))
            clear(namespace.name, "trainingjobs", turn)
    ratio = Ratio.of([[rate] for rate in rates["ours"]], [[rate] for rate in rates["theirs"]])
    return [
        Figure(
            "apply -> pod created, TrainingJob that the checker is asked about",
            f"the same, not asked: {spread(times['not'])}",
            f"{spread(times['asked'])}: {more:+.0f} ms",
            "at most +100 ms at the median",
            more <= 100,
        ),
        Figure(
            f"{MANY} TrainingJobs of different networks created at once on nodes of kwok: starts",
            f"the same, not asked: {spread(rates['theirs'], '/s')}",
            f"{spread(rates['ours'], '/s')}: {ratio.describe_minimum(SHARE)}",
            f"at least {SHARE:g}",
            ratio.reaches(SHARE),
        ),
    ]


def _different(name: str, number: int, image: str | None, *, on_kwok: bool = False) -> Any:
    """Returns a TrainingJob with a network that no other number has."""
    changes = {"scheduling": SCHEDULING, "resources": RESOURCES} if on_kwok else {}
    job = digits(name, image=image, **changes)
    job["spec"]["network"]["layers"][2]["name"] = f"flatten_{number}"
    return job


def figure(name: str, baseline: str, seconds: list[float], goal: float) -> Figure:
    """Returns the line for questions that took these seconds."""
    p95 = percentile(seconds, 0.95)
    return Figure(name, baseline, f"p95 {p95:.3g} s, {spread(seconds)}", f"p95 {goal:g} s", p95 <= goal)


def _pod() -> Any:
    (pod,) = items("pods", namespace=operator.NAMESPACE, selector=SELECTOR)
    return pod


def _ask(asked: Any) -> float:
    """Asks the checker about a network, and returns the seconds of the answer."""
    address = f"http://{_pod()['status']['podIP']}:{PORT}{CHECK_PATH}"
    body, begin = json.dumps({"network": asked}).encode(), time.monotonic()
    with urllib.request.urlopen(address, data=body, timeout=30) as response:
        answer = json.load(response)
    seconds = time.monotonic() - begin
    assert not [layer for layer in answer["layers"] if "error" in layer]
    return seconds


def _megabytes() -> float:
    """Returns the memory of the checker's control group without file cache."""
    read = "import epochal_lib.cgroups as c; own = next(c.groups()); print(own.used - own.files)"
    command = ("exec", _pod()["metadata"]["name"], "--namespace", operator.NAMESPACE, "--", "python", "-c", read)
    return int(kubectl(*command)) / 1e6
