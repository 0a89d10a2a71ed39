import os
import subprocess
import sys
from typing import get_args

import pytest
from epochal_api.pod import LEAST_MEMORY
from epochal_api.trainingjob.spec import TrainingJobSpec
from epochal_trainer import backend
from epochal_trainer.lib.failures import Failure


@pytest.mark.parametrize("framework", get_args(TrainingJobSpec.model_fields["framework"].annotation))
def test_each_framework_of_a_spec_can_be_chosen(monkeypatch: pytest.MonkeyPatch, framework: str) -> None:
    monkeypatch.setattr(os, "environ", {"KERAS_BACKEND": "another", "TF_CPP_MIN_LOG_LEVEL": "0"})
    backend.choose(framework)
    assert os.environ == {"KERAS_BACKEND": framework, "TF_CPP_MIN_LOG_LEVEL": "0"}


def test_what_goes_before_a_training_waits_for_no_framework() -> None:
    code = "import sys, epochal_trainer.run, epochal_trainer.data; print({'keras', 'tensorflow'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"


def test_too_little_memory_is_told_before_the_kernel_kills_for_it() -> None:
    with pytest.raises(
        Failure, match=r"may take 64 MiB of memory, and Keras with tensorflow alone takes \d+ MiB "
    ) as caught:
        backend.check_memory("tensorflow", 64 * 2**20)
    assert "spec.resources.limits.memory must be more than that" in caught.value.message
    assert (caught.value.reason, caught.value.exit_code) == ("OutOfMemory", 64)


@pytest.mark.parametrize("limit", [None, LEAST_MEMORY, 2**40])
def test_what_may_be_enough_is_tried(limit: int | None) -> None:
    backend.check_memory("tensorflow", limit)
