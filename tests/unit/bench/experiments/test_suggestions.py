from collections import Counter

import pytest
from epochal_operator.experiment.search.request import Request

from tests.bench.experiments.suggestions import KNOWN, _natively, suggest_requests


@pytest.fixture(scope="module")
def asked() -> tuple[Request, Request]:
    return suggest_requests()


def test_the_request_has_a_thousand_known_trials(asked: tuple[Request, Request]) -> None:
    one, hundred = asked
    assert (len(one.numbers), len(hundred.numbers)) == (1, 100)
    assert len(one.known_trials) == KNOWN
    assert one.search.method == "TPE"
    assert one == hundred.model_copy(update={"numbers": one.numbers})
    rungs = Counter(len(known.values) for known in one.known_trials[1:])
    assert max(rungs) == 4
    assert rungs[1] > rungs[2] > rungs[3]
    assert {known.state for known in one.known_trials} >= {"Stopped", "Complete"}


def test_optuna_gets_the_same_trials_as_numbers(asked: tuple[Request, Request]) -> None:
    question = asked[0]
    given = _natively(question)
    assert len(given) == sum(bool(known.values) for known in question.known_trials)
    assert question.known_trials[0].parameters["learningRate"] == "0.003"
    assert given[0] == {
        "state": question.known_trials[0].state,
        "parameters": {"learningRate": 0.003, "filters": 16, "dropout": 0.2, "optimizer": "Adam"},
        "values": question.known_trials[0].values,
    }
