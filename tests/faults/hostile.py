"""Objects that a user of a namespace, or an attacker with more rights, writes to stop the operator."""

import json
import random
from collections.abc import Iterator
from typing import Any

from epochal_api.experiment.ledger import KIND
from epochal_api.experiment.spec import trial_name
from epochal_operator.experiment.trial_job import EXPERIMENT_LABEL, LEDGER_LENGTH_ANNOTATION, PARAMETERS_ANNOTATION

from tests.kit.jobs import digits, search
from tests.kit.kubectl import Object
from tests.kit.large_ledgers import HOSTILE, bomb, hostile

OLD_LEDGER = "epochal.dev/trials"
"""The annotation that held the ledger before there were ExperimentLedgers."""
ANNOTATION_BYTES = 200 * 1024
"""An object's annotations have 256 KiB in all: https://pkg.go.dev/k8s.io/apimachinery/pkg/api/validation."""
NOWHERE: Object = {"kubernetes.io/hostname": "nowhere"}
"""No node has this label, so no trial takes the machine's time."""
COUNT = 8
"""Ledgers: as many as an Experiment may warm-start from."""
PARAMETERS, VALUES = 16, 6
"""Parameters of a search with the longest texts, and values of each. The operator reads annotations up to 20 KiB, and
specs up to 128 KiB."""
LONGEST_TRIALS = 200
"""TrainingJobs with the longest annotations: in a ledger each takes 49 KB."""
_BOMBS = '["Later"]', '["Started",0,0,"u"]'
_LINES = HOSTILE[: COUNT - len(_BOMBS)]


def experiment(name: str, **changes: Any) -> Object:
    """Returns an Experiment with one parameter, whose trials find no node."""
    rate = {"name": "rate", "paths": ["training.optimizer.learning_rate"], "float": {"min": "0.001", "max": "0.9"}}
    method = {"method": "TPE", "seed": 7}
    shared: dict[str, Any] = {"parameters": [rate], "search": method, "maxTrials": 1000, "parallelism": 1}
    return search(name, {"scheduling__nodeSelector": NOWHERE}, **(shared | changes))


def ledger_data(number: int, uid: str) -> str:
    """Returns the data of a ledger of the largest size, which repeats one of the COUNT kinds of lines."""
    first = [json.dumps(["Owner", uid]), '["Created",0,{"rate":"0.1"},0]']
    return hostile(first, _LINES[number]) if number < len(_LINES) else bomb(first, _BOMBS[number - len(_LINES)])


def ledger(owner: Object, data: str) -> Object:
    metadata = owner["metadata"]
    reference = {key: owner[key] for key in ("apiVersion", "kind")}
    reference |= {key: metadata[key] for key in ("name", "uid")} | {"controller": True}
    return {
        "apiVersion": owner["apiVersion"],
        "kind": KIND,
        "metadata": {"name": metadata["name"], "ownerReferences": [reference]},
        "data": data,
    }


def with_old_ledger(name: str, text: str) -> Object:
    """Returns an Experiment with a text in the annotation that no operator reads any more."""
    made = experiment(name, suspend=True)
    made["metadata"]["annotations"] = {OLD_LEDGER: text}
    return made


def trials(owner: Object) -> Iterator[Object]:
    """Yields TrainingJobs that pretend to be trials of an Experiment, with annotations that no operator writes."""
    for number, (parameters, known) in enumerate(_ANNOTATIONS):
        yield _trial(owner, number, parameters, known)


def longest_search(name: str) -> Object:
    """Returns a suspended Experiment whose values are the longest possible texts."""
    names = [f"d{number:02}" for number in range(PARAMETERS)]
    hidden = [{"layer": "Dense", "name": name, "units": 4, "activation": "relu"} for name in names]
    layers = [{"layer": "Flatten"}, *hidden, {"layer": "Dense", "units": 10, "activation": "softmax"}]
    dice = random.Random(0)  # noqa: S311 - equal in each run
    parameters = [
        {"name": name, "paths": [f"network.layers[{name}].activation"], "values": [_text(dice) for _ in range(VALUES)]}
        for name in names
    ]
    made = experiment(name, parameters=parameters, suspend=True)
    made["spec"]["template"]["spec"]["network"]["layers"] = layers
    return made


def longest_trials(owner: Object) -> Iterator[Object]:
    """Yields TrainingJobs that pretend to be trials of a `longest_search`, with annotations that it could have."""
    dice = random.Random(1)  # noqa: S311 - equal in each run
    for number in range(LONGEST_TRIALS):
        values = {item["name"]: dice.choice(item["values"]) for item in owner["spec"]["parameters"]}
        yield _trial(owner, number, json.dumps(values, ensure_ascii=False), "0")


def _text(dice: random.Random) -> str:
    """Returns a text of 256 characters, each of which takes twelve in the JSON of a ledger."""
    return "".join(chr(0x20000 + dice.randrange(1024)) for _ in range(256))


def _trial(owner: Object, number: int, parameters: str, known: str) -> Object:
    metadata = owner["metadata"]
    job = digits(trial_name(metadata["name"], number, 0), suspend=True)
    job["metadata"] |= {
        "labels": {EXPERIMENT_LABEL: metadata["name"]},
        "ownerReferences": ledger(owner, "")["metadata"]["ownerReferences"],
        "annotations": {PARAMETERS_ANNOTATION: parameters, LEDGER_LENGTH_ANNOTATION: known},
    }
    return job


_NAMES = ANNOTATION_BYTES // 12
_ANNOTATIONS = (
    ("[" * ANNOTATION_BYTES, "0"),
    ('{"rate":' * (ANNOTATION_BYTES // 8), "0"),
    (json.dumps({str(number): "" for number in range(_NAMES)}), "0"),
    (json.dumps({"rate": "9" * (ANNOTATION_BYTES - 20)}), "0"),
    (json.dumps({"rate": "1e999"}), "0"),
    ('{"rate":' + "9" * (ANNOTATION_BYTES - 20) + "}", "0"),
    ('{"rate":"0.1"}', "9" * (ANNOTATION_BYTES - 20)),
    ('{"rate":"0.1"}', "-1"),
    ("{" + '"rate":"0.1",' * (ANNOTATION_BYTES // 14) + '"rate":"0.1"}', "0"),
)
