import os
import subprocess
import sys
from typing import get_args

import pytest
from epochal_api.trainingjob import TrainingJobSpec
from epochal_trainer import backend


@pytest.mark.parametrize("framework", get_args(TrainingJobSpec.model_fields["framework"].annotation))
def test_each_framework_of_a_spec_can_be_chosen(monkeypatch: pytest.MonkeyPatch, framework: str) -> None:
    monkeypatch.setattr(os, "environ", {"KERAS_BACKEND": "another", "TF_CPP_MIN_LOG_LEVEL": "0"})
    backend.choose(framework)
    assert os.environ == {"KERAS_BACKEND": framework, "TF_CPP_MIN_LOG_LEVEL": "0"}


def test_what_goes_before_a_training_waits_for_no_framework() -> None:
    code = "import sys, epochal_trainer.run, epochal_trainer.data; print({'keras', 'tensorflow'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"
