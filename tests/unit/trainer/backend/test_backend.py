import os
import subprocess
import sys
from typing import get_args

import pytest
from epochal_api.pod import MIN_MEMORY_BYTES
from epochal_api.trainingjob.spec import TrainingJobSpec
from epochal_trainer import backend

from tests.unit.trainer.expect import expect_failure


@pytest.mark.parametrize("framework", get_args(TrainingJobSpec.model_fields["framework"].annotation))
def test_select_framework(monkeypatch: pytest.MonkeyPatch, framework: str) -> None:
    monkeypatch.setattr(os, "environ", {"KERAS_BACKEND": "another", "TF_CPP_MIN_LOG_LEVEL": "0"})
    backend.select_framework(framework)
    assert os.environ == {"KERAS_BACKEND": framework, "TF_CPP_MIN_LOG_LEVEL": "0"}


def test_no_framework_import_before_the_training() -> None:
    code = "import sys, epochal_trainer.run, epochal_trainer.data; print({'keras', 'tensorflow'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"


def test_memory_limit_too_low() -> None:
    message = r"is 64 MiB, but Keras with tensorflow alone takes \d+ MiB .*: raise spec.resources.limits.memory"
    with expect_failure("OutOfMemory", message, 64):
        backend.check_memory("tensorflow", 64 * 2**20)


@pytest.mark.parametrize("limit", [None, MIN_MEMORY_BYTES, 2**40])
def test_memory_limit_that_may_suffice(limit: int | None) -> None:
    backend.check_memory("tensorflow", limit)
