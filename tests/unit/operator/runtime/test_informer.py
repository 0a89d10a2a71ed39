"""The informer: which objects lists and changes enqueue, and when."""

from dataclasses import replace
from typing import Any

import pytest
from epochal_operator.runtime.api.pages import Page
from epochal_operator.runtime.api.resource import Key
from epochal_operator.runtime.informer import Informer
from epochal_operator.runtime.kind import store_for
from epochal_operator.runtime.store import Source
from epochal_operator.trainingjob.resources import TRAINING_JOBS

from tests.unit.operator.fakes import AddedKeys
from tests.unit.operator.objects import KIND, document
from tests.unit.operator.runtime.sweeps import LABEL, SWEEP, SWEEPS

JOB = document()
KEY = Key(JOB["metadata"]["namespace"], JOB["metadata"]["name"])


def informer_of(enqueued: AddedKeys) -> Informer:
    return Informer(store_for([KIND]), {KIND: enqueued.add})


def informer_of_both() -> tuple[Informer, dict[str, AddedKeys]]:
    enqueued: dict[str, AddedKeys] = {"jobs": AddedKeys(), "sweeps": AddedKeys()}
    return Informer(store_for([KIND, SWEEP]), {KIND: enqueued["jobs"].add, SWEEP: enqueued["sweeps"].add}), enqueued


def list_objects(informer: Informer, source: Source, *objects: Any, namespace: str | None = None) -> None:
    informer.finish_list(source, informer.put_page(source, Page([*objects], "50")), "50", namespace)


def in_namespace(namespace: str) -> Any:
    return JOB | {"metadata": JOB["metadata"] | {"namespace": namespace, "uid": f"uid-in-{namespace}"}}


def test_the_objects_of_a_namespace_are_enqueued_when_its_lists_are_complete() -> None:
    enqueued = AddedKeys()
    informer = informer_of(enqueued)
    for namespace in ("first", "last"):
        list_objects(informer, Source(TRAINING_JOBS), in_namespace(namespace), namespace=namespace)
    for source in informer.sources[1:]:
        list_objects(informer, source, namespace="last")
    assert enqueued == [Key("last", "digits")]


def test_new_objects_are_enqueued_first_and_finished_ones_last() -> None:
    enqueued = AddedKeys()
    informer = informer_of(enqueued)
    finished, running, changed = [in_namespace(name) for name in ("finished", "running", "changed")]
    for obj in (finished, running, changed):
        obj["status"] = {"observedGeneration": obj["metadata"]["generation"]}
    finished["status"]["conditions"] = [{"type": "Finished", "status": "True"}]
    changed["status"]["observedGeneration"] -= 1
    list_objects(informer, Source(TRAINING_JOBS), finished, running, JOB, changed)
    for source in informer.sources[1:]:
        list_objects(informer, source)
    order = [KEY, *(Key(name, KEY.name) for name in ("changed", "running", "finished"))]
    assert enqueued == order
    informer.enqueue_all()
    assert enqueued == [*order, *order]


def test_finished_objects_and_those_of_a_resync_have_low_priority() -> None:
    enqueued = AddedKeys()
    informer = informer_of(enqueued)
    finished, corrected = in_namespace("finished"), in_namespace("corrected")
    finished["status"] = {"observedGeneration": 1, "conditions": [{"type": "Finished", "status": "True"}]}
    corrected["status"] = finished["status"]
    corrected["metadata"]["generation"] = 2
    list_objects(informer, Source(TRAINING_JOBS), finished, corrected, JOB)
    for source in informer.sources[1:]:
        list_objects(informer, source)
    assert enqueued.low_priority == {Key("finished", KEY.name)}
    informer.enqueue_all()
    assert enqueued.low_priority == {Key("finished", KEY.name), Key("corrected", KEY.name), KEY}
    informer.put(TRAINING_JOBS, JOB | {"metadata": JOB["metadata"] | {"resourceVersion": "70"}})
    assert enqueued.low_priority == {Key("finished", KEY.name), Key("corrected", KEY.name)}


def test_a_change_by_a_kind_enqueues_only_objects_of_other_kinds() -> None:
    informer, enqueued = informer_of_both()
    for source in informer.sources:
        informer.mark_synced(source, None)
    trial = JOB | {"metadata": JOB["metadata"] | {"labels": {LABEL: "search"}}}
    informer.enqueue_affected(informer.store.put(TRAINING_JOBS, trial), by=KIND)
    assert enqueued == {"jobs": [], "sweeps": [Key("vision", "search")]}
    informer.remove(Source(TRAINING_JOBS), trial)
    assert enqueued["jobs"] == [KEY]


def test_a_kind_waits_only_for_its_own_sources() -> None:
    informer, enqueued = informer_of_both()
    informer.put(TRAINING_JOBS, JOB)
    for source in KIND.sources:
        informer.mark_synced(source, None)
    assert enqueued == {"jobs": [KEY], "sweeps": []}


def test_a_kind_starts_without_an_optional_resource_that_is_not_served() -> None:
    enqueued, optional = AddedKeys(), replace(KIND, optional=frozenset({SWEEPS}), watches={SWEEPS: lambda *_: ()})
    informer = Informer(store_for([optional]), {optional: enqueued.add})
    informer.put(TRAINING_JOBS, JOB)
    for source in informer.sources:
        if source.resource != SWEEPS:
            informer.mark_synced(source, None)
    informer.set_absent([TRAINING_JOBS])
    assert enqueued == []
    informer.set_absent([SWEEPS])
    assert enqueued == [KEY]
    informer.enqueue(optional, KEY)
    assert enqueued == [KEY, KEY]
    informer.set_absent([])
    informer.enqueue(optional, KEY)
    assert enqueued == [KEY, KEY], "the list of the resource is missing"
    informer.mark_synced(Source(SWEEPS), None)
    assert enqueued == [KEY, KEY, KEY]


def test_a_kind_waits_for_a_required_resource() -> None:
    enqueued, strict = AddedKeys(), replace(KIND, watches={SWEEPS: lambda *_: ()})
    informer = Informer(store_for([strict]), {strict: enqueued.add})
    informer.put(TRAINING_JOBS, JOB)
    informer.set_absent([SWEEPS])
    for source in informer.sources:
        if source.resource != SWEEPS:
            informer.mark_synced(source, None)
    assert enqueued == []


def test_a_failing_map_function_does_not_stop_the_other_kinds(caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_: object) -> set[Key]:
        raise KeyError("after")

    enqueued = AddedKeys()
    kind = replace(SWEEP, owns=(), watches={TRAINING_JOBS: broken})
    informer = Informer(store_for([kind, KIND]), {kind: enqueued.add, KIND: enqueued.add})
    informer.put(TRAINING_JOBS, JOB)
    for source in informer.sources:
        list_objects(informer, source, *([in_namespace("other")] if source.resource == TRAINING_JOBS else []))
    assert enqueued == [other := Key("other", "digits")]
    informer.remove(Source(TRAINING_JOBS), in_namespace("other"))
    assert enqueued == [other, other]
    assert "cannot enqueue the Sweeps of the TrainingJob other/digits" in caplog.text
    informer.enqueue_affected(
        informer.store.put(TRAINING_JOBS, JOB | {"metadata": JOB["metadata"] | {"uid": "new"}}), by=KIND
    )
    assert enqueued == [other, other]
