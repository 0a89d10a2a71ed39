"""The trials of other Experiments for a warm start."""

from typing import Any

import pytest
from epochal_operator.experiment.ledger import warm_start
from epochal_operator.experiment.ledger.encoding import MAX_LEDGER_BYTES, encode, sizes
from epochal_operator.experiment.ledger.events import WarmStartTrial
from epochal_operator.experiment.observed import ParsedSpec
from epochal_operator.experiment.search_space.space import Space

from tests.unit.operator.experiment.searches import spec, spec_document

WANTED = ParsedSpec(spec(), spec_document(), Space.of(spec().parameters))


def known(count: int, **parameters: str) -> list[WarmStartTrial]:
    return [
        WarmStartTrial("other", number, {**parameters, "n": str(number)}, str(number), 1) for number in range(count)
    ]


def test_too_many_trials_are_limited_to_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = list[int]()

    def counting(events: Any) -> str:
        packed.append(len(events))
        return encode(events)

    monkeypatch.setattr(warm_start, "encode", counting)
    found = warm_start._limit_bytes(known(8000, **{f"p{number}": "\u00e9" * 256 for number in range(8)}), WANTED)
    assert 0 < sizes(encode(found)).used <= MAX_LEDGER_BYTES // 2
    assert min(float(one.value) for one in found) == 8000 - len(found)
    assert sum(packed) <= 10 * 8000


def test_a_too_large_trial_is_omitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm_start, "MAX_LEDGER_BYTES", 20)
    assert warm_start._limit_bytes(known(3), WANTED) == ()


def test_few_trials_keep_their_order() -> None:
    assert warm_start._limit_bytes(known(3), WANTED) == tuple(known(3))
