"""The hostile objects of `make faults` must reach the code that they attack."""

import json

from epochal_api.experiment.spec import parse
from epochal_api.trainingjob.spec import MAX_SPEC_BYTES
from epochal_operator.experiment import cache_transform
from epochal_operator.experiment.ledger.encoding import MAX_DECOMPRESSED_BYTES
from epochal_operator.experiment.search_space.check import check
from epochal_operator.experiment.trial_job import PARAMETERS_ANNOTATION

from tests.faults import hostile


def test_the_longest_annotations_are_read_and_exceed_a_ledger() -> None:
    search = hostile.longest_search("longest")
    search["metadata"] |= {"namespace": "n", "uid": "u", "generation": 1}
    assert len(json.dumps(search["spec"], ensure_ascii=False).encode()) < MAX_SPEC_BYTES
    space = check(parse(search).spec, search["spec"]["template"]["spec"])
    texts = [job["metadata"]["annotations"][PARAMETERS_ANNOTATION] for job in hostile.longest_trials(search)]
    assert max(map(len, texts)) < cache_transform.MAX_PARAMETERS
    assert all(set(json.loads(text)) == {item.name for item in space.parameters} for text in texts)
    assert sum(len(json.dumps(json.loads(text))) for text in texts) > MAX_DECOMPRESSED_BYTES
