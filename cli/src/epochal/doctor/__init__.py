"""The checks of `epochal doctor`: they find problems that prevent a TrainingJob from running on the cluster."""

from epochal.doctor.examine import examine
from epochal.doctor.finding import Finding, Level

__all__ = ["Finding", "Level", "examine"]
