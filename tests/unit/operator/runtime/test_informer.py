"""What lists tell: what is new, what is gone, and from when on all is known; whatever becomes of the rest of them."""

from dataclasses import replace
from typing import Any

import pytest
from epochal_operator.runtime.api.pages import Page
from epochal_operator.runtime.api.resource import Key
from epochal_operator.runtime.informer import Informer, Listing
from epochal_operator.runtime.kind import store_for
from epochal_operator.runtime.store import Source
from epochal_operator.trainingjob.resources import TRAINING_JOBS

from tests.unit.operator.objects import KIND, document
from tests.unit.operator.runtime.sweeps import LABEL, SWEEP, SWEEPS

JOB = document()
KEY = Key(JOB["metadata"]["namespace"], JOB["metadata"]["name"])


def informer_of(wanted: list[Key]) -> Informer:
    return Informer(store_for([KIND]), {KIND: wanted.append})


def in_namespace(namespace: str) -> Any:
    return JOB | {"metadata": JOB["metadata"] | {"namespace": namespace, "uid": f"uid-in-{namespace}"}}


def test_each_namespace_is_looked_at_once_it_is_known() -> None:
    wanted = list[Key]()
    informer = informer_of(wanted)
    for namespace in ("first", "last"):
        listing = Listing(informer, Source(TRAINING_JOBS), namespace)
        listing.take(Page([in_namespace(namespace)], "50"))
        listing.end("50")
    for source in informer.sources[1:]:
        Listing(informer, source, "last").end("50")
    assert wanted == [Key("last", "digits")]


async def test_one_object_that_cannot_be_understood_is_no_matter_of_the_others() -> None:
    wanted = list[Key]()
    informer = informer_of(wanted)
    bad = in_namespace("bad") | {"spec": {"training": "none"}}
    listing = Listing(informer, Source(TRAINING_JOBS), None)
    listing.take(Page([bad, JOB], "50"))
    listing.end("50")
    assert informer.store.keys(TRAINING_JOBS) == [KEY]


def test_what_a_kind_wrote_itself_is_news_to_others_only() -> None:
    wanted: dict[str, list[Key]] = {"ours": [], "theirs": []}
    informer = Informer(store_for([KIND, SWEEP]), {KIND: wanted["ours"].append, SWEEP: wanted["theirs"].append})
    for source in informer.sources:
        informer.synced(source, None)
    trial = JOB | {"metadata": JOB["metadata"] | {"labels": {LABEL: "search"}}}
    informer.tell(informer.store.put(TRAINING_JOBS, trial), by=KIND)
    assert wanted == {"ours": [], "theirs": [Key("vision", "search")]}
    informer.remove(Source(TRAINING_JOBS), trial)
    assert wanted["ours"] == [KEY]


def test_a_kind_waits_for_what_it_has_to_do_with_alone() -> None:
    wanted: dict[str, list[Key]] = {"ours": [], "theirs": []}
    informer = Informer(store_for([KIND, SWEEP]), {KIND: wanted["ours"].append, SWEEP: wanted["theirs"].append})
    informer.put(TRAINING_JOBS, JOB)
    for source in KIND.sources:
        informer.synced(source, None)
    assert wanted == {"ours": [KEY], "theirs": []}


def test_a_kind_starts_without_an_optional_resource_that_is_not_served() -> None:
    wanted, optional = list[Key](), replace(KIND, optional=frozenset({SWEEPS}), woken_by={SWEEPS: lambda *_: ()})
    informer = Informer(store_for([optional]), {optional: wanted.append})
    informer.put(TRAINING_JOBS, JOB)
    for source in informer.sources:
        if source.resource != SWEEPS:
            informer.synced(source, None)
    informer.set_absent([TRAINING_JOBS])
    assert wanted == []
    informer.set_absent([SWEEPS])
    assert wanted == [KEY]
    informer.wake(optional, KEY)
    assert wanted == [KEY, KEY]
    informer.set_absent([])
    informer.wake(optional, KEY)
    assert wanted == [KEY, KEY], "it waits for the list of those that are served by now"
    informer.synced(Source(SWEEPS), None)
    assert wanted == [KEY, KEY, KEY]


def test_a_kind_waits_for_a_resource_that_it_cannot_do_without() -> None:
    wanted, strict = list[Key](), replace(KIND, woken_by={SWEEPS: lambda *_: ()})
    informer = Informer(store_for([strict]), {strict: wanted.append})
    informer.put(TRAINING_JOBS, JOB)
    informer.set_absent([SWEEPS])
    for source in informer.sources:
        if source.resource != SWEEPS:
            informer.synced(source, None)
    assert wanted == []


def test_a_kind_that_cannot_be_woken_does_not_hold_up_the_others(caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_: object) -> set[Key]:
        raise KeyError("after")

    wanted = list[Key]()
    kind = replace(SWEEP, owns=(), woken_by={TRAINING_JOBS: broken})
    informer = Informer(store_for([kind, KIND]), {kind: wanted.append, KIND: wanted.append})
    informer.put(TRAINING_JOBS, JOB)
    for source in informer.sources:
        listing = Listing(informer, source, None)
        listing.take(Page([in_namespace("other")] if source.resource == TRAINING_JOBS else [], "50"))
        listing.end("50")
    assert wanted == [other := Key("other", "digits")]
    informer.remove(Source(TRAINING_JOBS), in_namespace("other"))
    assert wanted == [other, other]
    assert "Sweeps are not woken by the TrainingJob other/digits" in caplog.text
    informer.tell(informer.store.put(TRAINING_JOBS, JOB | {"metadata": JOB["metadata"] | {"uid": "new"}}), by=KIND)
    assert wanted == [other, other]
