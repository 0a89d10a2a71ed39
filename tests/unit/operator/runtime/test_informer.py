"""What lists tell: what is new, what is gone, and from when on all is known; whatever becomes of the rest of them."""

from dataclasses import replace
from typing import Any

import pytest
from epochal_operator.runtime.api.pages import Page
from epochal_operator.runtime.api.resource import Key
from epochal_operator.runtime.informer import Informer
from epochal_operator.runtime.kind import store_for
from epochal_operator.runtime.store import Source
from epochal_operator.trainingjob.resources import TRAINING_JOBS

from tests.unit.operator.objects import KIND, document
from tests.unit.operator.runtime.sweeps import LABEL, SWEEP, SWEEPS

JOB = document()
KEY = Key(JOB["metadata"]["namespace"], JOB["metadata"]["name"])


def informer_of(wanted: list[Key]) -> Informer:
    return Informer(store_for([KIND]), {KIND: wanted.append})


def list_objects(informer: Informer, source: Source, *objects: Any, namespace: str | None = None) -> None:
    informer.finish_list(source, informer.put_page(source, Page([*objects], "50")), "50", namespace)


def in_namespace(namespace: str) -> Any:
    return JOB | {"metadata": JOB["metadata"] | {"namespace": namespace, "uid": f"uid-in-{namespace}"}}


def test_the_objects_of_a_namespace_are_enqueued_when_its_lists_are_complete() -> None:
    wanted = list[Key]()
    informer = informer_of(wanted)
    for namespace in ("first", "last"):
        list_objects(informer, Source(TRAINING_JOBS), in_namespace(namespace), namespace=namespace)
    for source in informer.sources[1:]:
        list_objects(informer, source, namespace="last")
    assert wanted == [Key("last", "digits")]


async def test_an_unreadable_object_does_not_stop_the_others() -> None:
    wanted = list[Key]()
    informer = informer_of(wanted)
    bad = in_namespace("bad") | {"spec": {"training": "none"}}
    list_objects(informer, Source(TRAINING_JOBS), bad, JOB)
    assert informer.store.keys(TRAINING_JOBS) == [KEY]


def test_a_change_by_a_kind_enqueues_only_objects_of_other_kinds() -> None:
    wanted: dict[str, list[Key]] = {"ours": [], "theirs": []}
    informer = Informer(store_for([KIND, SWEEP]), {KIND: wanted["ours"].append, SWEEP: wanted["theirs"].append})
    for source in informer.sources:
        informer.mark_synced(source, None)
    trial = JOB | {"metadata": JOB["metadata"] | {"labels": {LABEL: "search"}}}
    informer.enqueue_affected(informer.store.put(TRAINING_JOBS, trial), by=KIND)
    assert wanted == {"ours": [], "theirs": [Key("vision", "search")]}
    informer.remove(Source(TRAINING_JOBS), trial)
    assert wanted["ours"] == [KEY]


def test_a_kind_waits_only_for_its_own_sources() -> None:
    wanted: dict[str, list[Key]] = {"ours": [], "theirs": []}
    informer = Informer(store_for([KIND, SWEEP]), {KIND: wanted["ours"].append, SWEEP: wanted["theirs"].append})
    informer.put(TRAINING_JOBS, JOB)
    for source in KIND.sources:
        informer.mark_synced(source, None)
    assert wanted == {"ours": [KEY], "theirs": []}


def test_a_kind_starts_without_an_optional_resource_that_is_not_served() -> None:
    wanted, optional = list[Key](), replace(KIND, optional=frozenset({SWEEPS}), watches={SWEEPS: lambda *_: ()})
    informer = Informer(store_for([optional]), {optional: wanted.append})
    informer.put(TRAINING_JOBS, JOB)
    for source in informer.sources:
        if source.resource != SWEEPS:
            informer.mark_synced(source, None)
    informer.set_absent([TRAINING_JOBS])
    assert wanted == []
    informer.set_absent([SWEEPS])
    assert wanted == [KEY]
    informer.enqueue(optional, KEY)
    assert wanted == [KEY, KEY]
    informer.set_absent([])
    informer.enqueue(optional, KEY)
    assert wanted == [KEY, KEY], "it waits for the list of those that are served by now"
    informer.mark_synced(Source(SWEEPS), None)
    assert wanted == [KEY, KEY, KEY]


def test_a_kind_waits_for_a_required_resource() -> None:
    wanted, strict = list[Key](), replace(KIND, watches={SWEEPS: lambda *_: ()})
    informer = Informer(store_for([strict]), {strict: wanted.append})
    informer.put(TRAINING_JOBS, JOB)
    informer.set_absent([SWEEPS])
    for source in informer.sources:
        if source.resource != SWEEPS:
            informer.mark_synced(source, None)
    assert wanted == []


def test_a_failing_map_function_does_not_stop_the_other_kinds(caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_: object) -> set[Key]:
        raise KeyError("after")

    wanted = list[Key]()
    kind = replace(SWEEP, owns=(), watches={TRAINING_JOBS: broken})
    informer = Informer(store_for([kind, KIND]), {kind: wanted.append, KIND: wanted.append})
    informer.put(TRAINING_JOBS, JOB)
    for source in informer.sources:
        list_objects(informer, source, *([in_namespace("other")] if source.resource == TRAINING_JOBS else []))
    assert wanted == [other := Key("other", "digits")]
    informer.remove(Source(TRAINING_JOBS), in_namespace("other"))
    assert wanted == [other, other]
    assert "cannot enqueue the Sweeps of the TrainingJob other/digits" in caplog.text
    informer.enqueue_affected(
        informer.store.put(TRAINING_JOBS, JOB | {"metadata": JOB["metadata"] | {"uid": "new"}}), by=KIND
    )
    assert wanted == [other, other]
