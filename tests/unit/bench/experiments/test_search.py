import pytest
from epochal_api.experiment.spec import parse
from epochal_operator.experiment.search_space.check import check
from epochal_operator.experiment.trial_job import template_parameters

from tests.bench.experiments.search import ASHA, FULL, HYPERBAND, experiment
from tests.kit.kubectl import Object


@pytest.mark.parametrize("schedule", [FULL, ASHA, HYPERBAND])
def test_what_is_measured_is_an_experiment_that_runs(schedule: Object) -> None:
    document = experiment("TPE", schedule, trials=12)
    template = document["spec"]["template"]["spec"]
    space = check(parse(document).spec, template)
    own = template_parameters(template, space)
    assert own == {"learningRate": "0.003", "filters": "16", "dropout": "0.2", "optimizer": "Adam"}
    assert space.contains(own)
