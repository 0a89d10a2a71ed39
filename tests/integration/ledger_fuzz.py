"""Mutated ledgers that the real Reconciler reconciles."""

import base64
import gzip
import json
import random
import time
from datetime import timedelta
from typing import Any

from epochal_operator.experiment.ledger.encoding import MAX_LEDGER_BYTES

from tests.kit.large_ledgers import HOSTILE, hostile, packed
from tests.unit.operator.experiment.cluster import KEY, Cluster

WORLD = 250
"""Ledgers until the cluster is replaced: each may leave TrainingJobs behind. One of them is as large as can be."""
ROUNDS = 20
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 10**9, 10**9 + 1, 10**400, 0.5, "", "0.5", "nan", "inf", "1e999", "-0"),
    *("\x00", "\ud800", "é" * 256, "x" * 257, "x" * 5000, [], {}, [[]], {"rate": "0.1"}, {"rate": 0.1}, {"": ""}),
)
_KINDS = ("Owner", "Created", "Started", "Finished", "Diverged", "Failed", "Dropped", "Warm", "Exhausted", "Later")


async def fuzz(count: int, seed: int) -> float:
    """Reconciles mutated ledgers; returns the CPU seconds of the slowest one.

    Args:
        count: How many.
        seed: The seed of the mutations.

    Raises:
        Exception: If a reconcile fails, or does not settle.
    """
    dice, slowest = random.Random(seed), 0.0  # noqa: S311 - by the seed it is the same each time
    for _ in range(0, count, WORLD):
        cluster = await _search(dice)
        lines = gzip.decompress(base64.b64decode(cluster.ledger())).decode().splitlines()
        for number in range(min(WORLD, count)):
            data = hostile(lines, dice.choice(HOSTILE)) if number == WORLD // 2 else _mutated(dice, lines)
            cluster.objects.patch("experimentledgers", *KEY, {"data": data})
            cluster.reconciler._applier.ledgers.forget(KEY)
            began = time.process_time()
            await _settled(cluster)
            slowest = max(slowest, time.process_time() - began)
            assert cluster.status()["state"]
            assert len(cluster.ledger()) <= MAX_LEDGER_BYTES
            cluster.objects.compact()
    return slowest


async def _search(dice: random.Random) -> Cluster:
    cluster = Cluster(maxTrials=6, parallelism=2, epochs=9)
    await cluster.settle()
    for _ in range(dice.randrange(5)):
        cluster.run_trainers()
        cluster.now += timedelta(seconds=60)
        await cluster.settle()
    return cluster


async def _settled(cluster: Cluster) -> None:
    for _ in range(ROUNDS):
        if await cluster.reconciler.reconcile(KEY) != 0:
            return
    raise AssertionError("a reconcile is always due")


def _mutated(dice: random.Random, lines: list[str]) -> str:
    if dice.random() < 0.3:
        return _spoiled(dice, packed("\n".join([*lines, ""])))
    changed = list(lines)
    for _ in range(dice.randint(1, 4)):
        place = dice.randrange(len(changed) + 1) if changed else 0
        match dice.randrange(5):
            case 0:
                changed[place : place + dice.randint(1, 3)] = []
            case 1:
                changed.insert(place, dice.choice(lines))
            case 2:
                changed.insert(place, _line(dice))
            case 3:
                dice.shuffle(changed)
            case _:
                changed[place : place + 1] = [_changed(dice, line) for line in changed[place : place + 1]]
    return packed("\n".join([*changed, ""]))


def _changed(dice: random.Random, line: str) -> str:
    """Returns a line with one other field."""
    try:
        fields = json.loads(line)
        fields[dice.randrange(len(fields))] = dice.choice(_VALUES)
    except (ValueError, TypeError, IndexError, KeyError, RecursionError):
        return line[: dice.randrange(len(line) + 1)]
    return json.dumps(fields)


def _line(dice: random.Random) -> str:
    if dice.random() < 0.2:
        return dice.choice(["[" * 3000, "{" * 3000, '"', "[]", "{}", "null", "1" * 5000, "[" + "[]," * 3000 + "0]"])
    return json.dumps([dice.choice(_KINDS), *(dice.choice(_VALUES) for _ in range(dice.randrange(9)))])


def _spoiled(dice: random.Random, text: str) -> str:
    """Returns a text of which characters are changed, or its end is missing."""
    place = dice.randrange(len(text))
    return dice.choice(
        [text[:place], text[:place] + dice.choice("A/+=%é \n") + text[place + 1 :], text[place:], text + text, ""]
    )


def warm_from_the_largest() -> Cluster:
    """Returns a search with a warm start from eight of the largest ledgers."""
    names = [f"large-{number}" for number in range(8)]
    cluster = Cluster(maxTrials=4, parallelism=2, epochs=9, warmStartFrom=[{"name": name} for name in names])
    for name, lines in zip(names, HOSTILE[1:], strict=True):
        spec = cluster.experiment()["spec"]
        made = cluster.objects.create("experiments", KEY.namespace, {"metadata": {"name": name}, "spec": spec})
        first = [json.dumps(["Owner", made["metadata"]["uid"]]), '["Created",0,{"rate":"0.1"},0]']
        cluster.create_ledger_object(name, hostile(first, lines), made["metadata"]["uid"])
    return cluster
