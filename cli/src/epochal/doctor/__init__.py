"""The checks of `epochal doctor`: the causes that stop a TrainingJob, in order of dependence."""

from epochal.doctor.examine import examine
from epochal.doctor.finding import Finding, Level

__all__ = ["Finding", "Level", "examine"]
